//! What this process remembers of tokens, and what of it is kept elsewhere. Only words and the order of work
//! depend on it: what is approved depends on the cluster alone.

use crate::cluster::Happened;
use crate::cluster::kubernetes::secret::Held;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use worker_bootstrap::token::TokenId;

/// How long a token is remembered that has gone. API servers accept it for ten seconds more at most, and
/// requests that nobody has decided on can be older than that by as long as we were away.
const REMEMBERED: Duration = Duration::from_secs(2 * 60 * 60);
/// What was kept is forgotten at once when it is more than this: then it is told again, which is allowed.
const KEPT: usize = 100_000;

#[derive(Debug)]
struct Last {
    held: Held,
    gone: Option<Instant>,
}

/// A token that wants a look.
#[derive(Debug)]
pub(super) struct Due {
    /// Its last state.
    pub(super) held: Held,
    /// For how long its Secret has been gone; none where it is there, as far as is known.
    pub(super) gone: Option<Duration>,
}

impl Last {
    fn due(&self) -> Due {
        Due { held: self.held.clone(), gone: self.gone.map(|since| since.elapsed()) }
    }
}

#[derive(Debug, Default)]
struct Inner {
    tokens: HashMap<TokenId, Last>,
    listing: Option<HashSet<TokenId>>,
    kept: HashSet<String>,
}

/// The memory, shared by both tasks.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Inner>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing here is half done when somebody panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cluster is about to say what there is.
    pub(super) fn listing(&self) {
        self.lock().listing = Some(HashSet::new());
    }

    /// The token is there, in this state.
    pub(super) fn is(&self, held: Held) {
        let mut inner = self.lock();
        if let Some(listed) = &mut inner.listing {
            listed.insert(held.token.clone());
        }
        inner.tokens.insert(held.token.clone(), Last { held, gone: None });
    }

    /// That was all: what was not named has gone.
    pub(super) fn listed(&self) {
        let mut inner = self.lock();
        let Some(listed) = inner.listing.take() else { return };
        for (token, last) in &mut inner.tokens {
            if !listed.contains(token) {
                last.gone.get_or_insert_with(Instant::now);
            }
        }
    }

    /// The token has gone, and this was its last state.
    pub(super) fn was(&self, held: Held) {
        let mut inner = self.lock();
        if let Some(listed) = &mut inner.listing {
            listed.remove(&held.token);
        }
        inner.tokens.insert(held.token.clone(), Last { held, gone: Some(Instant::now()) });
    }

    /// The last state that was seen of a token, gone or not.
    pub(super) fn last(&self, token: &TokenId) -> Option<Held> {
        self.lock().tokens.get(token).map(|last| last.held.clone())
    }

    /// Every token that is remembered.
    pub(super) fn all(&self) -> Vec<Due> {
        let mut inner = self.lock();
        inner.tokens.retain(|_, last| last.gone.is_none_or(|since| since.elapsed() < REMEMBERED));
        inner.tokens.values().map(Last::due).collect()
    }

    /// Those that are bound to this node.
    pub(super) fn bound_to(&self, node: &str) -> Vec<Due> {
        let is_its = |held: &Held| held.bound.as_ref().is_some_and(|bound| bound.node == node);
        self.lock().tokens.values().filter(|last| is_its(&last.held)).map(Last::due).collect()
    }

    /// This was told and kept.
    pub(super) fn keep(&self, token: &TokenId, what: &Happened) {
        let mut inner = self.lock();
        if inner.kept.len() >= KEPT {
            inner.kept.clear();
        }
        inner.kept.insert(format!("{token} {what:?}"));
    }

    /// Whether this was told and kept, as far as is remembered.
    pub(super) fn was_kept(&self, token: &TokenId, what: &Happened) -> bool {
        self.lock().kept.contains(&format!("{token} {what:?}"))
    }
}
