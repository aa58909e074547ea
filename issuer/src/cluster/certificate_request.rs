//! The PKCS#10 request inside a CertificateSigningRequest: read once, its signature proven, for the
//! embedded API server and for the enforcement of single use alike. Whoever made it is not trusted:
//! what is said of it here is what its bytes say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer;

/// What of a PKCS#10 request matters here. Its signature is good.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// Subject common name, empty when there is none.
    pub common_name: String,
    /// Subject organizations.
    pub organizations: Vec<String>,
    /// How many attributes the subject has, those two among them.
    pub attributes: usize,
    /// SubjectPublicKeyInfo, DER.
    pub spki: Vec<u8>,
    /// Whether the key is an elliptic-curve one on P-256.
    pub p256: bool,
    /// The sorts of alternative names asked for; empty when none are.
    pub names: Vec<&'static str>,
}

impl Parsed {
    /// Reads one PEM block and proves its signature. The error is the API server's sentence.
    pub fn read(pem: &[u8]) -> Result<Parsed, String> {
        let block = x509_parser::pem::Pem::iter_from_buffer(pem)
            .next()
            .and_then(Result::ok)
            .filter(|block| block.label == "CERTIFICATE REQUEST")
            .ok_or("PEM block type must be CERTIFICATE REQUEST")?;
        let (rest, request) = X509CertificationRequest::from_der(&block.contents)
            .map_err(|error| format!("asn1: structure error: {error}"))?;
        if !rest.is_empty() {
            return Err("asn1: syntax error: trailing data".to_owned());
        }
        request.verify_signature().map_err(|error| format!("x509: signature is not good: {error}"))?;
        let info = &request.certification_request_info;
        let text = |value: &x509_parser::x509::AttributeTypeAndValue<'_>| {
            value.as_str().unwrap_or_default().to_owned()
        };
        let mut names = Vec::new();
        for extension in request.requested_extensions().into_iter().flatten() {
            if let ParsedExtension::SubjectAlternativeName(alternative) = extension {
                names.extend(alternative.general_names.iter().map(|name| match name {
                    GeneralName::DNSName(_) => "DNS",
                    GeneralName::RFC822Name(_) => "email",
                    GeneralName::IPAddress(_) => "IP",
                    GeneralName::URI(_) => "URI",
                    _ => "other",
                }));
            }
        }
        let algorithm = &info.subject_pki.algorithm;
        let curve = algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        Ok(Parsed {
            common_name: info.subject.iter_common_name().next().map(text).unwrap_or_default(),
            organizations: info.subject.iter_organization().map(text).collect(),
            attributes: info.subject.iter_attributes().count(),
            spki: info.subject_pki.raw.to_vec(),
            p256: algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY && curve == Some(OID_EC_P256),
            names,
        })
    }

    /// The request of a stored object.
    pub fn of(object: &Value) -> Result<Parsed, String> {
        let encoded = object["spec"]["request"].as_str().unwrap_or_default();
        Parsed::read(&STANDARD.decode(encoded).map_err(|error| error.to_string())?)
    }

    /// Whether this is the request of a kubelet for its client certificate; if not, the signer's sentence.
    pub fn kubelet_client(&self, usages: &[String]) -> Result<(), String> {
        if self.organizations != ["system:nodes"] {
            return Err("subject organization is not system:nodes".to_owned());
        }
        for kind in ["DNS", "email", "IP", "URI"] {
            if self.names.contains(&kind) {
                return Err(format!("{kind} subjectAltNames are not allowed"));
            }
        }
        if !self.common_name.starts_with("system:node:") {
            return Err("subject common name does not begin with system:node:".to_owned());
        }
        let mut sorted: Vec<&str> = usages.iter().map(String::as_str).collect();
        sorted.sort_unstable();
        let full = ["client auth", "digital signature", "key encipherment"];
        if sorted != full && sorted != full[..2] {
            return Err(format!("usages did not match [{}]", full.join(" ")));
        }
        Ok(())
    }

    /// The node this request is for, where its name has the form of a node's.
    pub fn node(&self) -> Option<&str> {
        self.common_name.strip_prefix("system:node:")
    }

    /// A short form of the public key that names it.
    pub fn key_id(&self) -> String {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.spki);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

/// The usages of a stored object.
pub fn usages(object: &Value) -> Vec<String> {
    let list = object["spec"]["usages"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
