//! The events that are not an end: one journald `MESSAGE_ID` each, explained in the journal catalog.

/// Something that happens during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A step begins.
    StepStarted,
    /// A step is through.
    StepDone,
    /// The run waits for something outside.
    Waiting,
    /// Something worth a line.
    Note,
    /// Something a person should look at although the run goes on.
    Warning,
    /// What became of the copies of the token.
    Custody,
    /// What a run made is undone.
    Reset,
}

impl Event {
    /// All of them.
    pub const ALL: [Event; 7] = [
        Event::StepStarted,
        Event::StepDone,
        Event::Waiting,
        Event::Note,
        Event::Warning,
        Event::Custody,
        Event::Reset,
    ];

    /// journald `MESSAGE_ID`, 32 hex digits.
    pub const fn message_id(self) -> &'static str {
        match self {
            Event::StepStarted => "7d3b5a90c1e24f6e8b0d2a4c6e8f1001",
            Event::StepDone => "7d3b5a90c1e24f6e8b0d2a4c6e8f1002",
            Event::Waiting => "7d3b5a90c1e24f6e8b0d2a4c6e8f1003",
            Event::Note => "7d3b5a90c1e24f6e8b0d2a4c6e8f1004",
            Event::Warning => "7d3b5a90c1e24f6e8b0d2a4c6e8f1005",
            Event::Custody => "7d3b5a90c1e24f6e8b0d2a4c6e8f1006",
            Event::Reset => "7d3b5a90c1e24f6e8b0d2a4c6e8f1007",
        }
    }

    /// Subject line of the catalog entry.
    pub const fn subject(self) -> &'static str {
        match self {
            Event::StepStarted => "A step of the worker bootstrap begins",
            Event::StepDone => "A step of the worker bootstrap is through",
            Event::Waiting => "The worker bootstrap waits",
            Event::Note => "A note of the worker bootstrap",
            Event::Warning => "A warning of the worker bootstrap",
            Event::Custody => "What became of the copies of the token",
            Event::Reset => "What a worker bootstrap made is undone",
        }
    }

    /// Body of the catalog entry.
    pub const fn explanation(self) -> &'static str {
        match self {
            Event::StepStarted => "Step @STEP_NUMBER@ of @STEP_TOTAL@, @STEP@, has begun.",
            Event::StepDone => "Step @STEP_NUMBER@ of @STEP_TOTAL@, @STEP@, took @ELAPSED_MS@ ms.",
            Event::Waiting => {
                "The run cannot go on by itself. What it waits for, until when, and the last error stand in\n\
                 the message and in /run/worker-bootstrap/status.json."
            }
            Event::Note => "For information; nothing needs to be done.",
            Event::Warning => "The run goes on, but a person should look at what the message names.",
            Event::Custody => {
                "The message names every copy of the token that was erased and every one that is still\n\
                 there. A copy that is still there is harmless once the bootstrap is revoked or expired."
            }
            Event::Reset => {
                "worker-bootstrap reset has taken back what the runs on this machine made. The message names\n\
                 what is still there, and why."
            }
        }
    }
}
