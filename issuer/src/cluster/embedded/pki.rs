//! The cluster's certificate authority, and what it signs: the server's certificate, the
//! administrator's, and the nodes'. The CA outlives a restart in the state directory.

use crate::files::{self, FileError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// Certificates are dated back by this much, for clocks that run behind.
const BACKDATE: Duration = Duration::minutes(5);
/// Certificates that live shorter than this keep their full life in spite of the back-dating.
const SHORT: Duration = Duration::hours(8);
const LARGEST_PEM: u64 = 64 * 1024;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file of the state directory.
    #[error("the cluster's keys in its state directory")]
    File(#[from] FileError),
    /// A certificate could not be made or read.
    #[error("cannot {operation}")]
    Certificate {
        /// What was being made.
        operation: &'static str,
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
    /// A state file is not text.
    #[error("{0} is not a PEM file")]
    NotPem(&'static str),
}

fn cannot(operation: &'static str) -> impl Fn(rcgen::Error) -> PkiError {
    move |source| PkiError::Certificate { operation, source }
}

/// The CA: its key, its certificate, and the rules it signs by.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    not_after: OffsetDateTime,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// The same as PEM.
    pub pem: String,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// A certificate and its key, both as PEM.
pub struct Credential {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: KeyPair,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

fn serial() -> SerialNumber {
    let mut bytes = *uuid::Uuid::parse_str(&crate::random::uuid()).unwrap_or_default().as_bytes();
    bytes[0] &= 0x7f;
    bytes[0] |= 0x40;
    SerialNumber::from_slice(&bytes)
}

fn named(common_name: &str, organizations: &[&str]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for organization in organizations {
        name.push(DnType::OrganizationName, *organization);
    }
    name.push(DnType::CommonName, common_name);
    name
}

impl Authority {
    /// Takes the CA of the state directory, or makes one and keeps it there (key 0600).
    pub fn open(directory: &Path, now: OffsetDateTime) -> Result<Authority, PkiError> {
        let (certificate_path, key_path) = (directory.join("ca.crt"), directory.join("ca.key"));
        if certificate_path.exists() && key_path.exists() {
            let text = |bytes, name| String::from_utf8(bytes).map_err(|_| PkiError::NotPem(name));
            let pem = text(files::read(&certificate_path, LARGEST_PEM)?, "ca.crt")?;
            let key = text(files::read(&key_path, LARGEST_PEM)?, "ca.key")?;
            return Authority::load(&pem, &key);
        }
        let key = KeyPair::generate().map_err(cannot("generate the CA's key"))?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named("kubernetes", &[]);
        params.serial_number = Some(serial());
        params.not_before = now - BACKDATE;
        params.not_after = now + Duration::days(3650);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
            KeyUsagePurpose::KeyCertSign,
        ];
        let pem = params.self_signed(&key).map_err(cannot("sign the CA's certificate"))?.pem();
        files::write(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
        files::write(&certificate_path, pem.as_bytes(), 0o644)?;
        Authority::load(&pem, &key.serialize_pem())
    }

    fn load(pem: &str, key: &str) -> Result<Authority, PkiError> {
        let block =
            x509_parser::pem::parse_x509_pem(pem.as_bytes()).map_err(|_| PkiError::NotPem("ca.crt"))?.1;
        let not_after =
            block.parse_x509().map_err(|_| PkiError::NotPem("ca.crt"))?.validity().not_after.to_datetime();
        let key = KeyPair::from_pem(key).map_err(cannot("read the CA's key"))?;
        let issuer = Issuer::from_ca_cert_pem(pem, key).map_err(cannot("read the CA's certificate"))?;
        let certificate = CertificateDer::from(block.contents.clone());
        Ok(Authority { issuer, not_after, certificate, pem: pem.to_owned() })
    }

    /// The pin of this CA, as `kubeadm join` takes it: SHA-256 over the subject's public key.
    pub fn pin(&self) -> String {
        let spki = self.issuer.key().subject_public_key_info();
        let digest = ring::digest::digest(&ring::digest::SHA256, &spki);
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// The certificate as kubeconfigs carry it.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.pem)
    }

    fn params(&self, name: DistinguishedName, now: OffsetDateTime, life: Duration) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.serial_number = Some(serial());
        params.not_before = now - BACKDATE;
        let end = if life < SHORT { now + life } else { now + life - BACKDATE };
        params.not_after = end.min(self.not_after);
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        params
    }

    /// The API server's own certificate, for the address it listens on and the names it goes by.
    pub fn server(
        &self,
        address: IpAddr,
        now: OffsetDateTime,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), PkiError> {
        let key = KeyPair::generate().map_err(cannot("generate the server's key"))?;
        let mut params = self.params(named("kube-apiserver", &[]), now, Duration::days(365));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let mut addresses = vec![IpAddr::from([127, 0, 0, 1]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
        if !addresses.contains(&address) {
            addresses.push(address);
        }
        params.subject_alt_names = addresses.into_iter().map(SanType::IpAddress).collect();
        for name in ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"] {
            let name = name.try_into().map_err(cannot("name the server"))?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        let certificate =
            params.signed_by(&key, &self.issuer).map_err(cannot("sign the server's certificate"))?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok((vec![certificate.der().clone()], key))
    }

    /// A client's credential.
    pub fn client(&self, user: &str, groups: &[&str], now: OffsetDateTime) -> Result<Credential, PkiError> {
        let key = KeyPair::generate().map_err(cannot("generate a client's key"))?;
        let mut params = self.params(named(user, groups), now, Duration::days(365));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate =
            params.signed_by(&key, &self.issuer).map_err(cannot("sign a client's certificate"))?;
        Ok(Credential { certificate: certificate.pem(), key })
    }

    /// The certificate of a node: subject and key of its request (`spki` as DER), the usages it
    /// asked for, `life` from now but never past the CA's own end. As PEM.
    pub fn node(
        &self,
        common_name: &str,
        spki: &[u8],
        key_encipherment: bool,
        now: OffsetDateTime,
        life: Duration,
    ) -> Result<String, PkiError> {
        let mut params = self.params(named(common_name, &["system:nodes"]), now, life);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if key_encipherment {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let key = SubjectPublicKeyInfo::from_der(spki).map_err(cannot("read the request's public key"))?;
        let certificate =
            params.signed_by(&key, &self.issuer).map_err(cannot("sign a node's certificate"))?;
        Ok(certificate.pem())
    }
}
