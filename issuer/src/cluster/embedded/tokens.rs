//! The two controllers of bootstrap tokens: the signer, which keeps a signature of cluster-info for
//! every token that may sign, and the cleaner, which removes expired tokens.

use super::authn::{TOKEN_SECRET_TYPE, secret_data, token_expired};
use super::resource::Resource;
use super::store::{Key, Store};
use crate::clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use std::convert::Infallible;
use time::OffsetDateTime;

const SIGNATURE: &str = "jws-kubeconfig-";

/// The detached JWS (RFC 7515 appendix F) of cluster-info by a token: HS256, keyed by the token's secret.
pub fn signature(content: &str, id: &str, secret: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"HS256\",\"kid\":\"{id}\"}}"));
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(content));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag))
}

fn tokens(store: &Store) -> Vec<std::sync::Arc<Value>> {
    let (mut secrets, _) = store.list(Resource::Secret, "kube-system");
    secrets.retain(|secret| secret["type"] == TOKEN_SECRET_TYPE);
    secrets
}

/// Brings the signatures in cluster-info in line with the tokens there are.
pub fn sign(store: &Store, now: OffsetDateTime) {
    let key = Key::within(Resource::ConfigMap, "kube-public", "cluster-info");
    let tokens = tokens(store);
    // No cluster-info, nothing to sign.
    drop(store.update(&key, |info| {
        let mut after = info.clone();
        let Some(data) = after["data"].as_object_mut() else { return Ok::<_, Infallible>(after) };
        data.retain(|name, _| !name.starts_with(SIGNATURE));
        let Some(content) = data.get("kubeconfig").and_then(Value::as_str).map(str::to_owned) else {
            return Ok(after);
        };
        for secret in &tokens {
            let text = |name: &str| secret_data(secret, name);
            let signs = text("usage-bootstrap-signing").is_some_and(|text| text.as_str() == "true");
            if let (Some(id), Some(part)) = (text("token-id"), text("token-secret"))
                && signs
                && !token_expired(secret, now)
                && secret["metadata"]["name"] == format!("bootstrap-token-{}", id.as_str())
            {
                data.insert(format!("{SIGNATURE}{}", id.as_str()), json!(signature(&content, &id, &part)));
            }
        }
        Ok(after)
    }));
}

/// Removes expired tokens; says when the next one expires.
pub fn clean(store: &Store, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let mut next = None;
    for secret in tokens(store) {
        if token_expired(&secret, now) {
            let name = secret["metadata"]["name"].as_str().unwrap_or_default();
            let key = Key::within(Resource::Secret, "kube-system", name);
            // Somebody else may have removed it meanwhile: the same end.
            drop(store.delete(&key, |current| if token_expired(current, now) { Ok(()) } else { Err(()) }));
        } else if let Some(at) = secret_data(&secret, "expiration").and_then(|text| clock::parse(&text)) {
            next = Some(next.map_or(at, |soonest: OffsetDateTime| soonest.min(at)));
        }
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_real_signer() {
        let secret = "my voice is my passcode";
        #[rustfmt::skip]
        let rows = [
            ("Hello from the other side. I must have called a thousand times.",
             "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8"),
            ("", "eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..7Ui1ALizW4jXphVUB7xUqC9vLYLL9RZeOFfVLoB7Tgk"),
        ];
        for (content, expected) in rows {
            assert_eq!(signature(content, "joshua", secret), expected);
        }
    }
}
