//! The approving controller: a kubelet's request is approved when whoever made it may have that done
//! (the same question the real controller asks by SubjectAccessReview).
//!
//! Tokens that are marked as one-time are bound to the first request made with them: node name and
//! public key, written to the token's Secret before the approval. The same request again is the
//! same use; every other one is denied. What a token was bound to is remembered after its Secret
//! has gone, until this process ends.

use super::super::authn::{BOOTSTRAP_USER, User};
use super::super::authz::{self, Verdict};
use super::super::request::Attributes;
use super::super::resource::Resource;
use super::super::store::{Key, Store};
use super::parsed::usages;
use super::{KUBELET_CLIENT_SIGNER, Parsed, condition, has, with};
use crate::clock;
use serde_json::{Value, json};
use std::collections::HashMap;
use time::OffsetDateTime;

/// The annotation on a token's Secret that makes it good for one machine only.
pub const ONE_TIME: &str = "bootstrap.akua.dev/one-time";
/// The annotation that says what a one-time token is bound to.
pub const USED_BY: &str = "bootstrap.akua.dev/used-by";
/// The reason of the condition that denies a second use.
pub const TOKEN_ALREADY_USED: &str = "TokenAlreadyUsed";

/// What a one-time token is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Use {
    node: String,
    key: String,
}

impl Use {
    fn annotation(&self) -> String {
        json!({"node": self.node, "key": self.key}).to_string()
    }

    fn read(annotation: &str) -> Option<Use> {
        let value: Value = serde_json::from_str(annotation).ok()?;
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Some(Use { node: text("node")?, key: text("key")? })
    }
}

/// The controller and what it remembers of one-time tokens by their ids.
#[derive(Debug, Default)]
pub struct Approver {
    one_time: HashMap<String, Option<Use>>,
}

enum Decision {
    Approve(&'static str),
    Deny(String),
    Leave,
}

impl Approver {
    /// Judges everything that waits for it.
    pub fn reconcile(&mut self, store: &Store, now: OffsetDateTime) {
        self.learn(store);
        let (mut waiting, _) = store.list(Resource::Csr, "");
        waiting.retain(|object| undecided(object));
        // First come, first served: by the version at which each was made.
        waiting.sort_by_key(|object| {
            object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse::<u64>().ok())
        });
        for object in waiting {
            let (kind, reason, message) = match self.decide(store, &object) {
                Decision::Approve(message) => ("Approved", "AutoApproved", message.to_owned()),
                Decision::Deny(message) => ("Denied", TOKEN_ALREADY_USED, message),
                Decision::Leave => continue,
            };
            let key = Key::global(Resource::Csr, object["metadata"]["name"].as_str().unwrap_or_default());
            // Gone or decided by somebody else in between: nothing to do.
            drop(store.update(&key, |current| {
                let same = current["metadata"]["uid"] == object["metadata"]["uid"];
                if !same || !undecided(current) {
                    return Err(());
                }
                Ok(with(current, condition(kind, reason, &message, &clock::seconds(now))))
            }));
        }
    }

    fn learn(&mut self, store: &Store) {
        for secret in store.list(Resource::Secret, "kube-system").0 {
            let annotations = &secret["metadata"]["annotations"];
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            let Some(id) = name.strip_prefix("bootstrap-token-").filter(|_| annotations[ONE_TIME] == "true")
            else {
                continue;
            };
            let seen = annotations[USED_BY].as_str().and_then(Use::read);
            let held = self.one_time.entry(id.to_owned()).or_default();
            if held.is_none() {
                *held = seen;
            }
        }
    }

    fn decide(&mut self, store: &Store, object: &Value) -> Decision {
        if object["spec"]["signerName"] != KUBELET_CLIENT_SIGNER {
            return Decision::Leave;
        }
        let Ok(parsed) = Parsed::of(object) else { return Decision::Leave };
        if parsed.kubelet_client(&usages(object)).is_err() {
            return Decision::Leave;
        }
        let requester = requester(object);
        let own = requester.name == parsed.common_name;
        let message = if own && may(&requester, "selfnodeclient") {
            "Auto approving self kubelet client certificate after SubjectAccessReview."
        } else if may(&requester, "nodeclient") {
            "Auto approving kubelet client certificate after SubjectAccessReview."
        } else {
            return Decision::Leave;
        };
        match requester.name.strip_prefix(BOOTSTRAP_USER) {
            Some(id) if self.one_time.contains_key(id) => self.bind(store, id, &parsed, message),
            _ => Decision::Approve(message),
        }
    }

    fn bind(&mut self, store: &Store, id: &str, parsed: &Parsed, message: &'static str) -> Decision {
        let wanted = Use { node: parsed.node().unwrap_or_default().to_owned(), key: parsed.key_id() };
        let held = self.one_time.entry(id.to_owned()).or_default();
        match held {
            Some(first) if *first == wanted => Decision::Approve(message),
            Some(first) => Decision::Deny(format!(
                "token {id} was used before, by node {} (public key {}); this request is for node {} (public key {})",
                first.node, first.key, wanted.node, wanted.key
            )),
            None => {
                let key = Key::within(Resource::Secret, "kube-system", &format!("bootstrap-token-{id}"));
                let bound = store.update(&key, |secret| {
                    if secret["metadata"]["annotations"].get(USED_BY).is_some() {
                        return Err(());
                    }
                    let mut after = secret.clone();
                    after["metadata"]["annotations"][USED_BY] = json!(wanted.annotation());
                    Ok(after)
                });
                // A token whose Secret went before its first request was judged stays unbound and
                // undecided: it was revoked.
                if bound.is_err() {
                    return Decision::Leave;
                }
                *held = Some(wanted);
                Decision::Approve(message)
            }
        }
    }
}

fn undecided(object: &Value) -> bool {
    object["status"].get("certificate").is_none()
        && !["Approved", "Denied"].into_iter().any(|kind| has(object, kind))
}

fn requester(object: &Value) -> User {
    let groups = object["spec"]["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    let groups: Vec<&str> = groups.iter().filter_map(Value::as_str).collect();
    User::new(object["spec"]["username"].as_str().unwrap_or_default(), &groups)
}

/// May this user have requests of this sort approved?
fn may(user: &User, subresource: &str) -> bool {
    let asked = Attributes {
        verb: "create".to_owned(),
        is_resource: true,
        group: Resource::Csr.group().to_owned(),
        version: "v1".to_owned(),
        resource: Resource::Csr.plural().to_owned(),
        subresource: subresource.to_owned(),
        ..Attributes::default()
    };
    matches!(authz::judge(user, &asked), Verdict::Allow(_))
}
