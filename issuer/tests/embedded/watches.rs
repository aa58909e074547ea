//! Watches: where they begin, what they show, how they end, and that an old one can be resumed.

use super::rig::{Rig, Watching};
use serde_json::{Value, json};

const NODES: &str = "/api/v1/nodes";

fn node(name: &str, labels: Value) -> Value {
    json!({"metadata": {"name": name, "labels": labels}})
}

fn seen(event: Option<(String, Value)>) -> (String, String) {
    let (kind, object) = event.expect("an event");
    (kind, object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
}

fn pair(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}

#[tokio::test]
async fn without_a_version_it_begins_with_what_there_is() {
    let rig = Rig::start();
    let admin = rig.admin();
    rig.ask(&admin, "POST", NODES, node("a", json!({}))).await;
    for version in ["", "&resourceVersion=0"] {
        let mut watch = Watching::start(&rig, &admin, &format!("{NODES}?watch=true{version}")).await;
        assert_eq!(seen(watch.next().await), pair("ADDED", "a"));
    }
    let mut watch = Watching::start(&rig, &admin, &format!("{NODES}?watch=1")).await;
    watch.next().await;
    rig.ask(&admin, "PATCH", "/api/v1/nodes/a", json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(seen(watch.next().await), pair("MODIFIED", "a"));
    rig.ask(&admin, "DELETE", "/api/v1/nodes/a", Value::Null).await;
    assert_eq!(seen(watch.next().await), pair("DELETED", "a"));
}

#[tokio::test]
async fn it_goes_on_after_the_version_it_is_given_and_shows_what_it_is_asked_for() {
    let rig = Rig::start();
    let admin = rig.admin();
    let made = rig.ask(&admin, "POST", NODES, node("a", json!({}))).await;
    let version = made.at("/metadata/resourceVersion").to_owned();
    rig.ask(&admin, "POST", NODES, node("b", json!({}))).await;
    rig.ask(&admin, "PATCH", "/api/v1/nodes/a", json!({"metadata": {"labels": {"x": "y"}}})).await;
    let all = format!("{NODES}?watch=true&resourceVersion={version}");
    let mut watch = Watching::start(&rig, &admin, &all).await;
    assert_eq!(seen(watch.next().await), pair("ADDED", "b"), "not a, which is older");
    assert_eq!(seen(watch.next().await), pair("MODIFIED", "a"));
    let mut watch = Watching::start(&rig, &admin, &format!("{all}&fieldSelector=metadata.name%3Da")).await;
    assert_eq!(seen(watch.next().await), pair("MODIFIED", "a"), "not b, which was not asked for");
    // An object that comes to match is added, and one that ceases to match is deleted, for this watcher.
    let mut watch = Watching::start(&rig, &admin, &format!("{all}&labelSelector=x%3Dy")).await;
    assert_eq!(seen(watch.next().await), pair("ADDED", "a"));
    rig.ask(&admin, "PATCH", "/api/v1/nodes/a", json!({"metadata": {"labels": {"x": null}}})).await;
    assert_eq!(seen(watch.next().await), pair("DELETED", "a"));
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_no_event() {
    let rig = Rig::start();
    let admin = rig.admin();
    let made = rig.ask(&admin, "POST", NODES, node("a", json!({"x": "y"}))).await;
    let same = rig.ask(&admin, "PATCH", "/api/v1/nodes/a", json!({"metadata": {"labels": {"x": "y"}}})).await;
    assert_eq!(same.at("/metadata/resourceVersion"), made.at("/metadata/resourceVersion"));
}

#[tokio::test]
async fn it_ends_when_its_time_is_up_with_a_bookmark_for_those_who_know_them() {
    let rig = Rig::start();
    let admin = rig.admin();
    let path = format!("{NODES}?watch=true&timeoutSeconds=1");
    let mut plain = Watching::start(&rig, &admin, &path).await;
    assert_eq!(plain.next().await, None);
    let mut watch = Watching::start(&rig, &admin, &format!("{path}&allowWatchBookmarks=true")).await;
    let (kind, object) = watch.next().await.unwrap();
    assert_eq!((kind.as_str(), &object["kind"]), ("BOOKMARK", &json!("Node")));
    let current = rig.get(&admin, NODES).await;
    assert_eq!(object["metadata"]["resourceVersion"], current.object["metadata"]["resourceVersion"]);
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn a_version_that_is_no_longer_remembered_is_410() {
    let rig = Rig::start();
    let admin = rig.admin();
    let client = rig.client(&admin, &["h2"]);
    let made = rig.ask(&admin, "POST", NODES, node("a", json!({}))).await;
    let version = made.at("/metadata/resourceVersion").to_owned();
    let path = format!("{NODES}?watch=true&resourceVersion={version}");
    for at in 0..1001 {
        let change = json!({"metadata": {"labels": {"x": at.to_string()}}}).to_string();
        let body = Some(("application/merge-patch+json", change));
        let answer = rig.send_by(client.clone(), &admin, "PATCH", "/api/v1/nodes/a", body).await;
        assert_eq!(answer.status().as_u16(), 200);
    }
    let mut watch = Watching::start(&rig, &admin, &path).await;
    let (kind, status) = watch.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), &status["code"], &status["reason"]),
        ("ERROR", &json!(410), &json!("Expired"))
    );
    let message = status["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("too old resource version: {version} (")), "{message}");
    assert_eq!(watch.next().await, None);
}
