//! The certificate request of a node: what is asked for, and the name it is asked under.
//!
//! Subject O=system:nodes, CN=system:node:NAME, no alternative names (kubernetes
//! `pkg/apis/certificates/helpers.go`). The three usages are accepted by every server from 1.19 on. The
//! name is the one that client-go's `LoadClientCert` gives: a digest of key, subject and usages, so that
//! the same key always asks for the same object.

use super::key::Key;
use crate::document::NodeName;
use crate::failure::Failure;
use crate::kube::objects::CsrSpec;
use crate::reason::Reason;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DistinguishedName, DnType};
use ring::digest::{Context, SHA512_256};
use rustls::pki_types::CertificateSigningRequestDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

/// Who signs client certificates of kubelets.
pub(super) const SIGNER: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const ORGANIZATION: &str = "system:nodes";
const USAGES: [&str; 3] = ["digital signature", "key encipherment", "client auth"];

/// A request, ready to be posted.
pub(super) struct Request {
    /// The object's name.
    pub(super) name: String,
    /// The object, JSON.
    pub(super) body: Vec<u8>,
    spki: Vec<u8>,
}

impl Request {
    pub(super) fn new(key: &Key, node: &NodeName) -> Result<Self, Failure> {
        let common_name = common_name(node);
        let failed =
            |what: &str| Failure::new(Reason::Internal, format!("making the certificate request: {what}"));
        let mut params =
            CertificateParams::new(Vec::<String>::new()).map_err(|error| failed(&error.to_string()))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, ORGANIZATION);
        params.distinguished_name.push(DnType::CommonName, common_name.as_str());
        let pem = params
            .serialize_request(key.pair())
            .and_then(|request| request.pem())
            .map_err(|error| failed(&error.to_string()))?;
        let spki = key.spki();
        let name = name(&spki, &common_name);
        let body = serde_json::json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {"request": STANDARD.encode(&pem), "signerName": SIGNER, "usages": USAGES}
        });
        let body = serde_json::to_vec(&body).map_err(|error| failed(&error.to_string()))?;
        Ok(Request { name, body, spki })
    }

    /// Whether an object of this name asks for the same: same signer, and a request that is signed with
    /// our key.
    pub(super) fn is(&self, spec: &CsrSpec) -> bool {
        spec.signer_name == SIGNER && self.is_signed_by_us(&spec.request).is_some()
    }

    fn is_signed_by_us(&self, base64: &str) -> Option<()> {
        let pem = STANDARD.decode(base64).ok()?;
        let der = CertificateSigningRequestDer::from_pem_slice(&pem).ok()?;
        let (_, request) = X509CertificationRequest::from_der(&der).ok()?;
        request.verify_signature().ok()?;
        (request.certification_request_info.subject_pki.raw == self.spki).then_some(())
    }
}

/// The user that a node is.
pub(super) fn common_name(node: &NodeName) -> String {
    format!("system:node:{node}")
}

/// The group of all nodes.
pub(super) const fn organization() -> &'static str {
    ORGANIZATION
}

fn name(spki: &[u8], common_name: &str) -> String {
    let mut digest = Context::new(&SHA512_256);
    let mut part = |bytes: &[u8]| {
        digest.update(URL_SAFE_NO_PAD.encode(bytes).as_bytes());
        digest.update(b"|");
    };
    part(spki);
    part(common_name.as_bytes());
    part(ORGANIZATION.as_bytes());
    USAGES.iter().for_each(|usage| part(usage.as_bytes()));
    format!("node-csr-{}", URL_SAFE_NO_PAD.encode(digest.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_one_that_client_go_gives() {
        let spki = STANDARD
            .decode(
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==",
            )
            .unwrap();
        assert_eq!(
            name(&spki, "system:node:worker-1"),
            "node-csr-Nc7zuI-Tp6cUXCPQZ3daVijVWFeDDoflQnng0urlGRA"
        );
    }
}
