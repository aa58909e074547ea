//! Who may ask for what, and in which words the answer comes. The rows are what a real API server
//! answers (kube-apiserver 1.20 gave the same to all but the two that newer ones refuse).

use super::rig::{AUTO, CLUSTER_INFO, CSRS, Csr, MANUAL, Rig, SECRETS, Who};
use serde_json::{Value, json};
use std::collections::HashMap;

const KUBELET_CONFIG: &str = "/api/v1/namespaces/kube-system/configmaps/kubelet-config";
const OTHER_CONFIG: &str = "/api/v1/namespaces/kube-system/configmaps/other";

async fn people(rig: &Rig) -> HashMap<&'static str, Who> {
    HashMap::from([
        ("anonymous", Who::Anonymous),
        ("admin", rig.admin()),
        ("auto", rig.token("aaaaaa", AUTO, |_| {}).await),
        ("manual", rig.token("bbbbbb", MANUAL, |_| {}).await),
        ("bare", rig.token("cccccc", "", |_| {}).await),
        ("wrong", Who::Token("aaaaaa.fedcba9876543210".to_owned())),
        ("unknown", Who::Token("zzzzzz.0123456789abcdef".to_owned())),
        ("no token", Who::Token("hello".to_owned())),
        ("node", rig.node("n1", "dddddd").await),
    ])
}

