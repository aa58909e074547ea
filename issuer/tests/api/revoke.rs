//! Revoke: at once here, in the cluster as soon as it can be reached, and an honest note.

use super::rig::{CLUSTER, Mood, Rig, public};
use bootstrap_issuer::cluster::Happened;
use serde_json::{Value, json};

#[tokio::test]
async fn the_answer_is_the_contracts_and_the_cluster_hears_of_it() {
    let rig = Rig::start().await;
    rig.cluster.mood(Mood::Willing);
    let made = rig.create(&[], "").await;
    let id = made.text_at("/id");
    let item = format!("{CLUSTER}/{id}");
    rig.cluster.mood(Mood::Away);
    let answer = rig.revoke(id, "1").await;
    assert_eq!(answer.code, 202, "{answer:?}");
    let started = answer.at("/started_at").clone();
    let operation = answer.text_at("/id").to_owned();
    let expected = json!({
        "id": operation, "workspace_id": "ws_1", "organization_id": null, "owner_type": "cluster",
        "owner_id": "clu_1", "parent_operation_id": null, "state": "RUNNING", "done": false,
        "html_url": format!("https://issuer.example{item}"),
        "metadata": {"type": "cluster.worker_bootstrap.revoke", "cluster_id": "clu_1", "worker_bootstrap_id": id},
        "response": null, "error": null, "last_error": null, "started_at": started, "completed_at": null,
    });
    assert_eq!(answer.json, expected);
    assert!(operation.starts_with("op_") && started.as_i64().is_some());

    let seen = rig.get(&item).await;
    assert_eq!((seen.text_at("/status"), seen.text_at("/etag")), ("revoked", "2"));
    assert_eq!(seen.at("/reconciling"), &json!(true));
    let active = json!({"id": operation, "type": "cluster.worker_bootstrap.revoke", "started_at": started});
    assert_eq!(seen.at("/active_operation"), &active);
    // While it runs, asking again says so, and why it has not gone.
    let again = rig.revoke(id, "2").await;
    assert_eq!((again.code, again.text_at("/id")), (202, operation.as_str()));

    rig.cluster.mood(Mood::Willing);
    let seen = rig.eventually(&item, |answer| answer.at("/reconciling") == &json!(false)).await;
    assert_eq!((seen.text_at("/status"), seen.text_at("/etag")), ("revoked", "3"));
    assert_eq!(seen.at("/active_operation"), &Value::Null);
    assert_eq!(rig.cluster.good(), Vec::<String>::new());
    let done = rig.revoke(id, "3").await;
    assert_eq!(
        (done.code, done.text_at("/id"), done.text_at("/state")),
        (202, operation.as_str(), "SUCCEEDED")
    );
    assert_eq!((done.at("/done"), done.at("/last_error")), (&json!(true), &Value::Null));
    assert!(done.at("/completed_at").as_i64().is_some());
    assert_eq!(done.text_at("/response/type"), "cluster.worker_bootstrap.revoke");
    assert!(done.text_at("/response/note").contains("Nobody had used"), "{done:?}");
}

#[tokio::test]
async fn the_etag_is_required_and_has_to_be_the_last() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let target = format!("{CLUSTER}/{}:revoke", made.text_at("/id"));
    let long = "1".repeat(257);
    type Headers<'a> = &'a [(&'a str, &'a str)];
    #[rustfmt::skip]
    let rows: [(Headers<'_>, (u16, u64, &str)); 6] = [
        (&[],                                     (400, 7001, "header.if-match")),
        (&[("If-Match", "")],                     (400, 7001, "header.if-match")),
        (&[("If-Match", &long)],                  (400, 7001, "header.if-match")),
        (&[("If-Match", "1"), ("If-Match", "1")], (400, 7001, "header.if-match")),
        (&[("If-Match", "2")],                    (409, 7006, "header.if-match")),
        (&[("If-Match", "*")],                    (409, 7006, "header.if-match")),
    ];
    for (headers, (code, number, path)) in rows {
        let answer = rig.send(&rig.owner, "POST", &target, headers, "").await;
        assert_eq!(answer.refusal(), (code, number, path.to_owned()), "{headers:?}");
        if code == 409 {
            assert_eq!(answer.at("/errors/0/metadata"), &json!({"reason": "ABORTED", "etag": "1"}));
        }
    }
    let body = rig.send(&rig.owner, "POST", &target, &[("If-Match", "1")], "{}").await;
    assert_eq!(body.refusal(), (400, 7001, String::new()));
    assert_eq!(rig.send(&rig.owner, "POST", &target, &[("If-Match", "\"1\"")], "").await.code, 202);
}

