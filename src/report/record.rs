//! What is known of the run so far, and how an event of it is told: always with a message for people and
//! the same fields for programs.

use super::events::Event;
use super::status::{About, SCHEMA, State, Status, StepDone};
use super::wait::Wait;
use crate::outward::wire;
use crate::reason::{Exit, Reason};
use crate::step::Step;
use std::time::{Duration, Instant};

/// One run, as far as it has come.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) status: Status,
    pub(super) began: Instant,
    pub(super) step: Option<(Step, Instant)>,
    pub(super) wait: Option<Wait>,
}

/// How much an event matters.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Level {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

/// The fields of one event beside those that every event has.
#[derive(Debug, Default)]
pub(super) struct Words<'a> {
    pub(super) level: Level,
    pub(super) id: &'a str,
    pub(super) state: &'a str,
    pub(super) reason: Option<&'a str>,
    pub(super) attempt: Option<u32>,
    pub(super) elapsed_ms: Option<u64>,
}

impl Record {
    /// The record of a run that begins now, Unix seconds.
    pub(super) fn begin(now: u64) -> Self {
        let status = Status {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            state: State::Running,
            about: About::default(),
            started_at: now,
            updated_at: now,
            step: None,
            steps: Vec::new(),
            waiting: None,
            reason: None,
            exit_code: None,
            message: None,
            next: None,
            custody: None,
            sweep: None,
        };
        Record { status, began: Instant::now(), step: None, wait: None }
    }

    /// Closes the step under way and gives how long it took, milliseconds.
    pub(super) fn end_step(&mut self, state: &'static str, outcome: &str) -> u64 {
        let Some((step, since)) = self.step else { return 0 };
        let elapsed_ms = millis(since.elapsed());
        self.wait = None;
        self.status.waiting = None;
        self.status.steps.push(StepDone {
            name: step.name(),
            state,
            outcome: outcome.to_owned(),
            elapsed_ms,
        });
        elapsed_ms
    }

    /// Tells of the wait under way, where it is time to; gives it back for others to be told.
    pub(super) fn tell_wait(&mut self, now: Instant) -> Option<wire::Event> {
        let mut wait = self.wait.take()?;
        let mut told = None;
        if wait.is_worth_a_line(now) {
            let words = Words {
                id: Event::Waiting.message_id(),
                state: "waiting",
                attempt: Some(wait.attempt),
                ..Words::default()
            };
            self.tell(&words, &wait.line());
            wait.told = Some(now);
            told = Some(wire::Event {
                state: Some(wait.state.code().to_owned()),
                attempt: Some(wait.attempt),
                ..self.told(wire::Kind::Waiting, &wait.line())
            });
        }
        self.wait = Some(wait);
        told
    }

    /// An event of the step under way, for those who are told outside this machine.
    pub(super) fn told(&self, kind: wire::Kind, message: &str) -> wire::Event {
        wire::Event {
            kind,
            step: self.step.map(|(step, _)| step.name().to_owned()),
            message: message.to_owned(),
            ..wire::Event::default()
        }
    }

    /// The end of a step.
    pub(super) fn step_told(&self, state: &str, outcome: &str, elapsed_ms: u64) -> wire::Event {
        wire::Event {
            state: Some(state.to_owned()),
            elapsed_ms: Some(elapsed_ms),
            ..self.told(wire::Kind::Step, outcome)
        }
    }

    /// The end of the run.
    pub(super) fn outcome(&self, reason: Reason, message: &str) -> wire::Event {
        let count = |copies: usize| u32::try_from(copies).unwrap_or(u32::MAX);
        let custody = self.status.custody.as_ref();
        wire::Event {
            reason: Some(reason.code().to_owned()),
            exit_code: Some(reason.exit().number()),
            next: (reason.exit() != Exit::Joined).then(|| reason.entry().next.to_owned()),
            elapsed_ms: Some(millis(self.began.elapsed())),
            erased: Some(custody.map_or(0, |custody| count(custody.erased.len()))),
            left: Some(custody.map_or(0, |custody| count(custody.left.len()))),
            ..self.told(wire::Kind::Outcome, message)
        }
    }

    /// Sends one event, with the fields that every event has.
    pub(super) fn tell(&self, words: &Words<'_>, message: &str) {
        let about = &self.status.about;
        let step = self.step.map(|(step, _)| step);
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(
                    target: "worker_bootstrap",
                    message_id = words.id,
                    bootstrap_id = about.bootstrap_id.as_deref(),
                    cluster_id = about.cluster_id.as_deref(),
                    node_name = about.node_name.as_deref(),
                    token_id = about.token_id.as_deref(),
                    step = step.map(Step::name),
                    step_number = step.map(|step| u64::from(step.number())),
                    step_total = step.map(|_| u64::from(Step::TOTAL)),
                    step_state = (!words.state.is_empty()).then_some(words.state),
                    reason = words.reason,
                    attempt = words.attempt.map(u64::from),
                    elapsed_ms = words.elapsed_ms,
                    "{message}"
                )
            };
        }
        match words.level {
            Level::Debug => say!(debug),
            Level::Info => say!(info),
            Level::Warn => say!(warn),
            Level::Error => say!(error),
        }
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
