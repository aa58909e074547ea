//! Binding a token to its first use, by a write to its Secret that is refused unless the Secret is as it
//! was read. Of any number of deciders one is the first, and the others read what it wrote.

use super::Enforcer;
use super::answer::{self, Answer};
use super::memory::Known;
use crate::clock;
use crate::cluster::Use;
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::kubernetes::error::{Said, ask, ask_plainly};
use crate::cluster::kubernetes::secret::{self, Bound, Held};
use crate::cluster::kubernetes::words::NODE_HASH;
use kube::api::{ListParams, Patch, PatchParams};
use worker_bootstrap::token::TokenId;

/// Each time round somebody else has written to the Secret, which happens twice in a token's life.
const ROUNDS: usize = 8;

/// Binds the token to this use: `Ok(None)` when it is bound to it, now or from before; otherwise what is to
/// be said to the request.
pub(super) async fn bind(
    enforcer: &Enforcer,
    token: &TokenId,
    wanted: &Use,
    request: &str,
) -> Result<Option<Answer>, ClusterError> {
    let secrets = enforcer.cluster.secrets();
    let name = secret::name(token);
    for _ in 0..ROUNDS {
        let now = clock::now();
        // Side by side, as the machine waits: all are read before the token is bound.
        let (found, node, other) = tokio::join!(
            ask("reading the token's Secret", secrets.get(&name)),
            enforcer.node_since(&wanted.node),
            rival(enforcer, token, wanted)
        );
        let Said::Done(found) = found? else {
            return gone(enforcer, token, wanted).map(Some);
        };
        let held = Held::of(&found)?;
        enforcer.memory.read(held.clone());
        match &held.bound {
            Some(first) if first.is(wanted) => {
                // Looked for again: another decider may have bound it after the look above.
                let other = rival(enforcer, token, wanted).await?;
                return Ok(other.map(|who| answer::name_taken_from(token, wanted, &who)));
            }
            Some(first) => return Ok(Some(answer::already_used(token, first, wanted))),
            None => {}
        }
        if held.expired(now) {
            return Ok(Some(answer::expired(token, held.expires)));
        }
        if let Some(since) = node? {
            return Ok(Some(answer::name_taken(token, wanted, &answer::a_node(since))));
        }
        if let Some(who) = other? {
            return Ok(Some(answer::name_awaited(token, wanted, &who)));
        }
        let bound = Bound {
            node: wanted.node.clone(),
            key: wanted.key.clone(),
            request: request.to_owned(),
            at: clock::seconds(now),
        };
        let change = Patch::Merge(held.bind(&bound));
        let params = PatchParams::default();
        if let Said::Done(changed) = ask("binding the token", secrets.patch(&name, &params, &change)).await? {
            // The watch may break before it tells of this.
            enforcer.memory.read(Held::of(&changed)?);
            if let Some(who) = rival(enforcer, token, wanted).await? {
                return Ok(Some(answer::name_taken_from(token, wanted, &who)));
            }
            // A rival that is not there any more may have joined since the look above. In this order: its Secret
            // goes only once its Node is there. And nothing of ours was approved yet, so the Node is not ours.
            let node = enforcer.node_since(&wanted.node).await?;
            return Ok(node.map(|since| answer::name_taken_from(token, wanted, &answer::a_node(since))));
        }
    }
    Err(ClusterError::Unavailable(format!("the Secret {name} changes each time it is read")))
}

/// What is said of a token whose Secret is not there.
fn gone(enforcer: &Enforcer, token: &TokenId, wanted: &Use) -> Result<Answer, ClusterError> {
    match enforcer.memory.of(token) {
        Known::Not => Ok(answer::gone(token)),
        Known::Ended(last) => Ok(answer::ended(token, &last, wanted, clock::now())),
        Known::Unseen(last) => Ok(answer::gone_unseen(token, &last)),
        Known::Soon => Err(ClusterError::Unavailable(format!(
            "token {token} has just gone from the cluster, and the watch has not told yet what became of it"
        ))),
    }
}

/// Another token whose machine, another one, is joining under this name. Looked for before the binding, so that
/// the token stays good, and after it: of two tokens that are bound to one name at the same time at least one
/// sees the other, and is spent for nothing.
async fn rival(enforcer: &Enforcer, token: &TokenId, wanted: &Use) -> Result<Option<String>, ClusterError> {
    let same_name = ListParams::default().labels(&format!("{NODE_HASH}={}", secret::node_hash(&wanted.node)));
    let secrets = enforcer.cluster.secrets();
    let found = ask_plainly("looking for other uses of the node's name", secrets.list(&same_name)).await?;
    let now = clock::now();
    Ok(found.items.iter().filter_map(|secret| Held::of(secret).ok()).find_map(|other| {
        let bound = other.bound.as_ref()?;
        let rivals = other.token != *token
            && bound.node == wanted.node
            && bound.key != wanted.key
            && !other.expired(now);
        rivals.then(|| format!("a machine with token {} is joining under it since {}", other.token, bound.at))
    }))
}
