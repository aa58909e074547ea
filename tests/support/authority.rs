//! A certificate authority of a test's own, for servers that a document vouches for and for
//! certificates that are not what was asked for.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SignatureAlgorithm,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// A CA with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new(common_name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// PEM of its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server on 127.0.0.1 with a certificate of this authority.
    pub fn server(&self) -> Arc<rustls::ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.subject_alt_names = vec![rcgen::SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }

    /// A node's client certificate as PEM, for the key in `request` (PEM of a PKCS#10 request) or for
    /// another one, good from an hour ago until `until` from now (which may lie in the past).
    pub fn sign_node(&self, node: &str, key: SignedKey<'_>, until: i64) -> String {
        let now = OffsetDateTime::now_utc();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        params.distinguished_name.push(DnType::CommonName, format!("system:node:{node}"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = now - Duration::from_secs(3600);
        params.not_after = now + time::Duration::seconds(until);
        let certificate = match key {
            SignedKey::Asked(request) => params.signed_by(&RequestedKey::of(request), &self.issuer),
            SignedKey::Another => params.signed_by(&KeyPair::generate().unwrap(), &self.issuer),
        };
        certificate.unwrap().pem()
    }
}

/// Which key a certificate is for.
#[derive(Debug, Clone, Copy)]
pub enum SignedKey<'a> {
    /// The one in this request.
    Asked(&'a str),
    /// One that nobody has.
    Another,
}

/// The public key in a PKCS#10 request.
struct RequestedKey(Vec<u8>);

impl RequestedKey {
    fn of(request: &str) -> Self {
        use x509_parser::prelude::{FromDer, X509CertificationRequest};
        let (_, pem) = x509_parser::pem::parse_x509_pem(request.as_bytes()).unwrap();
        let (_, request) = X509CertificationRequest::from_der(&pem.contents).unwrap();
        RequestedKey(request.certification_request_info.subject_pki.subject_public_key.data.to_vec())
    }
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}
