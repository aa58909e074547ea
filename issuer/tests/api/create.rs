//! Create: what is answered, and when it is not.

use super::rig::{CLUSTER, Mood, Rig, bearer, now, public};
use serde_json::{Value, json};

#[tokio::test]
async fn the_answer_is_the_contracts() {
    let rig = Rig::start().await;
    let before = now();
    let answer = rig.create(&[], r#"{"ttl_seconds": 120}"#).await;
    let after = now();
    assert_eq!(answer.code, 201, "{answer:?}");
    let id = answer.text_at("/id").to_owned();
    assert_eq!(answer.header("location"), Some(format!("{CLUSTER}/{id}").as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let mut fields: Vec<_> = answer.json.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let all = [
        "active_operation",
        "artifacts",
        "cloud_init",
        "cluster_id",
        "command",
        "created_at",
        "etag",
        "expires_at",
        "id",
        "reconciling",
        "status",
        "token",
        "updated_at",
    ];
    assert_eq!(fields, all);
    let created = answer.at("/created_at").as_i64().unwrap();
    assert!((before..=after).contains(&created), "{created}");
    assert_eq!(answer.at("/updated_at"), created);
    assert_eq!(answer.at("/expires_at"), created + 120);
    assert_eq!(answer.text_at("/cluster_id"), "clu_1");
    assert_eq!((answer.text_at("/status"), answer.text_at("/etag")), ("active", "1"));
    assert_eq!((answer.at("/reconciling"), answer.at("/active_operation")), (&json!(false), &Value::Null));
    // It is good when it is told, for as long as it is told.
    assert_eq!(rig.cluster.good(), [bearer(&answer)]);
    assert_eq!(rig.cluster.expires(&public(&answer)), created + 120);
    assert!(answer.text_at("/cloud_init").contains(&format!("https://issuer.example/v1/reports/{id}")));

    let seen = rig.get(&format!("{CLUSTER}/{id}")).await;
    let mut expected = answer.json.clone();
    for secret in ["token", "command", "cloud_init", "artifacts"] {
        expected.as_object_mut().unwrap().remove(secret);
    }
    assert_eq!((seen.code, &seen.json), (200, &expected));
    let head = rig.send(&rig.owner, "HEAD", &format!("{CLUSTER}/{id}"), &[], "").await;
    assert_eq!((head.code, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn bodies() {
    let rig = Rig::start().await;
    let large = format!(r#"{{"ttl_seconds": 60, "x": "{}"}}"#, "x".repeat(65_536));
    let kind = "content-type";
    let json = "application/json";
    type Expected<'a> = Result<i64, (u16, u64, &'a str)>;
    #[rustfmt::skip]
    let rows: Vec<(&str, &str, Expected<'_>)> = vec![
        (json,                              "",                                   Ok(3600)),
        ("text/plain",                      "",                                   Ok(3600)),
        (json,                              "{}",                                 Ok(3600)),
        (json,                              r#"{"ttl_seconds": 60}"#,             Ok(60)),
        (json,                              r#"{"ttl_seconds": 86400}"#,          Ok(86400)),
        (json,                              r#"{"ttl_seconds": 60.0}"#,           Ok(60)),
        ("Application/JSON; charset=utf-8", r#"{"ttl_seconds": 60}"#,             Ok(60)),
        (json,                              r#"{"ttl_seconds": 59}"#,             Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": 86401}"#,          Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": 60.5}"#,           Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": -1}"#,             Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": 1e300}"#,          Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": "60"}"#,           Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": null}"#,           Err((400, 7001, "body.ttl_seconds"))),
        (json,                              r#"{"ttl_seconds": 60, "ttl": 1}"#,   Err((400, 7001, "body.ttl"))),
        (json,                              "[]",                                 Err((400, 7001, ""))),
        (json,                              "null",                               Err((400, 7001, ""))),
        (json,                              "{",                                  Err((400, 7001, ""))),
        (json,                              " ",                                  Err((400, 7001, ""))),
        (json,                              "{}{}",                               Err((400, 7001, ""))),
        ("text/plain",                      "{}",                                 Err((415, 7001, "header.content-type"))),
        ("application/json5",               "{}",                                 Err((415, 7001, "header.content-type"))),
        ("application/x-www-form-urlencoded", "{}",                               Err((415, 7001, "header.content-type"))),
        (json,                              &large,                               Err((413, 7001, ""))),
    ];
    for (value, body, expected) in rows {
        let answer = rig.create(&[(kind, value)], body).await;
        match expected {
            Ok(ttl) => {
                assert_eq!(answer.code, 201, "{value} {body}: {answer:?}");
                let lives =
                    answer.at("/expires_at").as_i64().unwrap() - answer.at("/created_at").as_i64().unwrap();
                assert_eq!(lives, ttl, "{value} {body}");
            }
            Err((code, number, path)) => {
                assert_eq!(answer.refusal(), (code, number, path.to_owned()), "{value} {body:.80}");
            }
        }
    }
    let both = rig.create(&[], r#"{"ttl_seconds": 1, "other": 1}"#).await;
    assert_eq!(both.at("/errors").as_array().unwrap().len(), 2, "{both:?}");
}

#[tokio::test]
async fn a_cluster_that_is_away_or_refuses_leaves_nothing_behind() {
    let rig = Rig::start().await;
    for (mood, wait) in [(Mood::Away, "5"), (Mood::Refusing, "60")] {
        rig.cluster.mood(mood);
        let answer = rig.create(&[], "").await;
        assert_eq!(answer.refusal(), (503, 7011, String::new()), "{mood:?}");
        assert_eq!(answer.header("retry-after"), Some(wait), "{mood:?}");
        let list = rig.get(CLUSTER).await;
        assert_eq!(list.at("/data"), &json!([]), "{mood:?}: it is not listed");
    }
    assert_eq!(rig.cluster.good(), Vec::<String>::new());
}

#[tokio::test]
async fn a_token_that_the_cluster_has_under_another_secret_is_not_given_out() {
    let rig = Rig::start().await;
    rig.cluster.mood(Mood::Taken);
    let answer = rig.create(&[("idempotency-key", "k")], "").await;
    assert_eq!(answer.code, 201, "{answer:?}");
    assert_eq!(rig.cluster.good(), [bearer(&answer)]);
    let again = rig.create(&[("idempotency-key", "k")], "").await;
    assert_eq!(again.at("/id"), answer.at("/id"));
}
