//! What an issuer asks of a cluster beyond what a join asks.

use super::rig::{AUTO, CSRS, Csr, MANUAL, Rig, SECRETS, Watching};
use serde_json::{Value, json};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

fn review(group: &str, subresource: &str) -> Value {
    json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:bootstrap:probe", "groups": ["system:bootstrappers", group, "system:authenticated"],
            "resourceAttributes": {
                "verb": "create", "group": "certificates.k8s.io", "version": "v1",
                "resource": "certificatesigningrequests", "subresource": subresource,
            },
        },
    })
}

#[tokio::test]
async fn who_may_do_what_can_be_asked() {
    let rig = Rig::start();
    const ISSUER: &str = "system:bootstrappers:worker-bootstrap";
    #[rustfmt::skip]
    let rows = [
        (AUTO,      "nodeclient", true),
        (MANUAL,    "nodeclient", false),
        (ISSUER,    "nodeclient", false),
        (ISSUER,    "",           true),
        ("nobody's", "",          false),
    ];
    for (group, subresource, allowed) in rows {
        let answer = rig.ask(&rig.admin(), "POST", REVIEWS, review(group, subresource)).await;
        assert_eq!(answer.code, 201, "{answer:?}");
        assert_eq!(answer.object["status"]["allowed"], allowed, "{group} {subresource}: {answer:?}");
    }
    let token = rig.token("aaaaaa", AUTO, |_| {}).await;
    assert_eq!(rig.ask(&token, "POST", REVIEWS, review(AUTO, "")).await.code, 403);
    for (body, code) in [(json!({"spec": {}}), 400), (json!("{"), 400)] {
        assert_eq!(rig.ask(&rig.admin(), "POST", REVIEWS, body).await.code, code);
    }
    assert_eq!(rig.get(&rig.admin(), REVIEWS).await.code, 405);
}

/// A list and a watch of metadata alone: no token's secret half goes over the wire for them.
#[tokio::test]
async fn metadata_alone_can_be_asked_for() {
    const ONE: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    const MANY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    let rig = Rig::start();
    rig.token("aaaaaa", MANUAL, |_| {}).await;
    let client = rig.client(&rig.admin(), &["h2"]);
    let server = rig.access["server"].as_str().unwrap().to_owned();
    let ask = async |path: &str, form: &str| {
        let request = client.get(format!("{server}{path}")).header("accept", form);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str::<Value>(&answer.text().await.unwrap()).unwrap())
    };
    let (code, list) = ask(SECRETS, MANY).await;
    assert_eq!((code, list["kind"].as_str()), (200, Some("PartialObjectMetadataList")));
    let (code, one) = ask(&format!("{SECRETS}/bootstrap-token-aaaaaa"), ONE).await;
    assert_eq!((code, one["kind"].as_str()), (200, Some("PartialObjectMetadata")));
    for object in [&list["items"][0], &one] {
        assert_eq!(object["metadata"]["name"], "bootstrap-token-aaaaaa");
        assert!(object.get("data").is_none(), "{object}");
    }
    let watch = format!("{SECRETS}?watch=true&timeoutSeconds=1");
    let answer = client.get(format!("{server}{watch}")).header("accept", ONE).send().await.unwrap();
    let event = answer.text().await.unwrap();
    let event: Value = serde_json::from_str(event.lines().next().unwrap()).unwrap();
    assert_eq!(event["object"]["kind"], "PartialObjectMetadata");
    assert!(event["object"].get("data").is_none(), "{event}");
}

/// The approver of the cluster leaves an issuer's tokens to the issuer.
#[tokio::test]
async fn an_issuers_tokens_wait_for_the_issuer() {
    let rig = Rig::start();
    let token = rig.token("aaaaaa", "system:bootstrappers:worker-bootstrap", |_| {}).await;
    let mut watching = Watching::start(&rig, &token, &format!("{CSRS}?watch=true&timeoutSeconds=1")).await;
    let made = rig.ask(&token, "POST", CSRS, Csr::of_node("n1").object("one")).await;
    assert_eq!(made.code, 201, "{made:?}");
    let (kind, object) = watching.next().await.unwrap();
    assert_eq!((kind.as_str(), &object["metadata"]["name"]), ("ADDED", &json!("one")));
    assert!(watching.next().await.is_none(), "nobody approves it");
}
