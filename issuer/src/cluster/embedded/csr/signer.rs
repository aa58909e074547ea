//! The signing controller: approved requests to the kubelet-client signer get their certificate, or
//! the condition Failed when they are not what that signer signs.

use super::super::pki::Authority;
use super::super::resource::Resource;
use super::super::store::{Key, Store};
use super::{KUBELET_CLIENT_SIGNER, condition, has, with};
use crate::clock;
use crate::cluster::certificate_request::{Parsed, usages};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

/// How long a certificate lives when its request does not say.
const DEFAULT_LIFE: Duration = Duration::days(365);

/// Signs everything that waits for it.
pub fn reconcile(store: &Store, authority: &Authority, now: OffsetDateTime) {
    for object in store.list(Resource::Csr, "").0 {
        if !waits(&object) {
            continue;
        }
        let key = Key::global(Resource::Csr, object["metadata"]["name"].as_str().unwrap_or_default());
        let outcome = sign(&object, authority, now);
        // The object may have gone, or have been signed, since it was listed: then this was nothing.
        drop(store.update(&key, |current| {
            if !waits(current) || current["metadata"]["uid"] != object["metadata"]["uid"] {
                return Err(());
            }
            Ok(match &outcome {
                Ok(pem) => {
                    let mut after = current.clone();
                    after["status"]["certificate"] = json!(STANDARD.encode(pem));
                    after
                }
                Err(why) => {
                    with(current, condition("Failed", "SignerValidationFailure", why, &clock::seconds(now)))
                }
            })
        }));
    }
}

fn waits(object: &Value) -> bool {
    object["spec"]["signerName"] == KUBELET_CLIENT_SIGNER
        && object["status"].get("certificate").is_none()
        && has(object, "Approved")
        && !has(object, "Denied")
        && !has(object, "Failed")
}

fn sign(object: &Value, authority: &Authority, now: OffsetDateTime) -> Result<String, String> {
    let parsed = Parsed::of(object)?;
    let usages = usages(object);
    parsed.kubelet_client(&usages)?;
    let life = object["spec"]["expirationSeconds"].as_i64().map_or(DEFAULT_LIFE, Duration::seconds);
    let encipherment = usages.iter().any(|usage| usage == "key encipherment");
    authority
        .node(&parsed.common_name, &parsed.spki, encipherment, now, life)
        .map_err(|error| error.to_string())
}
