//! The embedded cluster, driven over TLS as its clients drive it: the running program, the Kubernetes API,
//! and what a real API server answers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rig;

mod answers;
mod audit;
mod issuers;
mod process;
mod requests;
mod tokens;
mod watches;
