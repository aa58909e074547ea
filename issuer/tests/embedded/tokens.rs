//! Bootstrap tokens as Secrets: what makes one good, what ends it, and its signature of cluster-info.

use super::rig::{AUTO, CLUSTER_INFO, Rig, SECRET, SECRETS, Who};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

#[tokio::test]
async fn what_makes_a_token_good() {
    let rig = Rig::start();
    let data = |key: &'static str, value: &'static str| {
        move |secret: &mut Value| secret["stringData"][key] = json!(value)
    };
    let good = "2999-01-01T00:00:00Z";
    type Change = Box<dyn FnOnce(&mut Value)>;
    #[rustfmt::skip]
    let rows: Vec<(&str, &str, Change, u16)> = vec![
        ("aaaaa1", "as it is",             Box::new(|_| {}),                                                        200),
        ("aaaaa2", "expires in ages",      Box::new(data("expiration", good)),                                      200),
        ("aaaaa4", "not for this use",     Box::new(data("usage-bootstrap-authentication", "false")),               401),
        ("aaaaa5", "another id inside",    Box::new(data("token-id", "bbbbbb")),                                    401),
        ("aaaaa6", "another type",         Box::new(|secret| secret["type"] = json!("Opaque")),                     401),
        ("aaaaa7", "a group not its own",  Box::new(data("auth-extra-groups", "system:masters")),                   401),
        ("aaaaa8", "no groups",            Box::new(data("auth-extra-groups", "")),                                 200),
    ];
    for (id, what, change, code) in rows {
        let token = rig.token(id, AUTO, change).await;
        assert_eq!(rig.get(&token, "/version").await.code, code, "{what}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let rig = Rig::start();
    let token = rig.token("aaaaaa", AUTO, |_| {}).await;
    assert_eq!(rig.get(&token, "/version").await.code, 200);
    rig.ask(&rig.admin(), "DELETE", &format!("{SECRETS}/bootstrap-token-aaaaaa"), Value::Null).await;
    assert_eq!(rig.get(&token, "/version").await.code, 401);
}

#[tokio::test]
async fn an_expired_token_is_refused_and_its_secret_removed() {
    let rig = Rig::start();
    let expires = |secret: &mut Value| secret["stringData"]["expiration"] = json!("2020-01-01T00:00:00Z");
    let token = rig.token("aaaaaa", AUTO, expires).await;
    assert_eq!(rig.get(&token, "/version").await.code, 401);
    let path = format!("{SECRETS}/bootstrap-token-aaaaaa");
    rig.eventually(&rig.admin(), &path, |answer| answer.code == 404).await;
}

#[tokio::test]
async fn a_token_that_expires_while_the_cluster_runs_is_removed_then() {
    let rig = Rig::start();
    let soon = time::OffsetDateTime::now_utc() + time::Duration::seconds(2);
    let soon = soon.replace_nanosecond(0).unwrap();
    let text = soon.format(&time::format_description::well_known::Rfc3339).unwrap();
    let token = rig.token("aaaaaa", AUTO, |secret| secret["stringData"]["expiration"] = json!(text)).await;
    rig.eventually(&token, "/version", |answer| answer.code == 401).await;
    assert!(time::OffsetDateTime::now_utc() >= soon, "not before its time");
    let path = format!("{SECRETS}/bootstrap-token-aaaaaa");
    rig.eventually(&rig.admin(), &path, |answer| answer.code == 404).await;
}

#[tokio::test]
async fn cluster_info_is_signed_by_every_token_that_may() {
    let rig = Rig::start();
    rig.token("aaaaaa", AUTO, |_| {}).await;
    let silent = |secret: &mut Value| secret["stringData"]["usage-bootstrap-signing"] = json!("false");
    rig.token("bbbbbb", AUTO, silent).await;
    let signed = |answer: &super::rig::Answer, id: &str| {
        answer.object["data"].get(format!("jws-kubeconfig-{id}")).is_some()
    };
    let info = rig.eventually(&Who::Anonymous, CLUSTER_INFO, |answer| signed(answer, "aaaaaa")).await;
    assert!(!signed(&info, "bbbbbb"), "{info:?}");

    let content = info.at("/data/kubeconfig");
    assert!(content.contains(rig.access["server"].as_str().unwrap()), "{content}");
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"aaaaaa"}"#);
    let input = format!("{header}.{}", URL_SAFE_NO_PAD.encode(content));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), input.as_bytes());
    let expected = format!("{header}..{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(info.at("/data/jws-kubeconfig-aaaaaa"), expected);

    rig.ask(&rig.admin(), "DELETE", &format!("{SECRETS}/bootstrap-token-aaaaaa"), Value::Null).await;
    rig.eventually(&Who::Anonymous, CLUSTER_INFO, |answer| !signed(answer, "aaaaaa")).await;
}
