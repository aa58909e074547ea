//! The life of a certificate request, from its making to a certificate that is good, or to the end it comes
//! to otherwise.

use super::rig::{AUTO, CSRS, Csr, MANUAL, Rig, SIGNER, Watching, Who, certificate, condition};
use serde_json::{Value, json};
use x509_parser::prelude::FromDer;

fn approval(object: &Value, kind: &str) -> Value {
    let mut object = object.clone();
    object["status"]["conditions"] =
        json!([{"type": kind, "status": "True", "reason": "Tested", "message": "by a test"}]);
    object
}

#[tokio::test]
async fn approved_and_signed_in_two_steps_that_a_watcher_sees() {
    let rig = Rig::start();
    let token = rig.token("aaaaaa", AUTO, |_| {}).await;
    let csr = Csr::of_node("n1");
    let mut object = csr.object("node-csr-A_b");
    object["spec"]["username"] = json!("somebody else");
    object["spec"]["groups"] = json!(["system:masters"]);
    object["status"] = json!({"certificate": "aGVsbG8="});
    object["spec"]["expirationSeconds"] = json!(3600);
    let made = rig.ask(&token, "POST", CSRS, object).await;
    assert_eq!(made.code, 201, "{made:?}");
    let created = &made.object;
    assert_eq!(created["spec"]["username"], "system:bootstrap:aaaaaa");
    assert_eq!(created["spec"]["groups"], json!(["system:bootstrappers", AUTO, "system:authenticated"]));
    assert_eq!(created["status"], json!({}), "the status is not the client's");
    assert!(!created["metadata"]["uid"].as_str().unwrap().is_empty());

    let version = created["metadata"]["resourceVersion"].as_str().unwrap();
    let path =
        format!("{CSRS}?watch=true&fieldSelector=metadata.name%3Dnode-csr-A_b&resourceVersion={version}");
    let mut watch = Watching::start(&rig, &token, &path).await;
    let (kind, approved) = watch.next().await.unwrap();
    assert_eq!(kind, "MODIFIED");
    let said = condition(&approved, "Approved").unwrap();
    assert_eq!((&said["reason"], &said["status"]), (&json!("AutoApproved"), &json!("True")));
    assert!(approved["status"].get("certificate").is_none(), "approved, not signed yet");
    let (kind, signed) = watch.next().await.unwrap();
    assert_eq!(kind, "MODIFIED");
    let number =
        |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert!(number(created) < number(&approved) && number(&approved) < number(&signed));

    let pem = certificate(&signed);
    let block = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap().1;
    let leaf = block.parse_x509().unwrap();
    assert_eq!(leaf.subject().to_string(), "O=system:nodes, CN=system:node:n1");
    let life = leaf.validity().not_after.timestamp() - leaf.validity().not_before.timestamp();
    assert_eq!(life, 3600 + 300, "the life asked for, and five minutes before");
    let usage = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth);
    let (_, request) = x509_parser::certification_request::X509CertificationRequest::from_der(
        &x509_parser::pem::parse_x509_pem(csr.pem.as_bytes()).unwrap().1.contents,
    )
    .map(|(rest, request)| (rest.len(), request.certification_request_info.subject_pki.raw.to_vec()))
    .unwrap();
    assert_eq!(leaf.public_key().raw, request, "for the key of the request");

    let node = Who::Certificate { chain: pem, key: csr.key.serialize_pem() };
    assert_eq!(rig.get(&node, "/api/v1/nodes/n1").await.code, 404, "the certificate is good");
}

#[tokio::test]
async fn without_the_right_to_be_approved_it_waits_for_an_administrator() {
    let rig = Rig::start();
    let token = rig.token("bbbbbb", MANUAL, |_| {}).await;
    let admin = rig.admin();
    let made = rig.ask(&token, "POST", CSRS, Csr::of_node("n1").object("a")).await;
    // The approver has judged every request made before this one once this one is signed.
    rig.node("n2", "cccccc").await;
    let path = format!("{CSRS}/a");
    assert_eq!(rig.get(&token, &path).await.object["status"], json!({}), "still pending");
    let answer =
        rig.ask(&admin, "PUT", &format!("{path}/approval"), approval(&made.object, "Approved")).await;
    assert_eq!(answer.code, 200, "{answer:?}");
    let signed = rig.eventually(&token, &path, |answer| !answer.at("/status/certificate").is_empty()).await;
    assert_eq!(condition(&signed.object, "Approved").unwrap()["reason"], "Tested");
    let back = rig.ask(&admin, "PUT", &format!("{path}/approval"), json!({"metadata": {"name": "a"}})).await;
    assert_eq!((back.code, back.at("/reason")), (422, "Invalid"));
    assert!(
        back.at("/message").contains("updates may not remove a condition of type \"Approved\""),
        "{back:?}"
    );
    let also = rig.ask(&admin, "PUT", &format!("{path}/approval"), approval(&made.object, "Denied")).await;
    assert_eq!((also.code, also.at("/reason")), (409, "Conflict"), "an old version");
}

