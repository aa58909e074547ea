//! Who may what, and every way to be refused in the one form.

use super::rig::{CLUSTER, Rig, token};
use super::wire::{raw, send};
use bootstrap_issuer::api::Limits;
use bootstrap_issuer::api_token::ApiToken;
use bootstrap_issuer::names::WorkspaceId;
use std::num::NonZeroU32;

#[tokio::test]
async fn who_may_what() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let item = &format!("{CLUSTER}/{}", made.text_at("/id"));
    let revoke = &format!("{item}:revoke");
    let theirs = &format!("/v1/clusters/clu_2/worker_bootstraps/{}", made.text_at("/id"));
    let unknown = &format!("{CLUSTER}/wbs_{}", "0".repeat(32));
    let long = &format!("{CLUSTER}/wbs_{}", "0".repeat(60));
    let (not_text, renew) = (&format!("{CLUSTER}/%ff"), &format!("{item}:renew"));
    let absent = &format!("{unknown}:revoke");
    let (owner, reader, stranger) = (&rig.owner, &rig.reader, &rig.stranger);
    #[rustfmt::skip]
    let rows: Vec<(&str, &str, &str, (u16, u64))> = vec![
        (owner,    "GET",  CLUSTER,                                   (200, 0)),
        (owner,    "GET",  item,                                      (200, 0)),
        (reader,   "GET",  CLUSTER,                                   (200, 0)),
        (reader,   "GET",  item,                                      (200, 0)),
        (reader,   "POST", CLUSTER,                                   (403, 7004)),
        (reader,   "POST", revoke,                                    (403, 7004)),
        (stranger, "GET",  CLUSTER,                                   (404, 7002)),
        (stranger, "GET",  item,                                      (404, 7002)),
        (stranger, "GET",  theirs,                                    (404, 7002)),
        (stranger, "POST", CLUSTER,                                   (404, 7002)),
        (stranger, "POST", revoke,                                    (404, 7002)),
        (owner,    "GET",  "/v1/clusters/clu_2/worker_bootstraps",    (404, 7002)),
        (owner,    "GET",  "/v1/clusters/clu_none/worker_bootstraps", (404, 7002)),
        (owner,    "GET",  "/v1/clusters/x/worker_bootstraps",        (404, 7002)),
        (owner,    "GET",  unknown,                                   (404, 7002)),
        (owner,    "GET",  long,                                      (404, 7002)),
        (owner,    "GET",  not_text,                                  (404, 7002)),
        (owner,    "POST", absent,                                    (404, 7002)),
        (owner,    "POST", renew,                                     (404, 7002)),
        (owner,    "GET",  "/v1/elsewhere",                           (404, 7002)),
        (owner,    "GET",  "/",                                       (404, 7002)),
    ];
    for (who, method, target, (code, number)) in rows {
        let answer = rig.send(who, method, target, &[], "").await;
        assert_eq!(answer.code, code, "{method} {target}: {answer:?}");
        if number > 0 {
            assert_eq!(answer.refusal().1, number, "{method} {target}");
        }
    }
    // What is another's and what is not there are one and the same answer, byte by byte.
    let one = rig.send(stranger, "GET", item, &[], "").await;
    for target in [CLUSTER, "/v1/clusters/clu_none/worker_bootstraps", theirs] {
        assert_eq!(rig.send(stranger, "GET", target, &[], "").await.text, one.text, "{target}");
    }
    assert_eq!(rig.get(item).await.text_at("/status"), "active", "nothing of it did anything");
}

