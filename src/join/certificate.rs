//! What the signer gave, judged before it is used: our key, our name, a client's certificate, in force.

use super::key::Key;
use super::pkcs10;
use crate::document::{NodeName, certificate_pem, utc};
use crate::failure::{Failure, one_line};
use crate::kube::DateJudge;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

/// A chain of certificates is a few KiB.
const LARGEST: usize = 256 * 1024;

/// A certificate that is what was asked for.
pub(super) struct Issued {
    chain: Vec<CertificateDer<'static>>,
    /// Start of the leaf's validity, Unix seconds.
    pub(super) not_before: i64,
    not_after: i64,
}

impl Issued {
    /// Judges the certificate that the cluster gave, base64 of PEM.
    ///
    /// # Errors
    /// `certificate_wrong`, saying what was expected and what was seen.
    pub(super) fn judge(base64: &str, key: &Key, node: &NodeName, judge: DateJudge) -> Result<Self, Failure> {
        let wrong = |what: String| {
            Failure::new(Reason::CertificateWrong, format!("judging the certificate for node {node}: {what}"))
        };
        let pem = STANDARD.decode(base64).map_err(|_| wrong("it is not base64".to_owned()))?;
        if pem.len() > LARGEST {
            return Err(wrong(format!("it is larger than {LARGEST} bytes")));
        }
        let chain = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| wrong("it is not PEM".to_owned()))?;
        let leaf = chain.first().ok_or_else(|| wrong("it holds no certificate".to_owned()))?;
        let identity = Leaf::read(leaf).map_err(&wrong)?;
        identity.is_for(node).map_err(&wrong)?;
        identity.is_in_force(judge).map_err(&wrong)?;
        if identity.spki != key.spki() {
            return Err(wrong("it is for another key than ours".to_owned()));
        }
        let Leaf { not_before, not_after, .. } = identity;
        Ok(Issued { chain, not_before, not_after })
    }

    /// The chain and then the key in one PEM text, as the kubelet stores them.
    pub(super) fn pem_with(&self, key: &Key) -> SecretBytes {
        let pem: String = self.chain.iter().map(|der| certificate_pem(der)).collect();
        // One buffer of the final size: one that grows would leave the key behind in freed memory.
        let mut whole = SecretBytes::new(Vec::with_capacity(pem.len() + key.pem().len()));
        whole.extend_from_slice(pem.as_bytes());
        whole.extend_from_slice(key.pem());
        whole
    }

    /// When it ends, for people.
    pub(super) fn until(&self) -> String {
        utc(self.not_after)
    }
}

/// The part of a node's certificate that is judged.
#[derive(Debug)]
pub(super) struct Leaf {
    common_name: String,
    organizations: Vec<String>,
    is_client: bool,
    not_before: i64,
    not_after: i64,
    spki: Vec<u8>,
}

impl Leaf {
    pub(super) fn read(der: &[u8]) -> Result<Self, String> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| "it is not an X.509 certificate".to_owned())?;
        let is_client = match certificate.extended_key_usage() {
            Ok(Some(usage)) => usage.value.client_auth || usage.value.any,
            _ => false,
        };
        Ok(Leaf {
            common_name: texts(certificate.subject(), X509Name::iter_common_name).join(", "),
            organizations: texts(certificate.subject(), X509Name::iter_organization),
            is_client,
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            spki: certificate.public_key().raw.to_vec(),
        })
    }

    pub(super) fn is_for(&self, node: &NodeName) -> Result<(), String> {
        let wanted = pkcs10::common_name(node);
        if self.common_name != wanted {
            return Err(format!("it is for {:?}, and {wanted:?} was asked for", one_line(&self.common_name)));
        }
        if self.organizations != [pkcs10::organization()] {
            let seen = one_line(&self.organizations.join(", "));
            return Err(format!("its groups are {seen:?}, and {:?} was asked for", pkcs10::organization()));
        }
        if !self.is_client {
            return Err("it is not for a client".to_owned());
        }
        Ok(())
    }

    /// By a clock that is worth something; another one judges nothing.
    pub(super) fn is_in_force(&self, judge: DateJudge) -> Result<(), String> {
        let now = i64::try_from(judge.unix).unwrap_or(i64::MAX);
        if judge.trusted && self.not_after <= now {
            return Err(format!("it expired at {}, and it is {}", utc(self.not_after), utc(now)));
        }
        Ok(())
    }
}

fn texts<'a, I>(name: &'a X509Name<'a>, attributes: impl Fn(&'a X509Name<'a>) -> I) -> Vec<String>
where
    I: Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
{
    attributes(name).map(|attribute| attribute.as_str().unwrap_or("(not text)").to_owned()).collect()
}
