//! Where events go: to the journal with their fields, and to the screen as lines.
//!
//! journald fields carry no prefix, and INFO arrives as INFO. Where there is no journal the lines are
//! all there is.

use super::screen::Screen;
use std::fmt::{self, Write};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

const IDENTIFIER: &str = "worker-bootstrap";

/// Sends all events of this process to their places. `journal` is false under another root.
pub fn install(screen: Arc<Screen>, journal: bool, verbose: bool) {
    let journal = journal
        .then(|| tracing_journald::layer().ok())
        .flatten()
        .map(|layer| {
            layer
                .with_field_prefix(None)
                .with_syslog_identifier(IDENTIFIER.to_owned())
                .with_priority_mappings(PriorityMappings {
                    error: Priority::Error,
                    warn: Priority::Warning,
                    info: Priority::Informational,
                    debug: Priority::Debug,
                    trace: Priority::Debug,
                })
        })
        .map(|layer| layer.with_filter(Ours { verbose }));
    let lines = Lines { screen }.with_filter(Ours { verbose });
    // A second installation in one process would be a fault of ours, and silence is its only harm.
    drop(tracing_subscriber::registry().with(journal).with(lines).try_init());
}

/// Only events of this program, and debug only when asked: libraries below log request headers.
struct Ours {
    verbose: bool,
}

impl<S> tracing_subscriber::layer::Filter<S> for Ours {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: &Context<'_, S>) -> bool {
        let limit = if self.verbose { Level::DEBUG } else { Level::INFO };
        metadata.target().starts_with("worker_bootstrap") && *metadata.level() <= limit
    }
}

struct Lines {
    screen: Arc<Screen>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let step = match (line.step_number, line.step.as_str()) {
            (Some(number), name) if !name.is_empty() => format!("[{number:>2}/10] {name:<8}"),
            _ => "        ".to_owned(),
        };
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR ",
            Level::WARN => "warning: ",
            Level::DEBUG | Level::TRACE => "debug: ",
            Level::INFO => "",
        };
        self.screen.line(&format!("{step} {level}{}", line.message));
    }
}

#[derive(Default)]
struct Line {
    message: String,
    step: String,
    step_number: Option<u64>,
}

impl Visit for Line {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "step_number" {
            self.step_number = Some(value);
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            "step" => self.step.push_str(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String cannot fail.
            write!(self.message, "{value:?}").ok();
        }
    }
}
