//! One token, one machine.

use crate::csr::{Bearer, CSRS, Csr, End, ask, condition, end_of, read, words};
use crate::rig::{Issuer, id, node_name, secret};
use crate::support::admin::http_client;
use crate::support::cluster::Cluster;
use crate::support::eventually;
use crate::support::machine::Machine;
use crate::support::token::{MANUAL, Trust, document};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootstrap_issuer::cluster::Happened;
use serde_json::Value;

pub fn used() -> End {
    End::Denied("TokenAlreadyUsed".to_owned())
}

pub async fn the_first_use_binds_and_others_are_denied(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let first = Csr::fresh();
    let (other_node, other_key) = (Csr::fresh(), Csr::of(&first.node));
    #[rustfmt::skip]
    let rows = [
        ("first",        &first,      End::Issued),
        ("same again",   &first,      End::Issued),
        ("another node", &other_node, used()),
        ("another key",  &other_key,  used()),
        ("same later",   &first,      End::Issued),
    ];
    for (what, csr, expected) in rows {
        let name = bearer.post(csr).await.unwrap();
        assert_eq!(end_of(&cluster, &name).await, expected, "{what}");
        if expected == used() {
            let words = words(&cluster, &name).await;
            for part in [&token.id, &first.node, &csr.node, "Issue a new bootstrap"] {
                assert!(words.contains(part), "{what}: {part:?} is not in {words:?}");
            }
            // The agent shows so much of it.
            assert!(words.len() < 280, "{words}");
        }
    }
    let bound: Value = {
        let secret = secret(&cluster, &token).await.unwrap();
        serde_json::from_str(
            secret["metadata"]["annotations"]["bootstrap.akua.dev/used-by"].as_str().unwrap(),
        )
        .unwrap()
    };
    assert_eq!(bound["node"], first.node.as_str());
    issuer
        .tells("the use", &token, |what| {
            matches!(what, Happened::Bound(by) if by.node == first.node).then_some(())
        })
        .await;
    eventually("both denials are told", async || {
        let denials =
            issuer.told_of(&token).into_iter().filter(|what| matches!(what, Happened::Denied { .. }));
        (denials.count() == 2).then_some(())
    })
    .await;
}

pub async fn what_is_not_a_kubelets_uses_nothing_up(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let mut other_usages = Csr::fresh();
    other_usages.usages = &["digital signature", "server auth"];
    for (csr, part) in [(&Csr::of("Upper"), "node's name"), (&other_usages, "usages")] {
        let name = bearer.post(csr).await.unwrap();
        assert_eq!(end_of(&cluster, &name).await, End::Denied("NotAKubeletRequest".to_owned()));
        let words = words(&cluster, &name).await;
        assert!(words.contains(part), "{words}");
    }
    assert_eq!(ask(&cluster, &bearer, &Csr::fresh()).await, End::Issued);
}

pub async fn others_requests_are_left_alone(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let foreign = cluster.issue(&MANUAL).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let mut serving = Csr::fresh();
    serving.signer = "kubernetes.io/kubelet-serving";
    let left = [
        Bearer::of(&cluster, &foreign).post(&Csr::fresh()).await.unwrap(),
        bearer.post(&serving).await.unwrap(),
    ];
    let own = Csr::fresh();
    let name = bearer.post(&own).await.unwrap();
    assert_eq!(end_of(&cluster, &name).await, End::Issued);

    // The node renews its certificate: that is between it and the cluster.
    let certificate = read(&cluster, &name).await["status"]["certificate"].as_str().unwrap().to_owned();
    let certificate = String::from_utf8(STANDARD.decode(certificate).unwrap()).unwrap();
    let node = http_client(&cluster.ca, Some((&certificate, &own.key_pem())));
    let renewal = Csr::of(&own.node).object();
    let request = node.post(format!("https://{}{CSRS}", cluster.address)).body(renewal.to_string());
    assert_eq!(request.header("content-type", "application/json").send().await.unwrap().status(), 201);
    let renewal = renewal["metadata"]["name"].as_str().unwrap();
    assert_eq!(end_of(&cluster, renewal).await, End::Issued);
    assert_eq!(condition(&read(&cluster, renewal).await, "Approved").unwrap()["reason"], "AutoApproved");

    for name in &left {
        assert!(read(&cluster, name).await["status"].get("conditions").is_none(), "{name}");
    }
}

/// By two issuers at once.
pub async fn fifty_at_once_are_one_use(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let _other = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let bearer = Bearer::of(&cluster, &token);
    let requests: Vec<Csr> = (0..50).map(|_| Csr::fresh()).collect();
    let ends = futures_util::future::join_all(requests.iter().map(|csr| ask(&cluster, &bearer, csr))).await;
    assert_eq!(ends.iter().filter(|end| **end == End::Issued).count(), 1);
    assert_eq!(ends.iter().filter(|end| **end == used()).count(), 49);
}

/// With the real agent.
pub async fn a_machine_joins_and_another_is_refused(cluster: Cluster) {
    let issuer = Issuer::start(&cluster).await;
    let token = issuer.token().await;
    let (first, second) = (Machine::ready(), Machine::ready());
    let server = format!("https://{}", cluster.address);
    let document = document(&token, &[server], Trust::Ca(&cluster.ca));
    first.join(&document).await.must_join();
    second.join(&document).await.must_be(7, "token_already_used").must_name(&[&first.name, &second.name]);
    // The kubelet's work.
    cluster.admin.create_node(&first.name, "True", &node_name()).await;
    issuer
        .tells("the join", &token, |what| {
            matches!(what, Happened::Joined(by) if by.node == first.name).then_some(())
        })
        .await;
    assert_eq!(id(&token).as_str(), token.id);
}
