//! The status of a run as a file: `/run/worker-bootstrap/status.json` at each change,
//! `/var/lib/worker-bootstrap/result.json` at the end. One versioned schema for both. Times are unix
//! seconds. Holds nothing secret.

use crate::wipe::Custody;
use serde::{Deserialize, Serialize};

/// Where the running status lies.
pub const STATUS: &str = "/run/worker-bootstrap/status.json";
/// Where the last result lies.
pub const RESULT: &str = "/var/lib/worker-bootstrap/result.json";

/// Version of the schema; it changes when a field changes its meaning.
pub const SCHEMA: u32 = 1;

/// How a run stands. `reset` stands there where what it made has been undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way.
    Running,
    /// The machine is a node.
    Joined,
    /// Ended without a node; `reason` says why.
    Failed,
}

/// One run.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Of this program.
    pub version: String,
    /// Of the process that runs or ran.
    pub pid: u32,
    /// How it stands.
    pub state: State,
    /// Who it is about.
    #[serde(flatten)]
    pub about: About,
    /// When the run began.
    pub started_at: u64,
    /// When this was written.
    pub updated_at: u64,
    /// The step under way, or the last one.
    pub step: Option<StepNow>,
    /// The steps that are through.
    pub steps: Vec<StepDone>,
    /// What is waited for.
    pub waiting: Option<WaitingNow>,
    /// Reason code, at the end.
    pub reason: Option<String>,
    /// Exit code, at the end.
    pub exit_code: Option<u8>,
    /// One line on how it ended.
    pub message: Option<String>,
    /// What to do next.
    pub next: Option<String>,
    /// What became of the copies of the token.
    pub custody: Option<Custody>,
    /// What the last sweep after this run came to.
    pub sweep: Option<Custody>,
}

/// Public names of what is being joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The bootstrap's id.
    pub bootstrap_id: Option<String>,
    /// The cluster's id.
    pub cluster_id: Option<String>,
    /// The node's name.
    pub node_name: Option<String>,
    /// The public half of the token.
    pub token_id: Option<String>,
}

/// The step under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepNow {
    /// The step's verb.
    pub name: &'static str,
    /// From 1.
    pub number: u8,
    /// How many there are.
    pub total: u8,
}

/// A step that is through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepDone {
    /// The step's verb.
    pub name: &'static str,
    /// `done` or `failed`.
    pub state: &'static str,
    /// What it came to.
    pub outcome: String,
    /// How long it took, milliseconds.
    pub elapsed_ms: u64,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitingNow {
    /// Word of the wait state.
    pub state: &'static str,
    /// Since when.
    pub since: u64,
    /// When it is given up.
    pub until: Option<u64>,
    /// Attempts so far.
    pub attempt: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
}
