//! The contract over real HTTP on loopback, against the real router, flow and store. What is not real is the
//! cluster behind it: one that does as it is told, so that it can be away or refuse at any moment. `killed` and
//! `program` run the whole program instead.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod program;
mod rig;
mod wire;

mod canary;
mod create;
mod forms;
mod killed;
mod lists;
mod machine;
mod multi_use;
mod refusals;
mod replays;
mod reports;
mod revoke;
mod store;
