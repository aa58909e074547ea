//! The process's log: one JSON object a line on standard error, where the service manager or the
//! container's runtime takes it. A line says who asked for what by names that are public; queries,
//! headers, bodies and tokens never come here.

use std::io;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use worker_bootstrap::failure::chain;

/// Begins to log. Libraries are heard when they warn: what they say below that may hold what they carry.
pub fn begin(verbose: bool) {
    let own = if verbose { Level::DEBUG } else { Level::INFO };
    let heard = Targets::new()
        .with_default(Level::WARN)
        .with_target("bootstrap_issuer", own)
        // It tells an answer that it cannot read, a Secret's among them, word for word.
        .with_target("kube_client", LevelFilter::OFF);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(io::stderr);
    // A process that already logs, as in a test, goes on as it does.
    drop(tracing_subscriber::registry().with(lines).with(heard).try_init());
}
