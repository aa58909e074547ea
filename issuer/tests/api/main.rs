//! The contract over real HTTP on loopback, against the real router, flow and store. What is not real is the
//! cluster behind it: one that does as it is told, so that it can be away, refuse or be slow at any moment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod rig;
mod wire;

mod canary;
mod create;
mod lists;
mod refusals;
mod replays;
mod revoke;
mod store;
