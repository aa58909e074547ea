//! A running cluster and the people who talk to it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use rcgen::{CertificateParams, DnType, KeyPair};
use reqwest::{Response, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
pub const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";
pub const CLUSTER_INFO: &str = "/api/v1/namespaces/kube-public/configmaps/cluster-info";
pub const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
pub const AUTO: &str = "system:bootstrappers:demo:auto";
pub const MANUAL: &str = "system:bootstrappers:demo:manual";
/// The secret part of every token here, in the right form and nothing else.
pub const SECRET: &str = "0123456789abcdef";
/// What is awaited here takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program, running.
pub struct Process {
    child: Child,
}

impl Process {
    pub fn start(directory: &Path) -> Process {
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let mut child = Command::new(env!("CARGO_BIN_EXE_bootstrap-issuer"))
            .args(["cluster", "--state"])
            .arg(directory)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("embedded cluster ready at https://127.0.0.1:"), "{line:?}");
        Process { child }
    }

    /// Tells it to end, and how it did.
    pub fn end(mut self, signal: nix::sys::signal::Signal) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A cluster of one test's own.
pub struct Rig {
    pub directory: TempDir,
    pub process: Process,
    pub access: Value,
}

/// Who asks.
#[derive(Clone)]
pub enum Who {
    Anonymous,
    Token(String),
    Certificate { chain: String, key: String },
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub kind: String,
    pub version: Version,
    pub text: String,
    pub object: Value,
}

impl Answer {
    pub fn at(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }
}

pub fn read(path: &Path) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test reads what the program wrote")]
    std::fs::read_to_string(path).unwrap()
}

impl Rig {
    pub fn start() -> Rig {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::start(directory.path());
        let access = serde_json::from_str(&read(&directory.path().join("cluster.json"))).unwrap();
        Rig { directory, process, access }
    }

    pub fn path(&self, key: &str) -> PathBuf {
        PathBuf::from(self.access[key].as_str().unwrap())
    }

    pub fn admin(&self) -> Who {
        Who::Certificate { chain: read(&self.path("adminCert")), key: read(&self.path("adminKey")) }
    }

    pub fn client(&self, who: &Who, alpn: &[&str]) -> reqwest::Client {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca")).unwrap()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut tls = match who {
            Who::Certificate { chain, key } => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(Result::unwrap).collect();
                tls.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                    .unwrap()
            }
            _ => tls.with_no_client_auth(),
        };
        tls.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent("tests")
            .no_proxy()
            .build()
            .unwrap()
    }

    /// Sends a request; the caller reads the answer.
    pub async fn send(&self, who: &Who, method: &str, path: &str, body: Option<(&str, String)>) -> Response {
        self.send_by(self.client(who, &["h2", "http/1.1"]), who, method, path, body).await
    }

    pub async fn send_by(
        &self,
        client: reqwest::Client,
        who: &Who,
        method: &str,
        path: &str,
        body: Option<(&str, String)>,
    ) -> Response {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request =
            client.request(method, format!("{}{path}", self.access["server"].as_str().unwrap()));
        if let Who::Token(token) = who {
            request = request.bearer_auth(token);
        }
        if let Some((kind, text)) = body {
            request = request.header("content-type", kind).body(text);
        }
        request.send().await.unwrap()
    }

    pub async fn raw(&self, who: &Who, method: &str, path: &str, body: Option<(&str, String)>) -> Answer {
        whole(self.send(who, method, path, body).await).await
    }

    pub async fn ask(&self, who: &Who, method: &str, path: &str, body: Value) -> Answer {
        let body = match &body {
            Value::Null => None,
            Value::String(text) => Some(("application/json", text.clone())),
            object if method == "PATCH" => {
                Some(("application/strategic-merge-patch+json", object.to_string()))
            }
            object => Some(("application/json", object.to_string())),
        };
        self.raw(who, method, path, body).await
    }

    pub async fn get(&self, who: &Who, path: &str) -> Answer {
        self.ask(who, "GET", path, Value::Null).await
    }

    /// Asks until the answer is as wanted; everything that is waited for here happens by itself.
    pub async fn eventually(&self, who: &Who, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(who, path).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(Instant::now() < end, "{path} stayed {answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Makes a token in this group; `change` may alter its Secret first.
    pub async fn token(&self, id: &str, group: &str, change: impl FnOnce(&mut Value)) -> Who {
        let mut secret = json!({
            "metadata": {"name": format!("bootstrap-token-{id}")},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {
                "token-id": id, "token-secret": SECRET, "usage-bootstrap-authentication": "true",
                "usage-bootstrap-signing": "true", "auth-extra-groups": group,
            },
        });
        change(&mut secret);
        let made = self.ask(&self.admin(), "POST", SECRETS, secret).await;
        assert_eq!(made.code, 201, "{made:?}");
        Who::Token(format!("{id}.{SECRET}"))
    }

    /// A node that has joined with a token of its own.
    pub async fn node(&self, name: &str, token: &str) -> Who {
        let who = self.token(token, AUTO, |_| {}).await;
        let csr = Csr::of_node(name);
        let made = self.ask(&who, "POST", CSRS, csr.object(name)).await;
        assert_eq!(made.code, 201, "{made:?}");
        let signed = self
            .eventually(&who, &format!("{CSRS}/{name}"), |answer| {
                !answer.at("/status/certificate").is_empty()
            })
            .await;
        Who::Certificate { chain: certificate(&signed.object), key: csr.key.serialize_pem() }
    }
}

pub async fn whole(response: Response) -> Answer {
    let code = response.status().as_u16();
    let version = response.version();
    let kind = response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    let object = serde_json::from_str(&text).unwrap_or(Value::Null);
    Answer { code, kind: kind.unwrap_or_default(), version, text, object }
}

/// A request for a certificate and its key.
pub struct Csr {
    pub key: KeyPair,
    pub pem: String,
}

impl Csr {
    pub fn new(common_name: &str, organization: &str, names: &[&str]) -> Csr {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.distinguished_name.push(DnType::CommonName, common_name);
        let pem = params.serialize_request(&key).unwrap().pem().unwrap();
        Csr { key, pem }
    }

    pub fn of_node(name: &str) -> Csr {
        Csr::new(&format!("system:node:{name}"), "system:nodes", &[])
    }

    pub fn object(&self, name: &str) -> Value {
        json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {
                "request": STANDARD.encode(&self.pem), "signerName": SIGNER,
                "usages": ["digital signature", "key encipherment", "client auth"],
            },
        })
    }
}

/// The certificate of a signed request, PEM.
pub fn certificate(object: &Value) -> String {
    let encoded = object["status"]["certificate"].as_str().unwrap();
    String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
}

/// The condition of this type, where there is one.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == kind)
}

/// A watch, read line by line.
pub struct Watching {
    response: Response,
    rest: Vec<u8>,
}

impl Watching {
    pub async fn start(rig: &Rig, who: &Who, path: &str) -> Watching {
        let response = rig.send(who, "GET", path, None).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "application/json");
        Watching { response, rest: Vec::new() }
    }

    /// The next event; none when the server has ended the watch.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).unwrap();
                return Some((event["type"].as_str().unwrap().to_owned(), event["object"].clone()));
            }
            let chunk =
                tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.rest.extend_from_slice(&chunk.unwrap()?);
        }
    }
}
