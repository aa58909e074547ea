//! What machines tell, and the timeline that their workspace reads.

use super::rig::{CLUSTER, Rig, bearer, now, public};
use super::wire::{self, Answer};
use bootstrap_issuer::cluster::Happened;
use serde_json::{Value, json};
use worker_bootstrap::secret::Secret;
use worker_bootstrap::token::Token;

const RUN: &str = "0123456789abcdef0123456789abcdef";

/// The key that a machine has that was given this answer's token.
fn key_of(made: &Answer) -> String {
    Token::parse(Secret::new(bearer(made).to_owned())).unwrap().report_key().expose().to_owned()
}

fn batch(made: &Answer, events: &[Value]) -> Value {
    json!({"schema": 1, "run": RUN, "agent": "0.1.0", "tokenId": public(made), "nodeName": "n1", "events": events})
}

fn outcome(seq: u32) -> Value {
    json!({"seq": seq, "at": 7, "kind": "outcome", "step": "check", "message": "no kubelet", "elapsedMs": 12,
        "reason": "kubelet_unusable", "exitCode": 8, "next": "install one", "erased": 0, "left": 1})
}

async fn post(rig: &Rig, id: &str, key: &str, body: &str) -> Answer {
    let authorization = format!("Bearer {key}");
    wire::send(rig.address, "POST", &format!("/v1/reports/{id}"), &[("Authorization", &authorization)], body)
        .await
}

async fn report(rig: &Rig, made: &Answer, events: &[Value]) -> Answer {
    post(rig, made.text_at("/id"), &key_of(made), &batch(made, events).to_string()).await
}

async fn timeline(rig: &Rig, id: &str) -> Vec<Value> {
    let answer = rig.get(&format!("{CLUSTER}/{id}/events?limit=100")).await;
    assert_eq!((answer.code, answer.at("/has_more")), (200, &json!(false)), "{answer:?}");
    answer.at("/data").as_array().unwrap().clone()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn one_timeline_of_issuer_cluster_and_machine() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let (id, token) = (made.text_at("/id"), public(&made));
    let step = json!({"seq": 1, "at": 5, "kind": "step", "step": "find", "state": "done", "message": "a\nb",
        "elapsedMs": 3, "from_a_newer_agent": 1});
    assert_eq!(report(&rig, &made, &[step.clone(), outcome(2)]).await.code, 204);
    // Told again, as by an agent that missed the answer.
    assert_eq!(report(&rig, &made, &[step, outcome(2)]).await.code, 204);
    rig.tell(&token, Happened::Bound(rig.cluster.use_by(&token, "n1"))).await;
    let denied = || Happened::Denied { reason: "TokenAlreadyUsed".into(), message: "n1 was first".into() };
    rig.tell(&token, denied()).await;
    rig.tell(&token, denied()).await;
    let made_at = made.at("/created_at").clone();
    let mut events = timeline(&rig, id).await;
    while events.len() < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        events = timeline(&rig, id).await;
    }
    assert_eq!(types(&events), ["issued", "step", "outcome", "bound", "denied"]);
    assert_eq!(events[0]["at"], made_at);
    let at = events[2]["at"].as_i64().unwrap();
    assert!((now() - 60..=now()).contains(&at), "the issuer's clock counts: {at}");
    assert_eq!(
        events[2],
        json!({"id": "evt_3", "at": at, "source": "machine", "type": "outcome", "message": "no kubelet",
            "reason": "kubelet_unusable", "node": "n1", "machine_time": 7, "run": RUN, "agent": "0.1.0",
            "step": "check", "elapsed_ms": 12, "exit_code": 8, "next": "install one", "erased": 0, "left": 1})
    );
    assert_eq!((&events[1]["message"], &events[1]["source"]), (&json!("a b"), &json!("machine")));
    let sources = [&events[0]["source"], &events[3]["source"], &events[4]["source"]];
    assert_eq!(sources, ["issuer", "cluster", "cluster"]);
    assert_eq!((&events[3]["node"], &events[4]["reason"]), (&json!("n1"), &json!("TokenAlreadyUsed")));
    assert_eq!(events[4]["message"], "n1 was first");

    rig.revoke(id, "1").await;
    rig.eventually(&format!("{CLUSTER}/{id}"), |answer| !answer.at("/reconciling").as_bool().unwrap()).await;
    let events = timeline(&rig, id).await;
    assert_eq!(types(&events[5..]), ["revoked", "withdrawn"]);
    assert!(events[6]["message"].as_str().unwrap().contains("Node n1 had used the token"));
}

