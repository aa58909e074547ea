//! Why the cluster did not do something, and the one way it is asked: with a deadline.

use super::secret::Unreadable;
use http_body_util::LengthLimitError;
use kube::runtime::watcher;
use std::error::Error;
use std::time::Duration;

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// It cannot be reached, or is not ready: worth another try.
    #[error("cannot reach the cluster: {0}")]
    Unavailable(String),
    /// Another token has this public half.
    #[error("the cluster knows another token of this id")]
    Taken,
    /// It said no, and will say so again.
    #[error("the cluster refused: {0}")]
    Refused(String),
}

impl ClusterError {
    fn of(doing: &str, error: &kube::Error) -> ClusterError {
        match error {
            kube::Error::Api(status) => {
                let said = format!("{doing}: {} {}", status.code, status.message);
                match status.code {
                    // 401: a server that has just started does not know its clients yet. 409: others write
                    // to the same object.
                    401 | 408 | 409 | 410 | 429 | 500.. => ClusterError::Unavailable(said),
                    _ => ClusterError::Refused(said),
                }
            }
            other => ClusterError::Unavailable(format!("{doing}: {}", told(other))),
        }
    }
}

impl From<Unreadable> for ClusterError {
    fn from(error: Unreadable) -> Self {
        ClusterError::Refused(error.to_string())
    }
}

/// What may be said of an error: where an answer cannot be read, and never what stands there, which can be a
/// token.
fn told(error: &kube::Error) -> String {
    match error {
        kube::Error::SerdeError(error) => format!(
            "the answer cannot be read ({:?} error in line {}, column {})",
            error.classify(),
            error.line(),
            error.column()
        ),
        other => chain(other),
    }
}

/// The same of a watch.
pub(super) fn of_watch(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error) => format!("listing: {}", told(error)),
        watcher::Error::WatchStartFailed(error) => format!("beginning: {}", told(error)),
        watcher::Error::WatchFailed(error) => told(error),
        other => chain(other),
    }
}

/// Whether the answer was larger than any that is read.
pub(super) fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_large)
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors repeat their cause.
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

/// What came of a request that others may have come before.
#[derive(Debug)]
pub(super) enum Said<T> {
    /// It was done, or found.
    Done(T),
    /// There is no such object.
    Absent,
    /// The object is there already, or is not as it was when it was read.
    Conflict,
}

/// Asks.
pub(super) async fn ask<T>(
    doing: &str,
    question: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Said<T>, ClusterError> {
    match tokio::time::timeout(DEADLINE, question).await {
        Err(_) => {
            Err(ClusterError::Unavailable(format!("{doing}: no answer within {} s", DEADLINE.as_secs())))
        }
        Ok(Ok(found)) => Ok(Said::Done(found)),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(Said::Absent),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(Said::Conflict),
        Ok(Err(error)) => Err(ClusterError::of(doing, &error)),
    }
}

/// Asks something of which neither an absence nor a conflict can come.
pub(super) async fn ask_plainly<T>(
    doing: &str,
    question: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ClusterError> {
    match ask(doing, question).await? {
        Said::Done(found) => Ok(found),
        Said::Absent => Err(ClusterError::Refused(format!("{doing}: 404"))),
        Said::Conflict => Err(ClusterError::Unavailable(format!("{doing}: 409"))),
    }
}
