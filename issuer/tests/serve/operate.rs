//! The process: its start, its files, its pages, its log, its certificate and its end.

use super::rig::{PATIENCE, Rig, mode, read, write};
use nix::sys::signal::Signal;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

#[test]
fn it_tells_that_it_is_ready_keeps_its_files_private_and_ends_cleanly() {
    let rig = Rig::new();
    let socket = UnixDatagram::bind(rig.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let serving = rig.serve_with(&[("NOTIFY_SOCKET", &rig.text("notify"))]);
    let told = || {
        let mut bytes = [0; 64];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    for (name, expected) in [("state", 0o700), ("state/issuer.db", 0o600), ("state/master.key", 0o600)] {
        assert_eq!(mode(&rig.path(name)), expected, "{name}");
    }
    assert_eq!(serving.end(), Some(0));
    assert_eq!(told(), "STOPPING=1");
    for line in read(&rig.path("log")).lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(line["timestamp"].is_string() && line["message"].is_string(), "{line}");
    }
}

#[test]
fn health_and_metrics_stand_apart_from_the_api() {
    let rig = Rig::new();
    rig.token("token", &[]);
    let serving = rig.serve();
    assert_eq!(serving.page("/healthz"), (200, "alive\n".to_owned()));
    let began = Instant::now();
    loop {
        let (status, text) = serving.page("/readyz");
        let page: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &page["ready"], &page["store"]), (200, &true.into(), &"writable".into()));
        if page["clusters"]["clu_01"] == "reachable" {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let url = serving.url();
    let api = ["--url", &url, "--token-file", "token", "--ca-file", "ca.crt", "--cluster", "clu_01"];
    rig.done(&[&["bootstrap", "create"], api.as_slice()].concat());
    let numbers = serving.page("/metrics").1;
    for line in [
        "bootstrap_issuer_bootstraps_total{cluster=\"clu_01\",event=\"created\"} 1",
        "bootstrap_issuer_cluster_up{cluster=\"clu_01\"} 1",
        "bootstrap_issuer_requests_total{method=\"POST\",route=\"/v1/clusters/{id}/worker_bootstraps\",status=\"201\"} 1",
    ] {
        assert!(numbers.lines().any(|seen| seen == line), "{line} in\n{numbers}");
    }
}

#[test]
fn beside_the_api_no_cluster_is_named_and_there_are_no_numbers() {
    let rig = Rig::new();
    let config = read(&rig.path("config.yaml")).replace("operations: 127.0.0.1:0\n", "");
    let config = config.replace("tls: {certificate: tls.crt, key: tls.key}\n", "");
    write(&rig.path("config.yaml"), &config, 0o644);
    let mut serving = rig.serve();
    serving.operations = serving.address.clone();
    assert_eq!(serving.page("/healthz"), (200, "alive\n".to_owned()));
    assert_eq!(serving.page("/readyz"), (200, "{\"ready\":true}".to_owned()));
    assert_eq!(serving.page("/metrics").0, 404);
}

/// What was revoked in a cluster that is not configured any more cannot be withdrawn from it: it is said.
#[test]
fn a_cluster_that_was_removed_with_work_left_is_named() {
    let rig = Rig::new();
    rig.token("token", &[]);
    let serving = rig.serve();
    let url = serving.url();
    let api = ["--url", &url, "--token-file", "token", "--ca-file", "ca.crt", "--cluster", "clu_01"];
    let made = rig.done(&[&["bootstrap", "create", "--json"], api.as_slice()].concat());
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    rig.done(&[&["bootstrap", "revoke", made["id"].as_str().unwrap(), "--wait"], api.as_slice()].concat());
    serving.end();
    let database = rusqlite::Connection::open(rig.path("state/issuer.db")).unwrap();
    database.execute_batch("UPDATE operations SET state = 'RUNNING', completed_at = NULL").unwrap();
    drop(database);
    let config = read(&rig.path("config.yaml")).replace("clu_01", "clu_02");
    write(&rig.path("config.yaml"), &config, 0o644);
    let serving = rig.serve();
    let page: serde_json::Value = serde_json::from_str(&serving.page("/readyz").1).unwrap();
    let said = "not configured any more, revocations that are not withdrawn: 1";
    assert_eq!(page["clusters"]["clu_01"], said, "{page}");
    serving.end();
    let log = read(&rig.path("log"));
    assert!(log.contains("the cluster is not configured any more"), "{log}");
}

#[test]
fn no_secret_is_in_the_log() {
    let rig = Rig::new();
    rig.token("token", &[]);
    let serving = rig.serve();
    let url = serving.url();
    let api = ["--url", &url, "--token-file", "token", "--ca-file", "ca.crt", "--cluster", "clu_01"];
    let made = rig.done(&[&["bootstrap", "create", "--json"], api.as_slice()].concat());
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    rig.done(&[&["bootstrap", "revoke", id, "--wait"], api.as_slice()].concat());
    serving.end();
    let log = read(&rig.path("log"));
    let (public, secret) = made["token"].as_str().unwrap().split_once('.').unwrap();
    let token = read(&rig.path("token"));
    let mut parts = token.trim().rsplit('_');
    let (api_secret, api_public) = (parts.next().unwrap(), parts.next().unwrap());
    assert!(log.contains(public) && log.contains(id) && log.contains(api_public), "public names are there");
    assert!(!log.contains(secret) && !log.contains(api_secret));
    assert!(log.contains("\"workspace\":\"ws_01\""), "{log}");
}

#[tokio::test]
async fn a_renewed_certificate_is_served_after_sighup() {
    let rig = Rig::new();
    let serving = rig.serve();
    let served = || async {
        let tls = rustls::crypto::ring::default_provider();
        let mut roots = rustls::RootCertStore::empty();
        for one in rustls::pki_types::pem::PemObject::pem_slice_iter(read(&rig.path("ca.crt")).as_bytes()) {
            roots.add(one.unwrap()).unwrap();
        }
        let config = rustls::ClientConfig::builder_with_provider(tls.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = tokio::net::TcpStream::connect(&serving.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let stream = connector.connect("127.0.0.1".try_into().unwrap(), stream).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let first = served().await;
    rig.renew();
    serving.signal(Signal::SIGHUP);
    let began = Instant::now();
    while served().await == first {
        assert!(began.elapsed() < PATIENCE, "the old one is served still");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn what_it_cannot_work_with_is_named_at_the_start() {
    let serve = ["serve", "--config", "config.yaml"];
    let rig = Rig::new();
    let config = read(&rig.path("config.yaml"));
    for (change, said) in [
        (
            config.replace("listen: 127.0.0.1:0", "listen: nowhere"),
            "line 1, column 9: listen: expected ADDRESS:PORT",
        ),
        (config.replace("tls.crt", "no.crt"), "cannot open"),
        (
            config.replace("certificate: tls.crt", "certificate: ca.crt"),
            "and its key are not usable together",
        ),
        (
            config.replace("embedded: {state: cluster}", "kubernetes: {kubeconfig: no}"),
            "cannot use the cluster clu_01",
        ),
        (format!("{config}artifacts: state\n"), "cannot use the agent's archives"),
    ] {
        write(&rig.path("config.yaml"), &change, 0o644);
        let heard = rig.fails(&serve);
        assert!(heard.contains(said), "{said} in {heard}");
        assert!(!heard.contains("PRIVATE KEY"));
    }
    write(&rig.path("config.yaml"), &config, 0o644);
    std::fs::remove_file(rig.path("state/master.key")).unwrap();
    let heard = rig.fails(&serve);
    assert!(heard.contains("its master key") && heard.contains("restore it"), "{heard}");
}

#[test]
fn one_process_serves_and_tokens_are_made_beside_it() {
    let rig = Rig::new();
    let serving = rig.serve();
    let heard = rig.fails(&["serve", "--config", "config.yaml"]);
    assert!(heard.contains("in use by another bootstrap-issuer"), "{heard}");
    rig.token("token", &[]);
    rig.token("reader", &["--read-only"]);
    assert_eq!(mode(&rig.path("token")), 0o600);
    let url = serving.url();
    let list = |token| {
        let api = ["--url", &url, "--token-file", token, "--ca-file", "ca.crt", "--cluster", "clu_01"];
        rig.run(&[&["bootstrap", "list"], api.as_slice()].concat())
    };
    assert!(list("token").status.success() && list("reader").status.success());
    let api = ["--url", &url, "--token-file", "reader", "--ca-file", "ca.crt", "--cluster", "clu_01"];
    let heard = rig.fails(&[&["bootstrap", "create"], api.as_slice()].concat());
    assert!(heard.contains("403 Forbidden: 7004 "), "{heard}");

    let of = ["--config", "config.yaml", "--workspace", "ws_01"];
    let all = rig.done(&[&["token", "list"], of.as_slice()].concat());
    let token = read(&rig.path("token"));
    let id = token.trim().rsplit('_').nth(1).unwrap();
    assert!(all.lines().any(|line| line.starts_with(id) && line.contains("read, write")), "{all}");
    assert!(!all.contains(token.trim().rsplit('_').next().unwrap()));
    rig.done(&[&["token", "revoke", id], of.as_slice()].concat());
    let heard = String::from_utf8(list("token").stderr).unwrap();
    assert!(heard.contains("401 Unauthorized: 7003 "), "{heard}");
    assert!(list("reader").status.success());
    let heard = rig.fails(&["token", "list", "--config", "config.yaml", "--workspace", "ws_02"]);
    assert!(heard.contains("expected ws_01"), "{heard}");
}
