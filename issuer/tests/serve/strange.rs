//! A cluster whose answers are not what they should be: damaged, without an end, or that its past is gone.

use super::forms::{forms, holds};
use super::impostor::{self, JSON, asked};
use super::rig::{PATIENCE, Rig, read};
use axum::body::{Body, Bytes};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the server does to a Secret before it sends it back.
type Damage = fn(&str) -> String;

/// Whatever stands at the token's place, made something else.
fn at_the_secret(text: &str, other: impl Fn(&str) -> Value) -> String {
    let mut secret: Value = serde_json::from_str(text).unwrap();
    let half = secret["data"]["token-secret"].as_str().unwrap().to_owned();
    secret["data"]["token-secret"] = other(&half);
    secret.to_string()
}

/// A list with this item.
fn list(item: &str) -> String {
    let about = r#""kind": "SecretList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}"#;
    format!("{{{about}, \"items\": [{item}]}}")
}

async fn until(what: &str, good: impl Fn() -> bool) {
    let began = Instant::now();
    while !good() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What came back holds the token, and the log does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_cannot_be_read_is_not_logged() {
    let rows: [(&str, Damage); 5] = [
        ("a byte less", |text| text[..text.len() - 1].to_owned()),
        ("a byte that is no JSON", |text| text.replacen(':', ";", 1)),
        ("a byte that is no base64", |text| at_the_secret(text, |half| json!(format!("{half}!")))),
        ("a list in the text's place", |text| at_the_secret(text, |half| json!([half]))),
        ("a text in the map's place", |text| {
            let mut secret: Value = serde_json::from_str(text).unwrap();
            secret["data"] = json!(secret["data"].to_string());
            secret.to_string()
        }),
    ];
    for (what, damage) in rows {
        let rig = Rig::new();
        let sent = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&sent);
        let rig_and_issuer = impostor::serve(&rig, move |parts, body| match asked(parts) {
            (&Method::POST, "secrets") => {
                let text = String::from_utf8(body.to_vec()).unwrap();
                kept.lock().unwrap().clone_from(&text);
                Some((StatusCode::CREATED, JSON, damage(&text)).into_response())
            }
            (&Method::GET, "secrets") if !kept.lock().unwrap().is_empty() => {
                Some((JSON, list(&damage(&kept.lock().unwrap()))).into_response())
            }
            _ => None,
        })
        .await;
        let log = || read(&rig.path("log"));
        assert_eq!(impostor::create(&rig, &rig_and_issuer.issuer).await, 503, "{what}");
        until(what, || log().contains("listing: the answer cannot be read")).await;
        rig_and_issuer.issuer.end();
        let secret: Value = serde_json::from_str(&sent.lock().unwrap()).unwrap();
        let half = STANDARD.decode(secret["data"]["token-secret"].as_str().unwrap()).unwrap();
        assert!(log().contains("creating the token's Secret"), "{what}: {}", log());
        for form in forms(std::str::from_utf8(&half).unwrap()) {
            let found = holds(log().as_bytes(), &form);
            assert!(!found, "{what}: {} in {}", String::from_utf8_lossy(&form), log());
        }
    }
}

/// Of an answer without an end no more is read than an answer may have.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_without_an_end_is_left() {
    const PART: usize = 1 << 20;
    /// More than is read, and not enough to fill this machine.
    const PARTS: usize = 512;
    let rig = Rig::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let running = impostor::serve(&rig, move |parts, _| {
        let count = Arc::clone(&count);
        let part = move |left: usize| {
            let count = Arc::clone(&count);
            async move {
                let left = left.checked_sub(1)?;
                count.fetch_add(1, Ordering::Relaxed);
                Some((Ok::<_, std::io::Error>(Bytes::from(vec![b' '; PART])), left))
            }
        };
        let body = || Body::from_stream(futures_util::stream::unfold(PARTS, part));
        (asked(parts) == (&Method::POST, "secrets"))
            .then(|| (StatusCode::CREATED, JSON, body()).into_response())
    })
    .await;
    assert_eq!(impostor::create(&rig, &running.issuer).await, 503);
    let sent = sent.load(Ordering::Relaxed);
    assert!((8..128).contains(&sent), "{sent} MiB were taken");
}

/// A watch is told that its past is gone: everything is read again, and what was missed is made up for.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_watch_whose_past_is_gone_begins_anew() {
    let expired = json!({
        "kind": "Secret", "apiVersion": "v1", "type": "bootstrap.kubernetes.io/token",
        "metadata": {
            "name": "bootstrap-token-abcdef", "namespace": "kube-system", "uid": "u", "resourceVersion": "7",
            "labels": {"app.kubernetes.io/managed-by": "bootstrap-issuer"},
            "annotations": {"bootstrap.akua.dev/bootstrap-id": "wbs_1"},
        },
        "data": {"expiration": STANDARD.encode("2026-01-01T00:00:00Z")},
    });
    let rig = Rig::new();
    let (lists, deletions) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (listed, deleted) = (Arc::clone(&lists), Arc::clone(&deletions));
    let _running = impostor::serve(&rig, move |parts, body| {
        let query = parts.uri.query().unwrap_or_default();
        match asked(parts) {
            (&Method::GET, "secrets") if query.contains("watch=true") => {
                let gone = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1",
                    "status": "Failure", "code": 410, "reason": "Expired", "message": "too old"}});
                Some((JSON, format!("{gone}\n")).into_response())
            }
            (&Method::GET, "secrets") => {
                // It came between the list and the watch, and no event tells of it.
                let first = listed.fetch_add(1, Ordering::Relaxed) == 0;
                Some((JSON, list(&if first { String::new() } else { expired.to_string() })).into_response())
            }
            (&Method::DELETE, name) => {
                let asked: Value = serde_json::from_slice(body).unwrap();
                deleted.lock().unwrap().push((name.to_owned(), asked["preconditions"].clone()));
                Some((JSON, r#"{"kind": "Status", "status": "Success"}"#).into_response())
            }
            _ => None,
        }
    })
    .await;
    until("it is removed", || !deletions.lock().unwrap().is_empty()).await;
    assert!(lists.load(Ordering::Relaxed) > 1);
    let precisely = json!({"uid": "u", "resourceVersion": "7"});
    assert_eq!(deletions.lock().unwrap()[0], ("bootstrap-token-abcdef".to_owned(), precisely));
}
