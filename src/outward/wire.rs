//! What is posted, as both sides know it: one schema with a version, small, and nothing secret in it.
//!
//! The texts are those that the journal gets.

use serde::{Deserialize, Serialize};

/// Version of the schema; it changes when a field changes its meaning. Fields may be added.
pub const SCHEMA: u32 = 1;
/// The largest body that an agent sends, bytes.
pub const LARGEST: usize = 16 * 1024;

/// One body: some events of one run, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Which run, 32 hexadecimal digits. An event is known by this and its `seq`, so that one that is
    /// told twice counts once.
    pub run: String,
    /// The agent's version.
    pub agent: String,
    /// The public half of the token.
    pub token_id: String,
    /// The node's name, as soon as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The events.
    pub events: Vec<Numbered>,
}

/// One event with its place in the run. A gap in the numbers is events that were given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// From 1, upwards within the run.
    pub seq: u32,
    /// Unix seconds by the machine's clock, which may be wrong.
    pub at: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Of what kind.
    pub kind: Kind,
    /// During which step, by its verb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// One line for people.
    pub message: String,
    /// A step: `done` or `failed`. A wait: its word, as in the status file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// A wait: the attempts so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// A step or the outcome: how long it took, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_ms: Option<u64>,
    /// The outcome: its reason code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The outcome: the exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    /// The outcome of a failure: what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The outcome: how many copies of the token were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<u32>,
    /// The outcome: how many copies are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A step is through, or the run ended in it.
    #[default]
    Step,
    /// The run waits for something outside.
    Waiting,
    /// Something a person should look at although the run goes on.
    Warning,
    /// What became of the copies of the token.
    Custody,
    /// How the run ended.
    Outcome,
}
