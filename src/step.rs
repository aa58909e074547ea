//! The ten steps of a run, in order. The page in `agent`, the list in the README, the numbers in the
//! journal and the words in the status file all come from this table.

use std::fmt;

/// One step of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Step {
    /// Find exactly one bootstrap.
    Find = 1,
    /// Judge form, single use and expiry.
    Admit = 2,
    /// Draw up what will be done.
    Plan = 3,
    /// Check the host before anything is changed.
    Check = 4,
    /// Do what needs no cluster.
    Prepare = 5,
    /// Obtain, prove and install the credential and the kubelet's configuration.
    Join = 6,
    /// Note that the token is spent.
    Mark = 7,
    /// Erase the copies of the token.
    Wipe = 8,
    /// Start the kubelet and watch for the node.
    Start = 9,
    /// Say how it ended.
    Report = 10,
}

impl Step {
    /// All steps in order.
    pub const ALL: [Step; 10] = [
        Step::Find,
        Step::Admit,
        Step::Plan,
        Step::Check,
        Step::Prepare,
        Step::Join,
        Step::Mark,
        Step::Wipe,
        Step::Start,
        Step::Report,
    ];

    /// From 1 to 10.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// How many there are.
    pub const TOTAL: u8 = Step::ALL.len() as u8;

    /// The verb.
    pub const fn name(self) -> &'static str {
        match self {
            Step::Find => "find",
            Step::Admit => "admit",
            Step::Plan => "plan",
            Step::Check => "check",
            Step::Prepare => "prepare",
            Step::Join => "join",
            Step::Mark => "mark",
            Step::Wipe => "wipe",
            Step::Start => "start",
            Step::Report => "report",
        }
    }

    /// One line on what the step does.
    pub const fn description(self) -> &'static str {
        match self {
            Step::Find => "find exactly one bootstrap and remember where its copies lie",
            Step::Admit => "judge its form, its single use and its expiry, before any network call",
            Step::Plan => "draw up what will be done, from the document and the facts of the machine",
            Step::Check => "check the whole host before anything is changed",
            Step::Prepare => "do what needs no cluster: directories and the kubelet's unit",
            Step::Join => "obtain a certificate, prove it, install it, configure the kubelet",
            Step::Mark => "note on disk that the token is spent; from here it is never used again",
            Step::Wipe => "erase the copies of the token",
            Step::Start => "start the kubelet and watch until the awaited state holds",
            Step::Report => "say how it ended: journal, result file, console",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