#[tokio::test]
async fn a_key_makes_it_safe_to_ask_again() {
    let rig = Rig::start().await;
    let (one, other) = (rig.create(&[], "").await, rig.create(&[], "").await);
    let ask = |id: String, etag: &'static str| {
        let target = format!("{CLUSTER}/{id}:revoke");
        let rig = &rig;
        async move {
            rig.send(&rig.owner, "POST", &target, &[("If-Match", etag), ("Idempotency-Key", "k")], "").await
        }
    };
    let first = ask(one.text_at("/id").into(), "1").await;
    let again = ask(one.text_at("/id").into(), "1").await;
    assert_eq!((first.code, again.code, first.at("/id")), (202, 202, again.at("/id")));
    let reused = ask(other.text_at("/id").into(), "1").await;
    assert_eq!(reused.refusal(), (409, 7006, "header.idempotency-key".into()));
}

#[tokio::test]
async fn the_note_says_who_was_first() {
    let rig = Rig::start().await;
    for (what, words) in [
        ("unused", "Nobody had used"),
        ("used, as the cluster says", "Node n1 had used"),
        ("used, as was told before", "Node n1 had used"),
        ("not known there", "Whether somebody had used it is not known here"),
    ] {
        let made = rig.create(&[], "").await;
        let (id, token) = (made.text_at("/id"), public(&made));
        let item = format!("{CLUSTER}/{id}");
        let mut etag = "1";
        match what {
            "unused" => {}
            "not known there" => rig.cluster.forget(&token),
            "used, as the cluster says" => drop(rig.cluster.use_by(&token, "n1")),
            _ => {
                let used = rig.cluster.use_by(&token, "n1");
                rig.tell(&token, Happened::Joined(used)).await;
                rig.cluster.forget(&token);
                rig.eventually(&item, |answer| answer.text_at("/status") == "expired").await;
                etag = "2";
            }
        }
        assert_eq!(rig.revoke(id, etag).await.code, 202, "{what}");
        let seen = rig.eventually(&item, |answer| answer.at("/reconciling") == &json!(false)).await;
        let done = rig.revoke(id, seen.text_at("/etag")).await;
        assert!(done.text_at("/response/note").contains(words), "{what}: {done:?}");
    }
}

#[tokio::test]
async fn what_was_not_withdrawn_is_after_a_restart() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let id = made.text_at("/id");
    rig.cluster.mood(Mood::Away);
    assert_eq!(rig.revoke(id, "1").await.code, 202);
    assert_eq!(rig.cluster.good().len(), 1);
    let rig = rig.again().await;
    rig.cluster.mood(Mood::Willing);
    rig.eventually(&format!("{CLUSTER}/{id}"), |answer| answer.at("/reconciling") == &json!(false)).await;
    assert_eq!(rig.cluster.good(), Vec::<String>::new());
}

#[tokio::test]
async fn a_cluster_that_refuses_is_named_as_the_reason() {
    let rig = Rig::start().await;
    let made = rig.create(&[], "").await;
    let id = made.text_at("/id");
    rig.cluster.mood(Mood::Refusing);
    assert_eq!(rig.revoke(id, "1").await.code, 202);
    let began = std::time::Instant::now();
    loop {
        let answer = rig.revoke(id, "2").await;
        if answer.text_at("/last_error/message").contains("refuses the withdrawal") {
            assert_eq!(answer.text_at("/state"), "RUNNING");
            break;
        }
        assert!(began.elapsed() < super::rig::PATIENCE, "{answer:?}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
