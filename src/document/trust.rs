//! By what the cluster is recognized: its CA itself, or hashes of it.

use super::text::from_text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fmt;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A bundle holds old and new CA during a rotation, and perhaps intermediates.
const MOST: usize = 32;

/// How the cluster's certificate is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// By these CA certificates, from the first byte.
    Authorities(Authorities),
    /// By a CA that is discovered from cluster-info and must have one of these hashes.
    Pins(Vec<Pin>),
}

/// One or more CA certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    der: Vec<Vec<u8>>,
}

impl Authorities {
    /// The certificates in a PEM bundle; text around them is passed over.
    ///
    /// # Errors
    /// What was expected.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let expected = || format!("expected 1 to {MOST} CA certificates in PEM");
        let der = CertificateDer::pem_slice_iter(pem)
            .map(|der| der.ok().map(|der| der.to_vec()).filter(|der| is_certificate(der)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(expected)?;
        if der.is_empty() || der.len() > MOST {
            return Err(expected());
        }
        Ok(Authorities { der })
    }

    /// The certificates in base64 of a PEM bundle, as kubeconfigs have them.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let compact: String = text.split_ascii_whitespace().collect();
        let pem = STANDARD.decode(compact).map_err(|_| "expected base64 of a PEM bundle".to_owned())?;
        Authorities::from_pem(&pem).map_err(|what| format!("{what}, in base64"))
    }

    /// Each certificate in DER.
    pub fn der(&self) -> &[Vec<u8>] {
        &self.der
    }

    /// The certificates as a PEM bundle, and nothing else.
    pub fn to_pem(&self) -> String {
        self.der.iter().map(|der| certificate_pem(der)).collect()
    }
}

/// One certificate in PEM.
pub fn certificate_pem(der: &[u8]) -> String {
    let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), lines)
}

fn is_certificate(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(rest, _)| rest.is_empty())
}

impl fmt::Display for Authorities {
    /// As a document has them: base64 of the bundle.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.to_pem()))
    }
}

from_text!(Authorities, {"type": "string", "contentEncoding": "base64"});

/// The SHA-256 of a CA's public key (SubjectPublicKeyInfo, DER), in kubeadm's form of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin(String);

impl Pin {
    /// `sha256:` and 64 hexadecimal digits of either case.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        match lower.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Ok(Pin(lower))
            }
            _ => Err("expected sha256: and 64 hexadecimal digits".to_owned()),
        }
    }

    /// `sha256:` and lower-case digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(Pin, {"type": "string", "pattern": "^[sS][hH][aA]256:[0-9a-fA-F]{64}$"});

#[cfg(test)]
mod tests {
    use super::*;

    fn authority() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap().pem()
    }

    #[test]
    fn bundles() {
        let two = format!("old\n{}new\n{}", authority(), authority());
        let bundle = Authorities::from_pem(two.as_bytes()).unwrap();
        assert_eq!(bundle.der().len(), 2);
        assert_eq!(Authorities::from_pem(bundle.to_pem().as_bytes()).unwrap(), bundle);
        assert_eq!(Authorities::parse(&STANDARD.encode(&two)).unwrap(), bundle);
    }

    #[test]
    fn what_is_no_authority() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "nonsense", key.as_str(), broken, &format!("{}{broken}", authority())] {
            assert!(Authorities::from_pem(pem.as_bytes()).is_err(), "{pem}");
        }
        assert!(Authorities::parse("%%%").is_err());
    }

    #[test]
    fn pins() {
        let hex = "ab".repeat(32);
        assert_eq!(
            Pin::parse(&format!("SHA256:{}", hex.to_uppercase())).unwrap().as_str(),
            format!("sha256:{hex}")
        );
        for text in ["", &hex, "sha256:abcd", &format!("sha512:{hex}"), &format!("sha256:{}zz", &hex[2..])] {
            assert!(Pin::parse(text).is_err(), "{text}");
        }
    }
}
