//! The program itself: its files, its two protocols, its ends, and what outlives it.

use super::rig::{Process, Rig, Who, read, whole};
use nix::sys::signal::Signal;
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use reqwest::Version;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn it_speaks_both_protocols_and_dates_its_answers() {
    let rig = Rig::start();
    for (alpn, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let client = rig.client(&Who::Anonymous, &[alpn]);
        let response = rig.send_by(client, &Who::Anonymous, "GET", "/version", None).await;
        assert!(
            response.headers().contains_key("date") && response.headers().contains_key("audit-id"),
            "{response:?}"
        );
        let answer = whole(response).await;
        assert_eq!((answer.version, answer.kind.as_str()), (version, "application/json"));
        assert_eq!((answer.at("/major"), answer.at("/minor")), ("1", "36"), "{}", answer.text);
    }
}

#[test]
fn it_ends_cleanly_and_its_keys_are_private() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let rig = Rig::start();
        for (name, mode) in [
            ("ca.key", 0o600),
            ("admin.key", 0o600),
            ("admin.kubeconfig", 0o600),
            ("cluster.json", 0o600),
            ("audit.log", 0o600),
            ("ca.crt", 0o644),
        ] {
            let seen = rig.directory.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(seen, mode, "{name}");
        }
        assert_eq!(rig.process.end(signal).code(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn the_ca_outlives_a_restart_and_the_objects_do_not() {
    let mut rig = Rig::start();
    let node = rig.node("n1", "aaaaaa").await;
    let (ca, pin) = (read(&rig.path("ca")), rig.access["caCertHash"].clone());
    let old = std::mem::replace(&mut rig.process, Process::start(rig.directory.path()));
    drop(old);
    rig.access = serde_json::from_str(&read(&rig.directory.path().join("cluster.json"))).unwrap();
    assert_eq!((read(&rig.path("ca")), &rig.access["caCertHash"]), (ca, &pin));
    let answer = rig.get(&node, "/api/v1/nodes/n1").await;
    assert_eq!(answer.code, 404, "the node's certificate is good still: {answer:?}");
    let secret = rig.get(&rig.admin(), "/api/v1/namespaces/kube-system/secrets/bootstrap-token-aaaaaa").await;
    assert_eq!(secret.code, 404);
}

/// A client certificate, signed by `issuer` or by itself.
fn client(
    user: &str,
    issuer: Option<&Issuer<'static, KeyPair>>,
    change: impl FnOnce(&mut CertificateParams),
) -> Who {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "system:masters");
    params.distinguished_name.push(DnType::CommonName, user);
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    Who::Certificate { chain: certificate.pem(), key: key.serialize_pem() }
}

#[tokio::test]
async fn certificates_that_are_not_good_are_401_and_not_anonymous() {
    let rig = Rig::start();
    let key = KeyPair::from_pem(&read(&rig.directory.path().join("ca.key"))).unwrap();
    let ca = Issuer::from_ca_cert_pem(&read(&rig.path("ca")), key).unwrap();
    let past = rcgen::date_time_ymd(2020, 1, 1);
    #[rustfmt::skip]
    let rows = [
        ("good",        client("me", Some(&ca), |_| {}),                                                        200),
        ("another CA",  client("me", None, |_| {}),                                                             401),
        ("expired",     client("me", Some(&ca), |params| params.not_after = past),                              401),
        ("for servers", client("me", Some(&ca), |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]), 401),
    ];
    for (what, who, code) in rows {
        assert_eq!(rig.get(&who, "/version").await.code, code, "{what}");
    }
}

#[test]
fn the_demo_says_what_to_do_when_the_agent_is_not_built() {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("bootstrap-issuer");
    std::fs::copy(env!("CARGO_BIN_EXE_bootstrap-issuer"), &copy).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let ended = std::process::Command::new(&copy).arg("demo").env_clear().output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.contains("worker-bootstrap is not there: build it first (cargo build --workspace)"),
        "{said}"
    );
}
