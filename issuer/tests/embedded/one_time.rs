//! One token, one machine: the first request binds it, the same request again is the same use, and every
//! other one is denied with the name of who was first.

use super::rig::{AUTO, CSRS, Csr, Rig, SECRETS, Who, condition};
use serde_json::{Value, json};

async fn one_time(rig: &Rig, id: &str) -> Who {
    rig.token(id, AUTO, |secret| {
        secret["metadata"]["annotations"] = json!({"bootstrap.akua.dev/one-time": "true"});
    })
    .await
}

async fn end_of(rig: &Rig, who: &Who, csr: &Csr, name: &str) -> Value {
    let made = rig.ask(who, "POST", CSRS, csr.object(name)).await;
    assert_eq!(made.code, 201, "{made:?}");
    let ended = |object: &Value| {
        object["status"].get("certificate").is_some() || condition(object, "Denied").is_some()
    };
    rig.eventually(who, &format!("{CSRS}/{name}"), |answer| ended(&answer.object)).await.object
}

#[tokio::test]
async fn the_first_use_binds_and_others_are_denied() {
    let rig = Rig::start();
    let token = one_time(&rig, "aaaaaa").await;
    let first = Csr::of_node("n1");
    let other_node = Csr::of_node("n2");
    let other_key = Csr::of_node("n1");
    #[rustfmt::skip]
    let rows = [
        ("first",        &first,      None),
        ("same again",   &first,      None),
        ("another node", &other_node, Some("TokenAlreadyUsed")),
        ("another key",  &other_key,  Some("TokenAlreadyUsed")),
        ("same later",   &first,      None),
    ];
    for (at, (what, csr, denied)) in rows.into_iter().enumerate() {
        let object = end_of(&rig, &token, csr, &format!("csr-{at}")).await;
        let reason = condition(&object, "Denied").and_then(|condition| condition["reason"].as_str());
        assert_eq!(reason, denied, "{what}: {object}");
        assert_eq!(object["status"].get("certificate").is_none(), denied.is_some(), "{what}");
        if denied.is_some() {
            let message = condition(&object, "Denied").unwrap()["message"].as_str().unwrap();
            assert!(
                message.starts_with("token aaaaaa was used before, by node n1 (public key sha256:"),
                "{message}"
            );
        }
    }
    let secret = rig.get(&rig.admin(), &format!("{SECRETS}/bootstrap-token-aaaaaa")).await;
    let bound: Value = serde_json::from_str(
        secret.object["metadata"]["annotations"]["bootstrap.akua.dev/used-by"].as_str().unwrap(),
    )
    .unwrap();
    assert_eq!(bound["node"], "n1");
}

#[tokio::test]
async fn two_at_once_are_one_use() {
    let rig = Rig::start();
    let token = one_time(&rig, "aaaaaa").await;
    let (one, two) = (Csr::of_node("n1"), Csr::of_node("n2"));
    let (one, two) = tokio::join!(end_of(&rig, &token, &one, "one"), end_of(&rig, &token, &two, "two"));
    let signed =
        [&one, &two].into_iter().filter(|object| object["status"].get("certificate").is_some()).count();
    assert_eq!(signed, 1, "{one} {two}");
}

#[tokio::test]
async fn a_secret_made_anew_with_the_same_id_is_bound_still() {
    let rig = Rig::start();
    let token = one_time(&rig, "aaaaaa").await;
    end_of(&rig, &token, &Csr::of_node("n1"), "first").await;
    let gone =
        rig.ask(&rig.admin(), "DELETE", &format!("{SECRETS}/bootstrap-token-aaaaaa"), Value::Null).await;
    assert_eq!(gone.code, 200);
    assert_eq!(rig.get(&token, CSRS).await.code, 401);
    one_time(&rig, "aaaaaa").await;
    let object = end_of(&rig, &token, &Csr::of_node("n2"), "second").await;
    assert_eq!(condition(&object, "Denied").unwrap()["reason"], "TokenAlreadyUsed");
}

#[tokio::test]
async fn a_token_without_the_mark_joins_many() {
    let rig = Rig::start();
    let token = rig.token("aaaaaa", AUTO, |_| {}).await;
    for name in ["n1", "n2"] {
        let object = end_of(&rig, &token, &Csr::of_node(name), name).await;
        assert!(object["status"].get("certificate").is_some(), "{object}");
    }
}
