//! The audit log: a line for each request, in the real server's form, and nothing secret in it.

use super::rig::{AUTO, CSRS, Csr, Rig, SECRET, Watching, Who, read};
use serde_json::{Value, json};

#[tokio::test]
async fn every_request_leaves_its_line() {
    let rig = Rig::start();
    let token = rig.token("aaaaaa", AUTO, |_| {}).await;
    rig.ask(&token, "POST", CSRS, Csr::of_node("n1").object("a")).await;
    let path = format!("{CSRS}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Da");
    let mut watch = Watching::start(&rig, &token, &path).await;
    while watch.next().await.is_some() {}
    rig.get(&token, "/api/v1/nodes/n1").await;
    rig.get(&Who::Anonymous, "/version").await;
    rig.get(&Who::Token(format!("zzzzzz.{SECRET}")), "/version").await;

    let log = rig.path("auditLog");
    let text = read(&log);
    assert!(!text.contains(SECRET), "{text}");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<Value> = events
        .iter()
        .map(|event| {
            json!([
                event["stage"],
                event["verb"],
                event["user"]["username"],
                event["responseStatus"]["code"],
                event["objectRef"]["name"]
            ])
        })
        .collect();
    let user = "system:bootstrap:aaaaaa";
    #[rustfmt::skip]
    let expected = json!([
        ["ResponseComplete", "create", "kubernetes-admin", 201,  "bootstrap-token-aaaaaa"],
        ["ResponseComplete", "create", user,               201,  "a"],
        ["ResponseStarted",  "watch",  user,               200,  "a"],
        ["ResponseComplete", "watch",  user,               200,  "a"],
        ["ResponseComplete", "get",    user,               403,  "n1"],
        ["ResponseComplete", "get",    "system:anonymous", 200,  null],
        ["ResponseStarted",  "get",    null,               401,  null],
    ]);
    assert_eq!(json!(seen), expected, "{text}");

    let csr = &events[1];
    assert_eq!(
        (&csr["kind"], &csr["apiVersion"], &csr["level"]),
        (&json!("Event"), &json!("audit.k8s.io/v1"), &json!("Metadata"))
    );
    assert_eq!(csr["requestURI"], CSRS);
    assert_eq!(csr["userAgent"], "tests");
    assert_eq!(csr["sourceIPs"], json!(["127.0.0.1"]));
    assert_eq!(csr["user"]["groups"], json!(["system:bootstrappers", AUTO, "system:authenticated"]));
    assert_eq!(
        csr["objectRef"],
        json!({"resource": "certificatesigningrequests", "name": "a", "apiGroup": "certificates.k8s.io", "apiVersion": "v1"})
    );
    assert_eq!(csr["annotations"]["authorization.k8s.io/decision"], "allow");
    assert_eq!(events[4]["annotations"]["authorization.k8s.io/decision"], "forbid");
    assert_eq!(events[2]["auditID"], events[3]["auditID"], "one request, two stages");
}
