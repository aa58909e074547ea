//! Step 10, and the voice of every step: one place that knows how far the run is and tells the journal,
//! the terminal, systemd, the status file and at the end the result file and the console.
//!
//! Never fails a run: what cannot be told is left untold. A restart begins a new status; the last
//! result stays until the next one replaces it.

pub mod events;
mod log;
mod past;
mod record;
mod screen;
pub mod status;
mod wait;

pub use log::install;
pub use past::{custody, reset, to_trim};
pub use screen::Screen;

use crate::document::Reporting;
use crate::failure::Failure;
use crate::host::lock::Lock;
use crate::host::root::Root;
use crate::host::service::{self, Service};
use crate::host::{clock, made, state as own};
use crate::outward::{Outward, wire};
use crate::progress::{Progress, Waiting};
use crate::reason::{Exit, Reason};
use crate::step::Step;
use crate::token::Token;
use crate::wipe::Custody;
use events::Event;
use record::{Level, Record, Words, millis};
use status::{About, RESULT, STATUS, State, Status, StepNow, WaitingNow};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use wait::Wait;

const SUCCESS: &str = "/run/cluster-api/bootstrap-success.complete";
/// How much longer systemd is asked to wait at each sign of life.
const EXTENSION: Duration = Duration::from_secs(60);

/// The report of one run.
#[derive(Debug)]
pub struct Report {
    root: Root,
    service: Service,
    screen: Arc<Screen>,
    inner: Mutex<Record>,
    outward: Outward,
}

impl Report {
    /// Begins the report of a run.
    pub fn begin(root: &Root, screen: Arc<Screen>) -> Self {
        Report {
            root: root.clone(),
            service: Service::from_environment(),
            screen,
            inner: Mutex::new(Record::begin(clock::unix())),
            outward: Outward::new(root),
        }
    }

    /// Says whom the run is about, as soon as it is known.
    pub fn about(&self, about: About) {
        self.outward.node(about.node_name.as_deref());
        self.lock().status.about = about;
    }

    /// A step begins.
    pub fn step(&self, step: Step) {
        let mut inner = self.lock();
        inner.step = Some((step, Instant::now()));
        inner.wait = None;
        inner.status.waiting = None;
        inner.status.step = Some(StepNow { name: step.name(), number: step.number(), total: Step::TOTAL });
        self.service.status(&format!("{step}: {}", step.description()));
        self.service.extend(EXTENSION);
        inner.tell(
            &Words {
                level: Level::Debug,
                id: Event::StepStarted.message_id(),
                state: "started",
                ..Words::default()
            },
            step.description(),
        );
        self.screen.bottom(&format!("[{:>2}/{}] {step:<8} …", step.number(), Step::TOTAL));
        self.save(&mut inner);
    }

    /// The step is through; `outcome` says what it came to.
    pub fn done(&self, outcome: &str) {
        let mut inner = self.lock();
        let elapsed = inner.end_step("done", outcome);
        inner.tell(
            &Words {
                id: Event::StepDone.message_id(),
                state: "done",
                elapsed_ms: Some(elapsed),
                ..Words::default()
            },
            outcome,
        );
        self.outward.tell(inner.step_told("done", outcome, elapsed));
        self.save(&mut inner);
    }

    /// What became of the copies of the token.
    pub fn custody(&self, custody: &Custody) {
        if custody.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.status.custody.get_or_insert_default().merge(custody.clone());
        let level = if custody.left.is_empty() { Level::Info } else { Level::Warn };
        inner.tell(&Words { level, id: Event::Custody.message_id(), ..Words::default() }, &custody.summary());
        self.outward.tell(inner.told(wire::Kind::Custody, &custody.summary()));
        self.save(&mut inner);
    }

    /// Tells systemd that the service is up: before any long wait, so that the boot goes on.
    pub fn ready(&self) {
        self.service.ready();
    }

    /// Ends the run: journal, status, result, console, and the exit code.
    pub fn finish(&self, outcome: Result<String, Failure>) -> (Exit, Status) {
        let mut inner = self.lock();
        let (reason, message) = match &outcome {
            Ok(message) => (Reason::Joined, message.clone()),
            Err(failure) => (failure.reason, failure.line()),
        };
        self.outward.ends(inner.outcome(reason, &message), settles(reason));
        let joined = reason.exit() == Exit::Joined;
        inner.status.waiting = None;
        if !joined {
            inner.end_step("failed", &message);
        }
        let elapsed = millis(inner.began.elapsed());
        inner.status.state =
            if joined || reason == Reason::ResidueLeft { State::Joined } else { State::Failed };
        inner.status.reason = Some(reason.code().to_owned());
        inner.status.exit_code = Some(reason.exit().number());
        inner.status.message = Some(message.clone());
        inner.status.next = (!joined).then(|| reason.entry().next.to_owned());
        let line =
            if joined { message } else { format!("{reason}: {message}; next: {}", reason.entry().next) };
        inner.tell(
            &Words {
                level: if joined { Level::Info } else { Level::Error },
                id: reason.entry().message_id,
                state: if joined { "done" } else { "failed" },
                reason: Some(reason.code()),
                elapsed_ms: Some(elapsed),
                ..Words::default()
            },
            &line,
        );
        self.save(&mut inner);
        self.write(RESULT, &past::with_the_past(&self.root, &inner.status));
        if inner.status.state == State::Joined {
            self.write_success();
        }
        if self.root.is_machine() {
            service::console_line(&format!("worker-bootstrap: {line}"));
        }
        self.service.status(&line);
        if joined {
            self.service.ready();
        }
        (reason.exit(), inner.status.clone())
    }