#[tokio::test]
async fn a_denied_request_is_never_signed() {
    let rig = Rig::start();
    let token = rig.token("bbbbbb", MANUAL, |_| {}).await;
    let made = rig.ask(&token, "POST", CSRS, Csr::of_node("n1").object("a")).await;
    let admin = rig.admin();
    let denied =
        rig.ask(&admin, "PUT", &format!("{CSRS}/a/approval"), approval(&made.object, "Denied")).await;
    assert_eq!(denied.code, 200);
    let contradiction = json!({
        "metadata": {"name": "a"},
        "status": {"conditions": [{"type": "Denied", "status": "True"}, {"type": "Approved", "status": "True"}]},
    });
    let both = rig.ask(&admin, "PUT", &format!("{CSRS}/a/approval"), contradiction).await;
    assert!(
        both.at("/message").contains("Approved and Denied conditions are mutually exclusive"),
        "{both:?}"
    );
    rig.node("n2", "cccccc").await;
    let after = rig.get(&token, &format!("{CSRS}/a")).await;
    assert!(after.object["status"].get("certificate").is_none(), "{after:?}");
}

#[tokio::test]
async fn what_the_signer_does_not_sign() {
    let rig = Rig::start();
    let admin = rig.admin();
    let usages = json!(["digital signature", "key encipherment", "client auth"]);
    #[rustfmt::skip]
    let rows = [
        ("a", Csr::new("system:node:n1", "system:masters", &[]),      usages.clone(),            "subject organization is not system:nodes"),
        ("b", Csr::new("n1", "system:nodes", &[]),                    usages.clone(),            "subject common name does not begin with system:node:"),
        ("c", Csr::new("system:node:n1", "system:nodes", &["n1"]),    usages.clone(),            "DNS subjectAltNames are not allowed"),
        ("d", Csr::new("system:node:n1", "system:nodes", &["10.0.0.1"]), usages,                 "IP subjectAltNames are not allowed"),
        ("e", Csr::of_node("n1"),                                     json!(["client auth"]),    "usages did not match [client auth digital signature key encipherment]"),
    ];
    for (name, csr, usages, why) in rows {
        let mut object = csr.object(name);
        object["spec"]["usages"] = usages;
        let made = rig.ask(&admin, "POST", CSRS, object).await;
        assert_eq!(made.code, 201, "{made:?}");
        let path = format!("{CSRS}/{name}");
        let approved =
            rig.ask(&admin, "PUT", &format!("{path}/approval"), approval(&made.object, "Approved")).await;
        assert_eq!(approved.code, 200, "not approved by itself: {approved:?}");
        let failed =
            rig.eventually(&admin, &path, |answer| condition(&answer.object, "Failed").is_some()).await;
        let condition = condition(&failed.object, "Failed").unwrap();
        assert_eq!(
            (&condition["reason"], &condition["message"]),
            (&json!("SignerValidationFailure"), &json!(why))
        );
        assert!(failed.object["status"].get("certificate").is_none());
    }
}

#[tokio::test]
async fn two_usages_are_enough_and_a_node_renews_itself() {
    let rig = Rig::start();
    let node = rig.node("n1", "aaaaaa").await;
    let mut object = Csr::of_node("n1").object("renewal");
    object["spec"]["usages"] = json!(["client auth", "digital signature"]);
    assert_eq!(object["spec"]["signerName"], SIGNER);
    assert_eq!(rig.ask(&node, "POST", CSRS, object).await.code, 201);
    let path = format!("{CSRS}/renewal");
    let signed = rig.eventually(&node, &path, |answer| !answer.at("/status/certificate").is_empty()).await;
    let said = condition(&signed.object, "Approved").unwrap()["message"].as_str().unwrap();
    assert_eq!(said, "Auto approving self kubelet client certificate after SubjectAccessReview.");
}
