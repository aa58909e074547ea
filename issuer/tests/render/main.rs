//! What is rendered, used as it is meant to be: by real shells, over real TLS, read by the agent's own
//! parser. Only the agent is played here, by a script that writes down what it was given; the machines in
//! `tests/machine` run the real one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod counter;
mod machine;
mod order;

mod command;
mod download;
mod lint;
mod served;
mod user_data;
