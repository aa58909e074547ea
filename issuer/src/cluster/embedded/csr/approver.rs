//! The approving controller: a kubelet's request is approved when whoever made it may have that done
//! (the same question the real controller asks by SubjectAccessReview).

use super::super::authn::User;
use super::super::authz::{self, Verdict};
use super::super::request::Attributes;
use super::super::resource::Resource;
use super::super::store::{Key, Store};
use super::{KUBELET_CLIENT_SIGNER, condition, has, with};
use crate::clock;
use crate::cluster::certificate_request::{Parsed, usages};
use serde_json::Value;
use time::OffsetDateTime;

/// Judges everything that waits for it.
pub fn reconcile(store: &Store, now: OffsetDateTime) {
    for object in store.list(Resource::Csr, "").0 {
        if !undecided(&object) {
            continue;
        }
        let Some(message) = approval(&object) else { continue };
        let key = Key::global(Resource::Csr, object["metadata"]["name"].as_str().unwrap_or_default());
        // Gone or decided by somebody else in between: nothing to do.
        drop(store.update(&key, |current| {
            let same = current["metadata"]["uid"] == object["metadata"]["uid"];
            if !same || !undecided(current) {
                return Err(());
            }
            Ok(with(current, condition("Approved", "AutoApproved", message, &clock::seconds(now))))
        }));
    }
}

/// The words of the approval, where it is this controller's to approve.
fn approval(object: &Value) -> Option<&'static str> {
    if object["spec"]["signerName"] != KUBELET_CLIENT_SIGNER {
        return None;
    }
    let parsed = Parsed::of(object).ok()?;
    parsed.kubelet_client(&usages(object)).ok()?;
    let requester = requester(object);
    if requester.name == parsed.common_name && may(&requester, "selfnodeclient") {
        return Some("Auto approving self kubelet client certificate after SubjectAccessReview.");
    }
    may(&requester, "nodeclient")
        .then_some("Auto approving kubelet client certificate after SubjectAccessReview.")
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
