//! Requests for certificates, made with a token by hand.

use crate::support::admin::http_client;
use crate::support::cluster::Cluster;
use crate::support::eventually;
use crate::support::random_word;
use crate::support::token::Token;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DnType, KeyPair};
use reqwest::Method;
use serde_json::{Value, json};

pub const CSRS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// A request and its key.
pub struct Csr {
    pub node: String,
    pub key: KeyPair,
    pub signer: &'static str,
    pub usages: &'static [&'static str],
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Issued,
    Denied(String),
}

impl Csr {
    pub fn of(node: &str) -> Csr {
        Csr {
            node: node.to_owned(),
            key: KeyPair::generate().unwrap(),
            signer: "kubernetes.io/kube-apiserver-client-kubelet",
            usages: &["digital signature", "key encipherment", "client auth"],
        }
    }

    /// For a node whose name nobody else has.
    pub fn fresh() -> Csr {
        Csr::of(&format!("n-{}", random_word(10)))
    }

    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// As the issuer names its key.
    pub fn key_id(&self) -> String {
        use rcgen::PublicKeyData as _;
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.key.subject_public_key_info());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// The object, under a name of its own each time.
    pub fn object(&self) -> Value {
        self.padded(0)
    }

    /// The same, longer by so many bytes, of which the API server takes no notice.
    pub fn padded(&self, by: usize) -> Value {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, format!("system:node:{}", self.node));
        let pem = params.serialize_request(&self.key).unwrap().pem().unwrap() + &"x".repeat(by);
        json!({
            "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest",
            "metadata": {"name": format!("by-hand-{}", random_word(12))},
            "spec": {"request": STANDARD.encode(pem), "signerName": self.signer, "usages": self.usages},
        })
    }
}

/// Whoever holds a token.
pub struct Bearer {
    http: reqwest::Client,
    server: String,
    bearer: String,
}

impl Bearer {
    pub fn of(cluster: &Cluster, token: &Token) -> Bearer {
        Bearer::with(cluster, &token.text())
    }

    /// Whoever holds what a token stands for.
    pub fn with(cluster: &Cluster, credential: &str) -> Bearer {
        let server = format!("https://{}", cluster.address);
        Bearer { http: http_client(&cluster.ca, None), server, bearer: credential.to_owned() }
    }

    /// Posts a request; gives its name, or the status of the refusal.
    pub async fn post(&self, csr: &Csr) -> Result<String, u16> {
        self.post_object(&csr.object()).await
    }

    pub async fn post_object(&self, object: &Value) -> Result<String, u16> {
        let request = self.http.post(format!("{}{CSRS}", self.server)).bearer_auth(&self.bearer);
        let request = request.header("content-type", "application/json").body(object.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        if status != 201 {
            return Err(status);
        }
        let object: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        Ok(object["metadata"]["name"].as_str().unwrap().to_owned())
    }
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|one| one["type"] == kind)
}

/// The object as it is now.
pub async fn read(cluster: &Cluster, name: &str) -> Value {
    let (status, object) = cluster.admin.ask(Method::GET, &format!("{CSRS}/{name}"), None).await;
    assert_eq!(status, 200, "{object}");
    object
}

/// The end of a request, once it has one.
pub async fn end_of(cluster: &Cluster, name: &str) -> End {
    eventually(&format!("an end of {name}"), async || {
        let object = read(cluster, name).await;
        if let Some(denied) = condition(&object, "Denied") {
            return Some(End::Denied(denied["reason"].as_str().unwrap().to_owned()));
        }
        object["status"]["certificate"].is_string().then_some(End::Issued)
    })
    .await
}

/// Posts and waits for the end.
pub async fn ask(cluster: &Cluster, bearer: &Bearer, csr: &Csr) -> End {
    let name = bearer.post(csr).await.unwrap();
    end_of(cluster, &name).await
}

/// The words of a denial.
pub async fn words(cluster: &Cluster, name: &str) -> String {
    let object = read(cluster, name).await;
    condition(&object, "Denied").unwrap()["message"].as_str().unwrap().to_owned()
}