/// Whoever has the token can say that it joined: what the issuer knows of it does not change.
#[tokio::test]
async fn a_machines_word_changes_nothing() {
    let rig = Rig::start().await;
    let key = [("Idempotency-Key", "k")];
    let made = rig.create(&key, "").await;
    let item = format!("{CLUSTER}/{}", made.text_at("/id"));
    let before = rig.get(&item).await.json;
    let joined =
        json!({"seq": 1, "at": 7, "kind": "outcome", "message": "joined", "reason": "joined", "exitCode": 0});
    assert_eq!(report(&rig, &made, &[joined]).await.code, 204);
    assert_eq!(rig.get(&item).await.json, before);
    assert_eq!(bearer(&rig.create(&key, "").await), bearer(&made));
    assert_eq!(rig.cluster.good(), [bearer(&made)]);
}

/// One answer for everybody who has not the key of a bootstrap that is listened to.
#[tokio::test]
async fn strangers_get_one_answer() {
    let rig = Rig::start().await;
    let (made, other) = (rig.create(&[], "").await, rig.create(&[], "").await);
    let body = batch(&made, &[outcome(1)]).to_string();
    let id = made.text_at("/id");
    let unknown = format!("wbs_{}", "0".repeat(32));
    let expected = post(&rig, id, "wrong", &body).await;
    assert_eq!(expected.refusal(), (401, 7003, String::new()));
    #[rustfmt::skip]
    let rows = [
        (unknown.as_str(), key_of(&made)),
        ("nonsense",       key_of(&made)),
        (id,               key_of(&other)),
        (id,               bearer(&made).to_owned()),
        (id,               rig.owner.clone()),
        (id,               String::new()),
        (id,               key_of(&made).to_uppercase()),
    ];
    for (id, key) in rows {
        let answer = post(&rig, id, &key, &body).await;
        assert_eq!((answer.code, &answer.json), (expected.code, &expected.json), "{id} {key}");
    }
    assert_eq!(types(&timeline(&rig, id).await), ["issued"]);
    // Nor does the right key help where nothing was issued.
    let never = unknown.parse_id();
    let mut body = batch(&made, &[outcome(1)]);
    body["tokenId"] = json!(rig.issuer.token_id(&never).as_str());
    let answer = post(&rig, &unknown, rig.issuer.report_key(&never).expose(), &body.to_string()).await;
    assert_eq!((answer.code, &answer.json), (expected.code, &expected.json));
}

trait ParseId {
    fn parse_id(&self) -> bootstrap_issuer::names::BootstrapId;
}

impl ParseId for String {
    fn parse_id(&self) -> bootstrap_issuer::names::BootstrapId {
        bootstrap_issuer::names::BootstrapId::parse(self).unwrap()
    }
}

#[tokio::test]
async fn a_report_is_held_to_its_form_and_size() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let good = batch(&made, &[outcome(1)]);
    let with = |name: &str, value: Value| {
        let mut other = good.clone();
        other[name] = value;
        other.to_string()
    };
    let long = "x".repeat(20_000);
    #[rustfmt::skip]
    let rows = [
        (String::new(),                                    400, ""),
        ("[]".to_owned(),                                  400, ""),
        (with("schema", json!(2)),                         400, "body.schema"),
        (with("run", json!("canary")),                     400, "body.run"),
        (with("run", json!("x".repeat(32))),               400, "body.run"),
        (with("tokenId", json!("zzzzzz")),                 400, "body.tokenId"),
        (with("events", json!([])),                        400, "body.events"),
        (with("events", json!(vec![json!({"seq": 1, "at": 1, "kind": "step", "message": ""}); 65])), 400, "body.events"),
        (with("events", json!([{"seq": 1, "at": 1, "kind": "joined", "message": ""}])), 400, ""),
        (with("agent", json!(long)),                       413, ""),
    ];
    let (id, key) = (made.text_at("/id"), key_of(&made));
    for (body, code, path) in rows {
        let answer = post(&rig, id, &key, &body).await;
        assert_eq!((answer.code, answer.refusal().2.as_str()), (code, path), "{body:.200} {answer:?}");
        assert!(!answer.text.contains("canary"), "{answer:?}");
    }
    let target = format!("/v1/reports/{id}");
    let got =
        wire::send(rig.address, "GET", &target, &[("Authorization", &format!("Bearer {key}"))], "").await;
    assert_eq!((got.code, got.header("allow")), (405, Some("POST")));
    assert_eq!(types(&timeline(&rig, id).await), ["issued"]);
}

