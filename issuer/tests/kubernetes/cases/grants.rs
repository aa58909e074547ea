//! Making tokens good.

use crate::rig::{Issuer, secret};
use crate::support::cluster::Cluster;
use crate::support::front::Closed;
use crate::support::token::Token;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootstrap_issuer::cluster::kubernetes::{Cluster as Backend, ClusterError, GROUP, Settings, Source};
use bootstrap_issuer::names::BootstrapId;
use serde_json::Value;
use std::time::Instant;
use time::Duration;

const LIFE: Duration = Duration::hours(1);

pub async fn the_same_again_is_the_same(cluster: Cluster) {
    let issuer = Issuer::idle(&cluster).await;
    let (id, token) = (BootstrapId::random(), Token::random());
    issuer.grant(&id, &token, LIFE).await.unwrap();
    let first = secret(&cluster, &token).await.unwrap();
    issuer.grant(&id, &token, LIFE).await.unwrap();
    assert_eq!(secret(&cluster, &token).await.unwrap(), first);
    // And it is good at once.
    assert!(cluster.admin.accepts(&token, &cluster.ca).await);
}

pub async fn another_one_is_taken(cluster: Cluster) {
    let issuer = Issuer::idle(&cluster).await;
    let (id, token) = (BootstrapId::random(), Token::random());
    issuer.grant(&id, &token, LIFE).await.unwrap();
    let other_secret = Token { id: token.id.clone(), secret: Token::random().secret };
    let foreign = Token::random();
    cluster.admin.create_token(&foreign, &crate::support::token::MANUAL).await;
    for (what, id, token) in [
        ("another bootstrap's", BootstrapId::random(), &token),
        ("another secret", id.clone(), &other_secret),
        ("somebody else's", id, &foreign),
    ] {
        let error = issuer.grant(&id, token, LIFE).await.unwrap_err();
        assert!(matches!(error, ClusterError::Taken), "{what}: {error}");
    }
}

pub async fn an_expired_one_is_refused(cluster: Cluster) {
    let issuer = Issuer::idle(&cluster).await;
    let token = Token::random();
    let error = issuer.grant(&BootstrapId::random(), &token, Duration::seconds(-1)).await.unwrap_err();
    assert!(matches!(error, ClusterError::Refused(_)), "{error}");
    assert!(secret(&cluster, &token).await.is_none());
}

/// Every server that machines are told of must accept it.
pub async fn a_server_that_does_not_answer_is_waited_for(cluster: Cluster) {
    let closed = Closed::new();
    let (direct, later) = (format!("https://{}", cluster.address), closed.url());
    let user = serde_json::json!({
        "client-certificate": cluster.credential.0, "client-key": cluster.credential.1,
    });
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    std::fs::write(directory.path().join("ca.crt"), &cluster.ca).unwrap();
    let kubeconfig = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": direct, "certificate-authority": "ca.crt"}}],
        "users": [{"name": "c", "user": user}], "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    });
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    let source = Source::Kubeconfig { path, context: None };
    let settings = Settings { source, servers: vec![direct, later], authority: None };
    let backend = Backend::connect(&settings).await.unwrap();
    let token = Token::random();
    let shared =
        worker_bootstrap::token::Token::parse(worker_bootstrap::secret::Secret::new(token.text())).unwrap();
    let id = BootstrapId::random();
    let expires = time::OffsetDateTime::now_utc() + LIFE;
    let began = Instant::now();
    let opens = std::time::Duration::from_secs(1);
    let forward = cluster.forward();
    let (granted, _front) = tokio::join!(
        backend.grant(bootstrap_issuer::cluster::Grant { bootstrap: &id, token: &shared, expires }),
        async move {
            tokio::time::sleep(opens).await;
            closed.open(forward)
        }
    );
    granted.unwrap();
    assert!(began.elapsed() >= opens);
}

pub async fn what_is_written(cluster: Cluster) {
    let issuer = Issuer::idle(&cluster).await;
    let (id, token) = (BootstrapId::random(), Token::random());
    issuer.grant(&id, &token, LIFE).await.unwrap();
    let secret = secret(&cluster, &token).await.unwrap();
    assert_eq!(secret["type"], "bootstrap.kubernetes.io/token");
    assert_eq!(secret["metadata"]["labels"]["app.kubernetes.io/managed-by"], "bootstrap-issuer");
    assert_eq!(secret["metadata"]["annotations"]["bootstrap.akua.dev/bootstrap-id"], id.as_str());
    let data = |key: &str| {
        let encoded = secret["data"][key].as_str()?;
        Some(String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap())
    };
    assert_eq!(data("auth-extra-groups").unwrap(), GROUP);
    assert_eq!(data("usage-bootstrap-authentication").unwrap(), "true");
    assert_eq!(data("usage-bootstrap-signing"), None, "for authentication alone");
    assert!(data("expiration").unwrap().ends_with('Z'));
    assert_ne!(secret["data"], Value::Null);
}