#[tokio::test]
async fn credentials_that_are_none() {
    let rig = Rig::start().await;
    let revoked = token(rig.issuer.store(), "ws_1", false).await;
    let id = ApiToken::parse(&revoked).unwrap().id().clone();
    let workspace = WorkspaceId::parse("ws_1").unwrap();
    assert!(rig.issuer.store().revoke_api_token(workspace, id, 1).await.unwrap());
    let mut changed = rig.owner.clone();
    let last = changed.pop().unwrap();
    changed.push(if last == '0' { '1' } else { '0' });
    let good = format!("Bearer {}", rig.owner);
    let shapes = [
        vec![],
        vec![("Authorization", "Bearer ".to_owned())],
        vec![("Authorization", "Bearer x".to_owned())],
        vec![("Authorization", rig.owner.clone())],
        vec![("Authorization", format!("Basic {}", rig.owner))],
        vec![("Authorization", format!("Bearer {revoked}"))],
        vec![("Authorization", format!("Bearer {changed}"))],
        vec![("Authorization", format!("Bearer {}", ApiToken::random().text().expose()))],
        vec![("Authorization", good.clone()), ("Authorization", good.clone())],
    ];
    for shape in shapes {
        let headers: Vec<(&str, &str)> = shape.iter().map(|(name, value)| (*name, value.as_str())).collect();
        for (method, target) in
            [("GET", CLUSTER), ("POST", CLUSTER), ("GET", "/v1/clusters/clu_none/worker_bootstraps")]
        {
            let answer = send(rig.address, method, target, &headers, "").await;
            assert_eq!(answer.refusal(), (401, 7003, String::new()), "{headers:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    let lower = format!("bearer {}", rig.owner);
    assert_eq!(send(rig.address, "GET", CLUSTER, &[("authorization", &lower)], "").await.code, 200);
}

#[tokio::test]
async fn headers() {
    let rig = Rig::start().await;
    let (context, key) = ("akua-context", "idempotency-key");
    let text = |length| "k".repeat(length);
    let wide = "ü".repeat(64);
    #[rustfmt::skip]
    let rows: Vec<(&str, String, (u16, u64, String))> = vec![
        (context, "ws_1".into(),  (201, 0, String::new())),
        (context, "ws_2".into(),  (403, 7004, "header.akua-context".into())),
        (context, text(53),       (403, 7004, "header.akua-context".into())),
        (context, text(54),       (400, 7001, "header.akua-context".into())),
        (context, String::new(),  (400, 7001, "header.akua-context".into())),
        (key,     text(1),        (201, 0, String::new())),
        (key,     text(64),       (201, 0, String::new())),
        (key,     wide,           (201, 0, String::new())),
        (key,     text(65),       (400, 7001, "header.idempotency-key".into())),
        (key,     String::new(),  (400, 7001, "header.idempotency-key".into())),
    ];
    for (name, value, (code, number, path)) in rows {
        let answer = rig.create(&[(name, &value)], "").await;
        assert_eq!(answer.code, code, "{name}: {value}: {answer:?}");
        if number > 0 {
            assert_eq!(answer.refusal(), (code, number, path), "{name}: {value}");
        }
    }
    let twice = rig.create(&[(key, "a"), (key, "a")], "").await;
    assert_eq!(twice.refusal(), (400, 7001, "header.idempotency-key".into()));
    let context = rig.send(&rig.owner, "GET", CLUSTER, &[(context, "ws_2")], "").await;
    assert_eq!(context.refusal(), (403, 7004, "header.akua-context".into()));
    let not_text = format!(
        "POST {CLUSTER} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\nidempotency-key: ",
        rig.owner
    );
    let answer = raw(rig.address, &[not_text.as_bytes(), b"\xff\r\n\r\n"].concat()).await;
    assert_eq!(answer.refusal(), (400, 7001, "header.idempotency-key".into()));
}

#[tokio::test]
async fn methods() {
    let rig = Rig::start().await;
    let item = format!("{CLUSTER}/wbs_1");
    let revoke = format!("{item}:revoke");
    for (target, allowed) in [(CLUSTER, "GET, HEAD, POST"), (&item, "GET, HEAD"), (&revoke, "POST")] {
        for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let answer = rig.send(&rig.owner, method, target, &[], "").await;
            assert_eq!(
                (answer.refusal(), answer.header("allow")),
                ((405, 7005, String::new()), Some(allowed)),
                "{method} {target}"
            );
        }
    }
    let get = rig.get(&revoke).await;
    assert_eq!(get.refusal(), (405, 7005, String::new()));
}

#[tokio::test]
async fn a_head_that_is_too_large_and_a_body_that_does_not_come() {
    let rig = Rig::start().await;
    let large = "x".repeat(16 * 1024);
    let answer = rig.send(&rig.owner, "GET", CLUSTER, &[("x-large", &large)], "").await;
    assert_eq!(answer.refusal(), (431, 7001, String::new()));
    let broken = format!(
        "POST {CLUSTER} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
        rig.owner
    );
    let answer = raw(rig.address, broken.as_bytes()).await;
    assert_eq!(answer.refusal(), (400, 7001, String::new()));
}

#[tokio::test]
async fn the_rate_is_each_tokens_own() {
    let (one, three) = (NonZeroU32::MIN, NonZeroU32::MIN.saturating_add(2));
    let rig = Rig::limited(Limits { per_second: one, burst: three }).await;
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(rig.get(CLUSTER).await);
    }
    let last = codes.pop().unwrap();
    assert!(codes.iter().all(|answer| answer.code == 200), "{codes:?}");
    assert_eq!(last.refusal(), (429, 7008, String::new()));
    assert_eq!(last.header("retry-after"), Some("1"));
    assert_eq!(rig.send(&rig.reader, "GET", CLUSTER, &[], "").await.code, 200);
}

/// Whoever makes tokens up is held to a rate, and whoever has a good one at the same address is not.
#[tokio::test]
async fn made_up_tokens_are_not_looked_up_for_ever() {
    let rig = Rig::start().await;
    assert_eq!(rig.get(CLUSTER).await.code, 200);
    let mut codes = std::collections::BTreeMap::new();
    for number in 0..200 {
        let made_up = format!("sk_akua_{number:032x}_{number:064x}");
        let answer = rig.send(&made_up, "GET", CLUSTER, &[], "").await;
        if answer.code == 429 {
            assert_eq!(answer.refusal(), (429, 7008, String::new()));
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        *codes.entry(answer.code).or_insert(0) += 1;
    }
    assert!(codes[&401] > 90 && codes.get(&429) > Some(&50), "{codes:?}");
    assert_eq!(rig.get(CLUSTER).await.code, 200);
}
