//! The program as an operator and a user meet it: a configuration, a process, and the command line against
//! it, over TLS, with an embedded cluster. Each test has a process and a directory of its own.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

mod client;
#[path = "../api/forms.rs"]
mod forms;
mod impostor;
mod operate;
mod rig;
mod strange;