    /// A sign of life: the moving line on a terminal, and more time from systemd.
    pub fn tick(&self) {
        let mut inner = self.lock();
        self.tell_wait(&mut inner, Instant::now());
        let Some((step, _)) = inner.step else { return };
        let seconds = inner.began.elapsed().as_secs();
        let doing = match &inner.wait {
            Some(wait) => {
                let left = wait.until.map_or_else(String::new, |until| {
                    format!("{} s left; ", until.saturating_duration_since(Instant::now()).as_secs())
                });
                format!("{left}{}", wait.line())
            }
            None => "…".to_owned(),
        };
        self.screen.bottom(&format!(
            "[{:>2}/{}] {step:<8} {doing} [{seconds} s]",
            step.number(),
            Step::TOTAL
        ));
        self.service.extend(EXTENSION);
    }

    /// This run is the only one until its last word is said.
    pub fn alone(&self, lock: Lock) {
        self.outward.alone(lock);
    }

    /// The document says who else is to be told; from [`Report::judged`] on.
    pub fn towards(&self, reporting: &Reporting, token: &Token, expires_at: u64) {
        self.outward.towards(reporting, token, expires_at);
    }

    /// The expiry is judged: before that nothing goes out.
    pub fn judged(&self) {
        self.outward.open();
    }

    /// The machine stands on this token already.
    pub fn go_on(&self, token_id: &str) {
        self.outward.go_on(token_id);
    }

    /// The token is about to be used and erased: what is needed to tell how it ends is put by.
    pub fn keep(&self) {
        self.outward.keep(None);
    }

    /// The document is about to be erased because of this failure.
    pub fn keep_will(&self, failure: &Failure) {
        self.outward.keep(Some(self.lock().outcome(failure.reason, &failure.line())));
    }

    /// Tells others for as long as the run goes on.
    pub async fn speak<T>(&self) -> T {
        self.outward.speak().await
    }

    /// Tells others how it ended. Takes two seconds at most; after [`Report::finish`].
    pub async fn last_words(&self) {
        self.outward.last_words().await;
    }

    fn tell_wait(&self, inner: &mut Record, now: Instant) {
        if let Some(event) = inner.tell_wait(now) {
            self.outward.tell(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn save(&self, inner: &mut Record) {
        inner.status.updated_at = clock::unix();
        self.write(STATUS, &inner.status);
    }

    fn write(&self, path: &str, status: &Status) {
        write(&self.root, path, status);
    }

    fn write_success(&self) {
        let directory = SUCCESS.rsplit_once('/').map_or(SUCCESS, |(directory, _)| directory);
        let things = [made::Put::Directory(directory, 0o755), made::Put::File(SUCCESS, b"success", 0o644)];
        if let Err(error) = made::put(&self.root, &things) {
            tracing::warn!(target: "worker_bootstrap", "writing {SUCCESS}: {error}");
        }
    }
}

fn write(root: &Root, path: &str, status: &Status) {
    let written = serde_json::to_vec_pretty(status)
        .map_err(|error| error.to_string())
        .and_then(|text| own::write(root, path, &text, 0o644).map_err(|error| error.to_string()));
    if let Err(error) = written {
        tracing::debug!(target: "worker_bootstrap", "writing {path}: {error}");
    }
}

impl Progress for Report {
    fn waiting(&self, waiting: Waiting<'_>) {
        let mut inner = self.lock();
        let now = Instant::now();
        let unix = clock::unix();
        let error = waiting.last_error.map(crate::failure::one_line);
        let same = inner.wait.take().filter(|wait| wait.state == waiting.state);
        let since =
            inner.status.waiting.as_ref().filter(|_| same.is_some()).map_or(unix, |known| known.since);
        inner.status.waiting = Some(WaitingNow {
            state: waiting.state.code(),
            since,
            until: waiting.until.map(|until| unix + until.saturating_duration_since(now).as_secs()),
            attempt: waiting.attempt,
            last_error: error.clone(),
        });
        let wait = Wait {
            state: waiting.state,
            attempt: waiting.attempt,
            since: same.as_ref().map_or(now, |wait| wait.since),
            until: waiting.until,
            // Another trouble in the same wait is news.
            told: same.and_then(|wait| wait.told.filter(|_| wait.error == error)),
            error,
        };
        self.service.status(&wait.line());
        inner.wait = Some(wait);
        self.tell_wait(&mut inner, now);
        self.service.extend(EXTENSION);
        self.save(&mut inner);
    }

    fn note(&self, text: &str) {
        self.lock().tell(&Words { id: Event::Note.message_id(), ..Words::default() }, text);
    }

    fn warn(&self, text: &str) {
        let words = Words { level: Level::Warn, id: Event::Warning.message_id(), ..Words::default() };
        let inner = self.lock();
        inner.tell(&words, text);
        self.outward.tell(inner.told(wire::Kind::Warning, text));
    }
}

/// Whether no later run with this token can come to another end.
fn settles(reason: Reason) -> bool {
    matches!(reason.exit(), Exit::Joined | Exit::Expired | Exit::TokenRefused | Exit::Used)
}