#[tokio::test]
async fn a_machine_is_heard_so_often_and_so_much() {
    let rig = Rig::start().await;
    let (made, other) = (rig.create(&[], "").await, rig.create(&[], "").await);
    let mut last = 0;
    let mut told = 0;
    while told < 60 && last != 429 {
        told += 1;
        let events: Vec<Value> = (1..=20)
            .map(|seq| json!({"seq": told * 20 + seq, "at": 1, "kind": "warning", "message": "x"}))
            .collect();
        let answer = report(&rig, &made, &events).await;
        last = answer.code;
        assert!(last == 204 || answer.header("retry-after").is_some(), "{answer:?}");
    }
    assert_eq!(last, 429);
    assert!((40..60).contains(&told), "{told}");
    assert_eq!(report(&rig, &other, &[outcome(1)]).await.code, 204);
}

#[tokio::test]
async fn pages_of_a_timeline() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let id = made.text_at("/id");
    let events: Vec<Value> = (1..=6)
        .map(|seq| json!({"seq": seq, "at": 1, "kind": "warning", "message": format!("w{seq}")}))
        .collect();
    report(&rig, &made, &events[..3]).await;
    let target = format!("{CLUSTER}/{id}/events");
    let first = rig.get(&format!("{target}?limit=2")).await;
    let cursor = first.text_at("/next_cursor").to_owned();
    // What is told meanwhile comes later and moves nothing.
    report(&rig, &made, &events[3..]).await;
    let (mut messages, mut cursor) = (vec![first.at("/data/1/message").clone()], Some(cursor));
    while let Some(after) = cursor {
        let page = rig.get(&format!("{target}?limit=2&cursor={after}")).await;
        assert_eq!(page.code, 200, "{page:?}");
        messages.extend(page.at("/data").as_array().unwrap().iter().map(|event| event["message"].clone()));
        assert_eq!(page.at("/has_more"), &json!(page.at("/next_cursor").is_string()));
        cursor = page.at("/next_cursor").as_str().map(str::to_owned);
    }
    assert_eq!(messages, ["w1", "w2", "w3", "w4", "w5", "w6"]);
    for (query, path) in [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("limit=1&limit=1", "query.limit"),
        ("status=active", "query.status"),
    ] {
        let answer = rig.get(&format!("{target}?{query}")).await;
        assert_eq!(answer.refusal(), (400, 7001, path.to_owned()), "{query}");
    }
    let nowhere = rig.get(&format!("{target}?cursor=nonsense")).await;
    assert_eq!(nowhere.refusal(), (404, 7002, "query.cursor".into()));
    // Another workspace's are not there; a token that may only read, reads.
    for (who, code) in [(&rig.reader, 200), (&rig.stranger, 404)] {
        assert_eq!(rig.send(who, "GET", &target, &[], "").await.code, code);
    }
    let unknown = rig.get(&format!("{CLUSTER}/wbs_none/events")).await;
    assert_eq!(unknown.refusal(), (404, 7002, String::new()));
    let mine = rig.send(&rig.stranger, "GET", &target.replace("clu_1", "clu_2"), &[], "").await;
    assert_eq!((mine.code, &mine.json), (unknown.code, &unknown.json));
    assert_eq!(rig.send(&rig.owner, "POST", &target, &[], "").await.code, 405);
}

/// Expiry is a fact of time: it stands in the timeline, once, at its moment.
#[tokio::test]
async fn time_has_its_place_in_it() {
    use bootstrap_issuer::store::events::{Reported, Wanted};
    let rig = Rig::start().await;
    let (made, used) = (rig.create(&[], "").await, rig.create(&[], "").await);
    let ends = made.at("/expires_at").as_i64().unwrap();
    rig.tell(&public(&used), Happened::Bound(rig.cluster.use_by(&public(&used), "n1"))).await;
    let store = rig.issuer.store();
    let look = async |made: &Answer, now: i64| {
        let place = super::rig::place("ws_1", "clu_1");
        let id = made.text_at("/id").to_owned().parse_id();
        let page = store.events(Wanted { place, id, after: 0, limit: 50, now }).await.unwrap().unwrap();
        page.events.into_iter().map(|event| (event.kind, event.at, event.message)).collect::<Vec<_>>()
    };
    assert_eq!(look(&made, ends - 1).await.len(), 1);
    for _ in 0..2 {
        let events = look(&made, ends + 5).await;
        assert_eq!((events.len(), events[1].0.as_str(), events[1].1), (2, "expired", ends));
        assert!(events[1].2.contains("nobody had used it"));
    }
    while look(&used, ends - 1).await.len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let events = look(&used, ends + 5).await;
    assert!(events[2].2.contains("bound to node n1"), "{events:?}");
    // A machine is listened to for a day after.
    let id = || made.text_at("/id").to_owned().parse_id();
    assert_eq!(store.report(id(), Vec::new(), ends + 24 * 3600 - 1).await.unwrap(), Reported::Kept(0));
    assert_eq!(store.report(id(), Vec::new(), ends + 24 * 3600).await.unwrap(), Reported::Nobody);
}
