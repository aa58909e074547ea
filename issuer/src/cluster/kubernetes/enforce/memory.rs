//! What this process remembers of tokens, and what of it is kept elsewhere. Only words and the order of work
//! depend on it: what is approved depends on the cluster alone.

use crate::cluster::Happened;
use crate::cluster::kubernetes::secret::Held;
use std::collections::hash_map::Entry;
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
    gone: Option<Gone>,
}

#[derive(Debug, Clone, Copy)]
struct Gone {
    since: Instant,
    /// Whether its end was seen, so that nothing can have come after the last state.
    seen: bool,
}

/// What is known of a token whose Secret is not there.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing.
    Not,
    /// Its state when it went, or its use, which is the last thing that changes what it is good for.
    Ended(Held),
    /// It went while nobody looked, and may have been used in between.
    Unseen(Held),
    /// It went just now: the watch has not told of it yet.
    Soon,
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
    /// Takes a state that was seen of this token, in any order: that it was used is never taken back.
    fn take(&mut self, held: Held) {
        let older = held.bound.is_none() && self.held.bound.is_some() && held.is_of(&self.held);
        if !older {
            self.held = held;
        }
    }

    fn due(&self) -> Due {
        Due { held: self.held.clone(), gone: self.gone.map(|gone| gone.since.elapsed()) }
    }
}

#[derive(Debug, Default)]
struct Inner {
    tokens: HashMap<TokenId, Last>,
    listing: Option<HashSet<TokenId>>,
    kept: HashSet<String>,
}

impl Inner {
    fn take(&mut self, held: Held) -> &mut Last {
        match self.tokens.entry(held.token.clone()) {
            Entry::Occupied(last) => {
                let last = last.into_mut();
                last.take(held);
                last
            }
            Entry::Vacant(none) => none.insert(Last { held, gone: None }),
        }
    }
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
        inner.take(held).gone = None;
    }

    /// The token was there when it was read, in this state. Whether it is there still, only the watch tells.
    pub(super) fn read(&self, held: Held) {
        if held.watched {
            self.lock().take(held);
        }
    }

    /// That was all: what was not named has gone.
    pub(super) fn listed(&self) {
        let mut inner = self.lock();
        let Some(listed) = inner.listing.take() else { return };
        for (token, last) in &mut inner.tokens {
            if !listed.contains(token) {
                last.gone.get_or_insert_with(|| Gone { since: Instant::now(), seen: false });
            }
        }
    }

    /// The token has gone, and this was its last state.
    pub(super) fn was(&self, held: Held) {
        let mut inner = self.lock();
        if let Some(listed) = &mut inner.listing {
            listed.remove(&held.token);
        }
        inner.take(held).gone = Some(Gone { since: Instant::now(), seen: true });
    }

    /// What is known of a token whose Secret is not there.
    pub(super) fn of(&self, token: &TokenId) -> Known {
        let inner = self.lock();
        let Some(last) = inner.tokens.get(token) else { return Known::Not };
        let held = last.held.clone();
        match last.gone {
            _ if held.bound.is_some() => Known::Ended(held),
            Some(Gone { seen: true, .. }) => Known::Ended(held),
            Some(Gone { seen: false, .. }) => Known::Unseen(held),
            None => Known::Soon,
        }
    }

    /// Every token that is remembered.
    pub(super) fn all(&self) -> Vec<Due> {
        let mut inner = self.lock();
        inner.tokens.retain(|_, last| last.gone.is_none_or(|gone| gone.since.elapsed() < REMEMBERED));
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

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Secret;
    use serde_json::json;

    fn held(uid: &str, used: bool) -> Held {
        let used_by = json!({"node": "n1", "key": "sha256:00", "request": "r", "at": "2026-01-01T00:00:00Z"});
        let secret: Secret = serde_json::from_value(json!({
            "metadata": {
                "name": "bootstrap-token-abcdef", "uid": uid,
                "labels": {"app.kubernetes.io/managed-by": "bootstrap-issuer"},
                "annotations": if used {
                    json!({"bootstrap.akua.dev/used-by": used_by.to_string()})
                } else {
                    json!({})
                },
            },
            "type": "bootstrap.kubernetes.io/token",
        }))
        .unwrap();
        Held::of(&secret).unwrap()
    }

    fn known(memory: &Memory) -> &'static str {
        match memory.of(&TokenId::parse("abcdef").unwrap()) {
            Known::Not => "nothing",
            Known::Soon => "soon",
            Known::Unseen(_) => "unseen",
            Known::Ended(held) => ["unused", "used"][usize::from(held.bound.is_some())],
        }
    }

    /// The watch breaks, and when it is back the token is not there.
    fn absence(memory: &Memory) {
        memory.listing();
        memory.listed();
    }

    #[test]
    fn what_is_known_of_a_token_that_has_gone() {
        type Step = fn(&Memory);
        let told: Step = |memory| memory.is(held("1", false));
        let told_of_use: Step = |memory| memory.is(held("1", true));
        let read: Step = |memory| memory.read(held("1", false));
        let bound: Step = |memory| memory.read(held("1", true));
        let deleted: Step = |memory| memory.was(held("1", false));
        let another: Step = |memory| memory.is(held("2", false));
        let unlabelled: Step = |memory| {
            let mut foreign = held("1", false);
            foreign.watched = false;
            memory.read(foreign);
        };
        #[rustfmt::skip]
        let rows: [(&str, &[Step], &str); 12] = [
            ("never seen",                                  &[],                                "nothing"),
            ("seen, and the watch has not told yet",        &[told],                            "soon"),
            ("seen to go",                                  &[told, deleted],                   "unused"),
            ("gone while nobody looked",                    &[told, absence],                   "unseen"),
            ("the use was told",                            &[told, told_of_use, absence],      "used"),
            ("bound here, and the watch broke before",      &[told, bound, absence],            "used"),
            ("bound here before the watch knew of it",      &[bound, absence],                  "used"),
            ("bound here, and an older state came late",    &[bound, told, absence],            "used"),
            ("the same, read late",                         &[bound, read, absence],            "used"),
            ("read late, when it had gone",                 &[told, deleted, read],             "unused"),
            ("another one of its name",                     &[bound, another, absence],         "unseen"),
            ("one that the watch never tells of",           &[unlabelled],                      "nothing"),
        ];
        for (case, steps, expected) in rows {
            let memory = Memory::default();
            for step in steps {
                step(&memory);
            }
            assert_eq!(known(&memory), expected, "{case}");
        }
    }
}
