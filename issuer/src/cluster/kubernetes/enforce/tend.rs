//! The tokens' Secrets: each is removed at its end, which is when the machine that used it has proven
//! itself by its Node, or when its time is up. Not before: an agent that died between the issuance and its
//! disk must still be able to fetch its certificate, and nobody else can use the token meanwhile.

use super::memory::Due;
use super::{Enforcer, pace, watched};
use crate::clock;
use crate::cluster::Happened;
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::kubernetes::accounts;
use crate::cluster::kubernetes::error::{Said, ask, of_watch};
use crate::cluster::kubernetes::secret::{Held, Kind};
use crate::cluster::kubernetes::words::MANAGED_BY;
use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Node, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{Event, watcher};
use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};

/// The longest sleep: a clock that is set forward is noticed by then.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// So long after a Secret has gone its node is looked for, even where the watch does not know of it.
const NEWS: Duration = Duration::from_secs(60);
/// When what could not be done is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The names of the nodes there are, as far as the watch has told.
#[derive(Debug, Default)]
struct Names {
    known: HashSet<String>,
    listing: Option<HashSet<String>>,
}

impl Names {
    /// Takes an event; says which name is new by it, or that all may be.
    fn take(&mut self, event: Event<PartialObjectMeta<Node>>) -> Arrived {
        let name = |node: PartialObjectMeta<Node>| node.metadata.name.unwrap_or_default();
        match event {
            Event::Init => self.listing = Some(HashSet::new()),
            Event::InitApply(node) => {
                if let Some(listing) = &mut self.listing {
                    listing.insert(name(node));
                }
            }
            Event::InitDone => {
                self.known = self.listing.take().unwrap_or_default();
                return Arrived::Many;
            }
            Event::Apply(node) => {
                let name = name(node);
                if self.known.insert(name.clone()) {
                    return Arrived::One(name);
                }
            }
            Event::Delete(node) => {
                self.known.remove(&name(node));
            }
        }
        Arrived::None
    }
}

enum Arrived {
    None,
    One(String),
    Many,
}

/// Runs until its future is dropped.
pub(super) async fn tokens(enforcer: Arc<Enforcer>) {
    let (key, value) = MANAGED_BY;
    let ours = watched().labels(&format!("{key}={value}"));
    let mut secrets = pin!(watcher(enforcer.cluster.secrets(), ours).backoff(pace::Pace::default()));
    let mut nodes = pin!(watcher(enforcer.nodes(), watched()).backoff(pace::Pace::default()));
    let mut names = Names::default();
    let mut next = Instant::now() + LONGEST_SLEEP;
    loop {
        let due = tokio::select! {
            Some(event) = secrets.next() => match event {
                Ok(event) => {
                    if let Event::InitDone = event {
                        // Nobody tells of what went before the watch began: all is looked at, at once. Not
                        // sooner, or what goes between that look and the watch would be missed.
                        next = Instant::now();
                    }
                    learn(&enforcer, event)
                }
                Err(error) => {
                    tracing::warn!(error = of_watch(&error), "watching the tokens' Secrets");
                    continue;
                }
            },
            Some(event) = nodes.next() => match event.map(|event| names.take(event)) {
                Ok(Arrived::None) => continue,
                Ok(Arrived::One(node)) => enforcer.memory.bound_to(&node),
                Ok(Arrived::Many) => enforcer.memory.all(),
                Err(error) => {
                    tracing::warn!(error = of_watch(&error), "watching nodes");
                    continue;
                }
            },
            () = sleep_until(next) => {
                next = Instant::now() + LONGEST_SLEEP;
                if let Err(error) = accounts::remove_left_over(&enforcer.cluster).await {
                    tracing::debug!(%error, "cannot look for ServiceAccounts that are left over");
                }
                enforcer.memory.all()
            }
            else => return,
        };
        for one in due {
            match look_after(&enforcer, &names, &one).await {
                Ok(at) => next = next.min(at),
                Err(error) => {
                    tracing::warn!(token = %one.held.token, %error, "cannot remove a token's Secret yet");
                    next = next.min(Instant::now() + AGAIN);
                }
            }
        }
    }
}

