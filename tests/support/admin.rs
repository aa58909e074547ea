//! The administrator of a cluster: makes and revokes tokens, approves and denies requests, makes
//! nodes. Speaks the Kubernetes API to whichever cluster it is.

use super::token::{Terms, Token};
use super::{eventually, timestamp, unix_now};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::sync::Arc;

const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
const NODES: &str = "/api/v1/nodes";

/// An administrator.
pub struct Admin {
    http: reqwest::Client,
    server: String,
}

/// A client that trusts `ca` and shows a certificate where it is given one (PEM, the key with it).
pub fn http_client(ca: &str, certificate: Option<(&str, &str)>) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
    let mut config = match certificate {
        None => config.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
            config
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                .unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent("tests")
        .no_proxy()
        .build()
        .unwrap()
}

impl Admin {
    pub fn new(server: &str, ca: &str, certificate: &str, key: &str) -> Self {
        Admin { http: http_client(ca, Some((certificate, key))), server: server.to_owned() }
    }

    /// Status and body of an answer.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.server));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.ask(method.clone(), path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    pub async fn create_token(&self, token: &Token, terms: &Terms) {
        let expires = timestamp(unix_now().cast_signed() + terms.expires_in);
        let data = [
            ("token-id", token.id.clone()),
            ("token-secret", token.secret.clone()),
            ("usage-bootstrap-authentication", "true".to_owned()),
            ("usage-bootstrap-signing", "true".to_owned()),
            ("auth-extra-groups", format!("system:bootstrappers:demo:{}", terms.group)),
            ("expiration", expires),
        ];
        let data: serde_json::Map<String, Value> =
            data.iter().map(|(key, value)| ((*key).to_owned(), json!(STANDARD.encode(value)))).collect();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": token.secret_name(), "namespace": "kube-system"}, "data": data});
        self.must(Method::POST, SECRETS, Some(&secret)).await;
    }

    /// Returns once the cluster accepts the token and has signed cluster-info with it.
    pub async fn token_is_known(&self, token: &Token, ca: &str) {
        eventually("a fresh token is accepted", async || self.accepts(token, ca).await.then_some(())).await;
        let signature = format!("jws-kubeconfig-{}", token.id);
        eventually("cluster-info is signed with a fresh token", async || {
            let info =
                self.must(Method::GET, "/api/v1/namespaces/kube-public/configmaps/cluster-info", None).await;
            info["data"][&signature].is_string().then_some(())
        })
        .await;
    }

    /// Whether the cluster accepts the token now.
    pub async fn accepts(&self, token: &Token, ca: &str) -> bool {
        let question =
            http_client(ca, None).get(format!("{}/version", self.server)).bearer_auth(token.text());
        question.send().await.unwrap().status().is_success()
    }

    pub async fn revoke(&self, token: &Token) {
        self.must(Method::DELETE, &format!("{SECRETS}/{}", token.secret_name()), None).await;
    }

    /// The certificate requests that were made with this token.
    pub async fn csrs_of(&self, token: &Token) -> Vec<Value> {
        let list = self.must(Method::GET, CSRS, None).await;
        let all = list["items"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|csr| csr["spec"]["username"] == token.user().as_str()).collect()
    }

    /// The one certificate request of this token, once it is there.
    pub async fn csr_of(&self, token: &Token) -> Value {
        eventually("a certificate request is made", async || self.csrs_of(token).await.pop()).await
    }

    pub async fn approve(&self, csr: &Value) {
        self.judge(csr, "Approved", "ByTheTest", "approved by the test").await;
    }

    pub async fn deny(&self, csr: &Value, reason: &str, message: &str) {
        self.judge(csr, "Denied", reason, message).await;
    }

    async fn judge(&self, csr: &Value, verdict: &str, reason: &str, message: &str) {
        let name = csr["metadata"]["name"].as_str().unwrap();
        // The object may have changed since it was read: conditions go onto the newest one.
        eventually("a verdict on a certificate request is taken", async || {
            let mut csr = self.must(Method::GET, &format!("{CSRS}/{name}"), None).await;
            csr["status"]["conditions"] =
                json!([{"type": verdict, "status": "True", "reason": reason, "message": message}]);
            let (status, answer) =
                self.ask(Method::PUT, &format!("{CSRS}/{name}/approval"), Some(&csr)).await;
            assert!(status == 200 || status == 409, "{status} {answer}");
            (status == 200).then_some(())
        })
        .await;
    }

    pub async fn delete_csr(&self, csr: &Value) {
        let name = csr["metadata"]["name"].as_str().unwrap();
        self.must(Method::DELETE, &format!("{CSRS}/{name}"), None).await;
    }

    /// Makes a node as the kubelet of the machine with this id would have; `ready` is `True`, `False`
    /// or `Unknown`.
    pub async fn create_node(&self, name: &str, ready: &str, machine_id: &str) {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}});
        self.must(Method::POST, NODES, Some(&node)).await;
        let now = timestamp(unix_now().cast_signed());
        eventually("a node's status is taken", async || {
            let mut node = self.must(Method::GET, &format!("{NODES}/{name}"), None).await;
            node["status"] = json!({
                "conditions": [{"type": "Ready", "status": ready, "reason": "ByTheTest", "message": "set by the test",
                    "lastHeartbeatTime": now, "lastTransitionTime": now}],
                "nodeInfo": {"machineID": machine_id, "systemUUID": machine_id, "bootID": "of-another-machine",
                    "kernelVersion": "6", "osImage": "other", "containerRuntimeVersion": "containerd://1",
                    "kubeletVersion": "v1.20.2", "kubeProxyVersion": "v1.20.2", "operatingSystem": "linux",
                    "architecture": "amd64"},
            });
            let (status, answer) = self.ask(Method::PUT, &format!("{NODES}/{name}/status"), Some(&node)).await;
            assert!(status == 200 || status == 409, "{status} {answer}");
            (status == 200).then_some(())
        })
        .await;
    }

    /// The node, where there is one.
    pub async fn node(&self, name: &str) -> Option<Value> {
        let (status, node) = self.ask(Method::GET, &format!("{NODES}/{name}"), None).await;
        (status == 200).then_some(node)
    }

    pub async fn delete_node(&self, name: &str) {
        self.must(Method::DELETE, &format!("{NODES}/{name}"), None).await;
    }
}
