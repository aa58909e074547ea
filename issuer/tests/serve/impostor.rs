//! A cluster's API server that answers what a test wants, and an issuer in front of it.

use super::rig::{Rig, Serving, read, write};
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bootstrap_issuer::config::Tls;
use bootstrap_issuer::listen::tls::Certificate;
use bootstrap_issuer::listen::{Listener, Stop};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

pub const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

type Say = dyn Fn(&Parts, &Bytes) -> Option<Response> + Send + Sync;

/// The issuer, and what ends the server.
pub struct Impostor {
    pub issuer: Serving,
    _end: watch::Sender<bool>,
}

/// What is asked for: the method and the last part of the path.
pub fn asked(parts: &Parts) -> (&Method, &str) {
    (&parts.method, parts.uri.path().rsplit('/').next().unwrap_or_default())
}

/// A server that answers what `say` has an answer for, that nobody approves anything by itself, and nothing
/// else; and an issuer in front of it.
pub async fn serve(
    rig: &Rig,
    say: impl Fn(&Parts, &Bytes) -> Option<Response> + Send + Sync + 'static,
) -> Impostor {
    let tls = Certificate::open(&Tls { certificate: rig.path("tls.crt"), key: rig.path("tls.key") });
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.address();
    let say: Arc<Say> = Arc::new(say);
    let router = Router::new().fallback(answer).with_state(say);
    let (end, stop) = Stop::new();
    tokio::spawn(listener.serve(Some(tls.unwrap()), router, stop));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster":
            {"server": format!("https://{address}"), "certificate-authority": rig.path("ca.crt")}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    });
    write(&rig.path("kubeconfig"), &kubeconfig.to_string(), 0o600);
    let config = read(&rig.path("config.yaml"))
        .replace("embedded: {state: cluster}", "kubernetes: {kubeconfig: kubeconfig}");
    write(&rig.path("config.yaml"), &config, 0o644);
    rig.token("token", &[]);
    Impostor { issuer: rig.serve(), _end: end }
}

async fn answer(State(say): State<Arc<Say>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    if let Some(answer) = say(&parts, &body) {
        return answer;
    }
    if asked(&parts) == (&Method::POST, "subjectaccessreviews") {
        let mut review: Value = serde_json::from_slice(&body).unwrap();
        review["status"] = json!({"allowed": false});
        return (StatusCode::CREATED, Json(review)).into_response();
    }
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// Asks once for a bootstrap, and gives the answer's code.
pub async fn create(rig: &Rig, issuer: &Serving) -> u16 {
    rustls::crypto::ring::default_provider().install_default().ok();
    let authority = reqwest::Certificate::from_pem(read(&rig.path("ca.crt")).as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap();
    let url = format!("{}/v1/clusters/clu_01/worker_bootstraps", issuer.url());
    let request = client.post(url).bearer_auth(read(&rig.path("token")).trim());
    request.send().await.unwrap().status().as_u16()
}