/// Takes an event; says which tokens want a look by it.
fn learn(enforcer: &Enforcer, event: Event<Secret>) -> Vec<Due> {
    let memory = &enforcer.memory;
    let read = |secret: &Secret| {
        let held = Held::of(secret);
        if let Err(error) = &held {
            tracing::warn!(%error, "a Secret with our label is left alone");
        }
        held.ok()
    };
    match event {
        Event::Init => memory.listing(),
        Event::InitApply(secret) => {
            if let Some(held) = read(&secret) {
                memory.is(held);
            }
        }
        Event::InitDone => memory.listed(),
        Event::Apply(secret) => {
            if let Some(held) = read(&secret) {
                memory.is(held.clone());
                return vec![Due { held, gone: None }];
            }
        }
        Event::Delete(secret) => {
            if let Some(held) = read(&secret) {
                memory.was(held.clone());
                return vec![Due { held, gone: Some(Duration::ZERO) }];
            }
        }
    }
    Vec::new()
}

/// Tells of a use, and removes what has come to its end. Says when it wants another look.
async fn look_after(enforcer: &Enforcer, names: &Names, due: &Due) -> Result<Instant, ClusterError> {
    let (now, held, there) = (clock::now(), &due.held, due.gone.is_none());
    let just_gone = due.gone.is_some_and(|since| since < NEWS);
    if just_gone && held.kind == Kind::Account {
        accounts::remove(&enforcer.cluster, &held.token).await?;
    }
    if let Some(bound) = &held.bound {
        let mut kept = enforcer.tell(&held.token, Happened::Bound(bound.by()), bound.at()).await;
        let joined = Happened::Joined(bound.by());
        // The watches may lag, each by as much as it likes: the node that one knows can be the one before,
        // and another issuer can have removed the Secret of a node that is not known yet. None had this
        // name when the token was bound, so that one that is there now has come since.
        if (names.known.contains(&bound.node) || just_gone)
            && !enforcer.memory.was_kept(&held.token, &joined)
            && let Some(since) = enforcer.node_since(&bound.node).await?
        {
            kept &= enforcer.tell(&held.token, joined.clone(), since).await;
        }
        if there && enforcer.memory.was_kept(&held.token, &joined) {
            return remove(enforcer, held).await;
        }
        if !kept && !held.expired(now) {
            return Ok(Instant::now() + AGAIN);
        }
    }
    if there && held.expired(now) {
        return remove(enforcer, held).await;
    }
    let left = held.expires.filter(|_| there).and_then(|at| Duration::try_from(at - now).ok());
    Ok(Instant::now() + left.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP))
}

/// Removes the Secret if it is as it was seen: a use that was bound since then is looked at anew.
async fn remove(enforcer: &Enforcer, held: &Held) -> Result<Instant, ClusterError> {
    // Absent: somebody else has removed it. Conflict: the watch brings what is there now.
    if let Said::Done(()) = enforcer.cluster.remove("removing a token's Secret", held).await? {
        enforcer.memory.was(held.clone());
    }
    Ok(Instant::now() + LONGEST_SLEEP)
}

impl Enforcer {
    /// When the node came to be, if there is one now. Read from the cluster, past every cache.
    pub(super) async fn node_since(&self, name: &str) -> Result<Option<OffsetDateTime>, ClusterError> {
        let nodes = self.nodes();
        Ok(match ask("looking for the node", nodes.get_metadata(name)).await? {
            Said::Done(node) => {
                let created = node.metadata.creation_timestamp;
                Some(created.and_then(|at| clock::parse(&at.0.to_string())).unwrap_or_else(clock::now))
            }
            Said::Absent | Said::Conflict => None,
        })
    }
}
