//! What can be told of an X.509 certificate without trusting it: for the errors that name it.

use crate::document::utc;
use crate::failure::one_line;
use std::fmt;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// A certificate as it was seen on the wire or in a file. Every text is bounded and printable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its subject, as RFC 4514 would nearly write it.
    pub subject: String,
    /// Who is said to have issued it.
    pub issuer: String,
    /// The names and addresses it is for.
    pub names: Vec<String>,
    /// Start of its validity, Unix seconds.
    pub not_before: i64,
    /// End of its validity, Unix seconds.
    pub not_after: i64,
    /// `sha256:` and the SHA-256 of its SubjectPublicKeyInfo: what a CA hash of the document would be.
    pub pin: String,
}

impl Seen {
    /// What stands in the DER certificate; nothing where it cannot be read as one.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = match certificate.subject_alternative_name() {
            Ok(Some(san)) => san.value.general_names.iter().filter_map(name).take(20).collect(),
            _ => Vec::new(),
        };
        Some(Seen {
            subject: short(&certificate.subject().to_string()),
            issuer: short(&certificate.issuer().to_string()),
            names,
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            pin: pin(certificate.public_key().raw),
        })
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = if self.names.is_empty() { "none".to_owned() } else { self.names.join(", ") };
        write!(
            f,
            "subject {}, issuer {}, names {names}, valid {} to {}, key {}",
            self.subject,
            self.issuer,
            utc(self.not_before),
            utc(self.not_after),
            self.pin
        )
    }
}

/// `sha256:` and the hex SHA-256 of a DER SubjectPublicKeyInfo (RFC 7469 pins; kubeadm's form of them).
pub fn pin(spki_der: &[u8]) -> String {
    use fmt::Write;
    let digest = ring::digest::digest(&ring::digest::SHA256, spki_der);
    digest.as_ref().iter().fold("sha256:".to_owned(), |mut text, byte| {
        // Writing into a String cannot fail.
        text.write_fmt(format_args!("{byte:02x}")).ok();
        text
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(dns) => Some(short(dns)),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
            16 => <[u8; 16]>::try_from(*octets).ok().map(|ip| std::net::Ipv6Addr::from(ip).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn short(text: &str) -> String {
    one_line(text).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_named() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params =
            rcgen::CertificateParams::new(vec!["api.example".into(), "10.0.0.1".into()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "kube\napiserver");
        params.not_before = rcgen::date_time_ymd(2020, 1, 2);
        params.not_after = rcgen::date_time_ymd(2030, 1, 2);
        let seen = Seen::of(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(seen.names, ["api.example", "10.0.0.1"]);
        assert_eq!(utc(seen.not_before), "2020-01-02T00:00:00Z");
        assert!(!seen.to_string().contains('\n'), "{seen}");
        assert!(seen.pin.starts_with("sha256:") && seen.pin.len() == 71);
        assert_eq!(Seen::of(b"nonsense"), None);
    }
}