#[tokio::test]
async fn reading() {
    let rig = Rig::start();
    let people = people(&rig).await;
    let no_csr = format!("{CSRS}/absent");
    let list_own = "/api/v1/nodes?fieldSelector=metadata.name%3Dn1";
    #[rustfmt::skip]
    let rows: [(&str, &str, u16, &str, &str); 45] = [
        // who        path                       code  reason          a part of the message
        ("anonymous", "/version",                200,  "",             ""),
        ("anonymous", "/readyz",                 200,  "",             ""),
        ("anonymous", "/api",                    403,  "Forbidden",    "forbidden: User \"system:anonymous\" cannot get path \"/api\""),
        ("anonymous", CLUSTER_INFO,              200,  "",             ""),
        ("anonymous", CSRS,                      403,  "Forbidden",    "certificatesigningrequests.certificates.k8s.io is forbidden: User \"system:anonymous\" cannot list resource \"certificatesigningrequests\" in API group \"certificates.k8s.io\" at the cluster scope"),
        ("anonymous", "/api/v1/nodes/n1",        403,  "Forbidden",    "nodes \"n1\" is forbidden: User \"system:anonymous\" cannot get resource \"nodes\" in API group \"\" at the cluster scope"),
        ("anonymous", SECRETS,                   403,  "Forbidden",    "cannot list resource \"secrets\" in API group \"\" in the namespace \"kube-system\""),
        ("wrong",     "/version",                401,  "Unauthorized", "Unauthorized"),
        ("wrong",     CLUSTER_INFO,              401,  "Unauthorized", "Unauthorized"),
        ("unknown",   "/version",                401,  "Unauthorized", "Unauthorized"),
        ("no token",  "/version",                401,  "Unauthorized", "Unauthorized"),
        ("auto",      "/version",                200,  "",             ""),
        ("auto",      "/api",                    200,  "",             ""),
        ("auto",      CSRS,                      200,  "",             ""),
        ("auto",      &no_csr,                   404,  "NotFound",     "certificatesigningrequests.certificates.k8s.io \"absent\" not found"),
        ("auto",      KUBELET_CONFIG,            200,  "",             ""),
        ("auto",      OTHER_CONFIG,              403,  "Forbidden",    "configmaps \"other\" is forbidden: User \"system:bootstrap:aaaaaa\" cannot get"),
        ("auto",      CLUSTER_INFO,              403,  "Forbidden",    "in the namespace \"kube-public\""),
        ("auto",      "/api/v1/nodes/n1",        403,  "Forbidden",    "cannot get resource \"nodes\""),
        ("auto",      SECRETS,                   403,  "Forbidden",    "cannot list resource \"secrets\""),
        ("manual",    CSRS,                      200,  "",             ""),
        ("manual",    KUBELET_CONFIG,            403,  "Forbidden",    "configmaps \"kubelet-config\" is forbidden"),
        ("bare",      "/version",                200,  "",             ""),
        ("bare",      CSRS,                      403,  "Forbidden",    "User \"system:bootstrap:cccccc\" cannot list"),
        ("bare",      KUBELET_CONFIG,            403,  "Forbidden",    ""),
        ("node",      "/version",                200,  "",             ""),
        ("node",      "/api/v1/nodes/n1",        404,  "NotFound",     "nodes \"n1\" not found"),
        ("node",      list_own,                  200,  "",             ""),
        ("node",      "/api/v1/nodes/n2",        403,  "Forbidden",    "node 'n1' cannot read 'n2', only its own Node object"),
        ("node",      "/api/v1/nodes",           403,  "Forbidden",    "node 'n1' cannot read all nodes, only its own Node object"),
        ("node",      KUBELET_CONFIG,            200,  "",             ""),
        ("node",      OTHER_CONFIG,              403,  "Forbidden",    "no relationship found between node 'n1' and this object"),
        ("node",      CLUSTER_INFO,              403,  "Forbidden",    "User \"system:node:n1\" cannot get"),
        ("node",      SECRETS,                   403,  "Forbidden",    "No Object name found"),
        ("node",      CSRS,                      200,  "",             ""),
        ("admin",     "/api/v1/nodes",           200,  "",             ""),
        ("admin",     SECRETS,                   200,  "",             ""),
        ("admin",     OTHER_CONFIG,              404,  "NotFound",     "configmaps \"other\" not found"),
        ("admin",     "/api/v1/foos",            404,  "NotFound",     "the server could not find the requested resource"),
        ("admin",     "/api/v1/nodes/n1/foo",    404,  "NotFound",     "the server could not find the requested resource"),
        ("admin",     "/api/v1/nodes?resourceVersion=999999", 504, "Timeout", "Timeout: Too large resource version: 999999, current: "),
        ("admin",     "/api/v1/nodes?resourceVersion=x",      500, "", "resourceVersion: Invalid value: \"x\": strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("admin",     "/api/v1/nodes?fieldSelector=a%3Db",    400, "BadRequest", "field label not supported: a"),
        ("admin",     "/foo",                    404,  "",             ""),
        ("admin",     "/apis/nobody.example/v1/things", 404, "",       ""),
    ];
    for (who, path, code, reason, fragment) in rows {
        let answer = rig.get(&people[who], path).await;
        let row = format!("{who} GET {path}: {answer:?}");
        assert_eq!((answer.code, answer.at("/reason")), (code, reason), "{row}");
        assert!(answer.at("/message").contains(fragment), "{row}");
        if !reason.is_empty() {
            assert_eq!((answer.at("/kind"), answer.at("/apiVersion")), ("Status", "v1"), "{row}");
            assert_eq!((answer.at("/status"), &answer.object["code"]), ("Failure", &json!(code)), "{row}");
            assert_eq!(answer.object["metadata"], json!({}), "{row}");
            assert_eq!(answer.kind, "application/json", "{row}");
        }
    }
}

#[tokio::test]
async fn writing() {
    let rig = Rig::start();
    let people = people(&rig).await;
    let nodes = "/api/v1/nodes";
    let own = "/api/v1/nodes/n1";
    let own_status = "/api/v1/nodes/n1/status";
    let other_status = "/api/v1/nodes/n2/status";
    let node = |name: &str, labels: Value| json!({"kind": "Node", "apiVersion": "v1", "metadata": {"name": name, "labels": labels}});
    let role = json!({"node-role.kubernetes.io/worker": ""});
    let csr = Csr::of_node("n1");
    let taken = |name: &str| csr.object(name);
    let other = Csr::of_node("n2").object("other");
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    #[rustfmt::skip]
    let rows: [(&str, &str, &str, Value, u16, &str, &str); 24] = [
        // who        method    path          body                                   code  reason           a part of the message
        ("anonymous", "POST",   CSRS,         taken("a"),                            403,  "Forbidden",     "User \"system:anonymous\" cannot create resource \"certificatesigningrequests\""),
        ("bare",      "POST",   CSRS,         taken("a"),                            403,  "Forbidden",     "User \"system:bootstrap:cccccc\" cannot create"),
        ("wrong",     "POST",   CSRS,         taken("a"),                            401,  "Unauthorized",  ""),
        ("manual",    "POST",   CSRS,         taken("a"),                            201,  "",              ""),
        ("manual",    "POST",   CSRS,         taken("a"),                            409,  "AlreadyExists", "certificatesigningrequests.certificates.k8s.io \"a\" already exists"),
        ("manual",    "PUT",    "/apis/certificates.k8s.io/v1/certificatesigningrequests/a/approval", taken("a"), 403, "Forbidden", "cannot update resource \"certificatesigningrequests/approval\""),
        ("manual",    "DELETE", "/apis/certificates.k8s.io/v1/certificatesigningrequests/a", Value::Null, 403, "Forbidden", "cannot delete"),
        ("node",      "POST",   CSRS,         other,                                 403,  "Forbidden",     "can only create a node CSR with CN=system:node:n1"),
        ("node",      "POST",   CSRS,         taken("own"),                          201,  "",              ""),
        ("node",      "POST",   nodes,        node("n2", json!({})),                 403,  "Forbidden",     "nodes \"n2\" is forbidden: node \"n1\" is not allowed to modify node \"n2\""),
        ("node",      "POST",   nodes,        node("n1", role.clone()),              403,  "Forbidden",     "is not allowed to set the following labels: node-role.kubernetes.io/worker"),
        ("node",      "POST",   nodes,        node("n1", json!({"a": "b"})),         201,  "",              ""),
        ("node",      "POST",   nodes,        node("n1", json!({})),                 409,  "AlreadyExists", "nodes \"n1\" already exists"),
        ("node",      "GET",    own,          Value::Null,                           200,  "",              ""),
        ("node",      "PATCH",  own,          json!({"metadata": {"labels": role}}), 403,  "Forbidden",     "is not allowed to modify labels: node-role.kubernetes.io/worker"),
        ("node",      "PATCH",  own,          json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}), 403,  "Forbidden",     "node \"n1\" is not allowed to modify taints"),
        ("node",      "PATCH",  own_status,   ready.clone(),                         200,  "",              ""),
        ("node",      "PATCH",  other_status, ready,                                 404,  "NotFound",      "nodes \"n2\" not found"),
        ("node",      "DELETE", own,          Value::Null,                           403,  "Forbidden",     "cannot delete resource \"nodes\""),
        ("admin",     "PATCH",  own,          json!({"metadata": {"labels": {"node-role.kubernetes.io/worker": ""}}}), 200, "", ""),
        ("admin",     "PUT",    own,          json!({"metadata": {"name": "n1", "resourceVersion": "1"}}), 409, "Conflict", "Operation cannot be fulfilled on nodes \"n1\": the object has been modified; please apply your changes to the latest version and try again"),
        ("admin",     "PUT",    own,          node("n2", json!({})),                 400,  "BadRequest",    "the name of the object (n2) does not match the name on the URL (n1)"),
        ("admin",     "DELETE", own,          Value::Null,                           200,  "",              ""),
        ("admin",     "DELETE", own,          Value::Null,                           404,  "NotFound",      "nodes \"n1\" not found"),
    ];
    for (who, method, path, body, code, reason, fragment) in rows {
        let answer = rig.ask(&people[who], method, path, body).await;
        let row = format!("{who} {method} {path}: {answer:?}");
        assert_eq!((answer.code, answer.at("/reason")), (code, reason), "{row}");
        assert!(answer.at("/message").contains(fragment), "{row}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_requests() {
    let rig = Rig::start();
    let admin = rig.admin();
    let good = Csr::of_node("n1").object("a");
    let json = "application/json";
    let with = |change: &dyn Fn(&mut Value)| {
        let mut object = good.clone();
        change(&mut object);
        object.to_string()
    };
    let spec = |field: &str, value: Value| with(&|object: &mut Value| object["spec"][field] = value.clone());
    let large = format!("{{\"metadata\":{{\"name\":\"{}\"}}}}", "x".repeat(3 * 1024 * 1024));
    let message_of = |text: &str| {
        format!(
            "(must be of type CertificateSigningRequest): couldn't get version/kind; json parse error: {text}"
        )
    };
    #[rustfmt::skip]
    let rows: Vec<(&str, String, u16, &str, String)> = vec![
        // type        body                                                     code  reason                   a part of the message
        ("text/plain", good.to_string(),                                        415,  "UnsupportedMediaType",  "the body of the request was in an unknown format".into()),
        (json,         String::new(),                                           400,  "BadRequest",            message_of("unexpected end of JSON input (<empty>)")),
        (json,         "{".into(),                                              400,  "BadRequest",            message_of("unexpected end of JSON input ({)")),
        (json,         "<html></html>".into(),                                  400,  "BadRequest",            "(3c68746d6c3e3c2f68746d6c3e)".into()),
        (json,         large,                                                   413,  "RequestEntityTooLarge", "Request entity too large: limit is 3145728".into()),
        (json,         with(&|o| o["kind"] = json!("Pod")),                     400,  "BadRequest",            "Pod in version \"v1\" cannot be handled as a CertificateSigningRequest".into()),
        (json,         with(&|o| o["apiVersion"] = json!("v1")),                400,  "BadRequest",            "cannot be handled as a CertificateSigningRequest".into()),
        (json,         with(&|o| o["apiVersion"] = json!("certificates.k8s.io/v2")), 400, "BadRequest",        "the API version in the data (certificates.k8s.io/v2) does not match the expected API version (certificates.k8s.io/v1)".into()),
        (json,         with(&|o| o["metadata"] = json!({})),                    422,  "Invalid",               "metadata.name: Required value: name or generateName is required".into()),
        (json,         with(&|o| o["metadata"]["name"] = json!("a/b")),         422,  "Invalid",               "metadata.name: Invalid value: \"a/b\": may not contain '/'".into()),
        (json,         with(&|o| o["metadata"]["labels"] = json!({"a": 1})),    400,  "BadRequest",            "cannot be handled as a CertificateSigningRequest".into()),
        (json,         spec("usages", json!([])),                               422,  "Invalid",               "spec.usages: Required value".into()),
        (json,         spec("usages", json!("client auth")),                    400,  "BadRequest",            "cannot be handled as a CertificateSigningRequest".into()),
        (json,         spec("usages", json!(["flying"])),                       422,  "Invalid",               "spec.usages[0]: Unsupported value: \"flying\": supported values: \"any\", \"cert sign\"".into()),
        (json,         spec("usages", json!(["client auth", "client auth"])),   422,  "Invalid",               "spec.usages[1]: Duplicate value: \"client auth\"".into()),
        (json,         spec("signerName", json!("")),                           422,  "Invalid",               "spec.signerName: Required value".into()),
        (json,         spec("signerName", json!("me")),                         422,  "Invalid",               "spec.signerName: Invalid value: \"me\": must be a fully qualified domain and path".into()),
        (json,         spec("signerName", json!("kubernetes.io/legacy-unknown")), 422, "Invalid",              "the legacy signerName is not allowed via this API version".into()),
        (json,         spec("expirationSeconds", json!(599)),                   422,  "Invalid",               "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)".into()),
        (json,         spec("request", json!("aGVsbG8=")),                      422,  "Invalid",               "spec.request: Invalid value: []byte{0x68, 0x65, 0x6c, 0x6c, 0x6f}: PEM block type must be CERTIFICATE REQUEST".into()),
        (json,         spec("request", json!("not base64")),                    400,  "BadRequest",            "illegal base64 data".into()),
    ];
    for (kind, body, code, reason, fragment) in rows {
        let shown: String = body.chars().take(200).collect();
        let answer = rig.raw(&admin, "POST", CSRS, Some((kind, body))).await;
        let row = format!("{kind} {shown}: {answer:?}");
        assert_eq!((answer.code, answer.at("/reason")), (code, reason), "{row}");
        assert!(answer.at("/message").contains(&fragment), "{fragment} in {row}");
    }
    let list = rig.get(&admin, CSRS).await;
    assert_eq!(list.object["items"], json!([]), "nothing of it was kept");
}

#[tokio::test]
async fn a_request_whose_signature_is_not_its_keys_is_invalid() {
    use base64::Engine as _;
    let rig = Rig::start();
    let csr = Csr::of_node("n1");
    let block = x509_parser::pem::parse_x509_pem(csr.pem.as_bytes()).unwrap().1;
    let mut der = block.contents;
    // The last byte belongs to the signature.
    *der.last_mut().unwrap() ^= 1;
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
    let answer = rig.ask(&rig.admin(), "POST", CSRS, Csr { key: csr.key, pem }.object("a")).await;
    assert_eq!((answer.code, answer.at("/reason")), (422, "Invalid"), "{answer:?}");
    assert_eq!(answer.object["details"]["causes"][0]["field"], "spec.request");
}

#[tokio::test]
async fn methods_and_forms_that_are_not_served() {
    let rig = Rig::start();
    let admin = rig.admin();
    let merge = "application/merge-patch+json";
    let one = "/api/v1/namespaces/kube-system/configmaps/kubelet-config";
    #[rustfmt::skip]
    let rows = [
        ("PUT",     CSRS,            Some(("application/json", "{}")),            405),
        ("POST",    one,             Some(("application/json", "{}")),            405),
        ("DELETE",  "/api/v1/nodes", None,                                        405),
        ("POST",    "/version",      Some(("application/json", "{}")),            405),
        ("PATCH",   one,             Some(("application/json", "{}")),            415),
        ("PATCH",   one,             Some((merge, "[]")),                         400),
        ("PATCH",   one,             Some((merge, "{\"metadata\":{\"resourceVersion\":\"1\"}}")), 409),
        ("PATCH",   one,             Some((merge, "{\"data\":{\"a\":\"b\"}}")),   200),
    ];
    for (method, path, body, code) in rows {
        let answer = rig.raw(&admin, method, path, body.map(|(kind, text)| (kind, text.to_owned()))).await;
        assert_eq!(answer.code, code, "{method} {path} {body:?}: {answer:?}");
    }
}
