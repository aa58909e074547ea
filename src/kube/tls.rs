//! Whom a connection may talk to: the CA of the document and nobody else. The system's roots are not
//! asked, the machine's clock only where the caller trusts it, and a refused certificate is named.

use crate::document::utc;
use crate::failure::Failure;
use crate::kube::seen::Seen;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// By what time the dates of certificates are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateJudge {
    /// Unix seconds when the judge was made; it advances by itself afterwards.
    pub unix: u64,
    /// Whether that time can be trusted. Where it cannot, a chain whose only fault is its dates is
    /// judged at a moment inside the leaf's own validity: everything else about it must be right.
    pub trusted: bool,
}

/// A client certificate with its key, ready for a handshake.
#[derive(Debug)]
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ClientIdentity {
    /// The chain and the key in one PEM text, as the kubelet stores them.
    pub fn from_pem(pem: &SecretBytes) -> Result<Self, &'static str> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|_| "it holds a damaged certificate")?;
        if chain.is_empty() {
            return Err("it holds no certificate");
        }
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "it holds no readable private key")?;
        Ok(ClientIdentity { chain, key })
    }

    /// The certificates in DER, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }
}

/// A configuration that trusts the given CA certificates (DER) alone.
///
/// # Errors
/// `server_not_trusted` where none of them can be a root; `certificate_wrong` where the identity's
/// key does not belong to its certificate.
pub fn pinned(
    authorities: &[Vec<u8>],
    judge: DateJudge,
    identity: Option<ClientIdentity>,
) -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Pinned::new(authorities, judge, &provider)?);
    let config = builder(&provider)?.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        None => config.with_no_client_auth(),
        Some(identity) => config.with_client_auth_cert(identity.chain, identity.key).map_err(|error| {
            Failure::new(Reason::CertificateWrong, "using the node's certificate with its key").because(error)
        })?,
    };
    finish(&mut config);
    Ok(config)
}

/// A configuration that accepts any certificate: for the first sight of cluster-info, whose content
/// proves itself. Only [`crate::kube::unpinned`] uses it, and that can carry no credential.
pub(super) fn unpinned() -> Result<ClientConfig, Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Anyone { provider: provider.clone() });
    let mut config =
        builder(&provider)?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    finish(&mut config);
    Ok(config)
}

fn builder(
    provider: &Arc<CryptoProvider>,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, Failure> {
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(Reason::Internal, "setting up TLS").because(error))
}

fn finish(config: &mut ClientConfig) {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // One or two connections in a life: nothing to resume, and no session secrets to keep.
    config.resumption = rustls::client::Resumption::disabled();
}

/// Why a server's certificate was refused, and what was seen of it. Travels inside the TLS error.
#[derive(Debug, Clone)]
pub struct Refused {
    /// One clause.
    pub why: String,
    /// The leaf, where it could be read at all.
    pub seen: Option<Seen>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.seen {
            Some(seen) => write!(f, "its certificate is refused: {}; seen: {seen}", self.why),
            None => write!(f, "its certificate is refused: {}", self.why),
        }
    }
}

impl std::error::Error for Refused {}

#[derive(Debug)]
struct Pinned {
    webpki: Arc<WebPkiServerVerifier>,
    authorities: Vec<Vec<u8>>,
    judge: DateJudge,
    since: Instant,
}

impl Pinned {
    fn new(
        authorities: &[Vec<u8>],
        judge: DateJudge,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Failure> {
        let mut roots = RootCertStore::empty();
        let mut last = None;
        for der in authorities {
            // A bundle may hold one odd certificate beside the one that counts.
            if let Err(error) = roots.add(CertificateDer::from(der.as_slice())) {
                last = Some(error);
            }
        }
        let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build();
        let webpki = webpki.map_err(|error| {
            let failure = Failure::new(
                Reason::TlsUntrusted,
                format!(
                    "none of the {} CA certificates of the document can be trusted as a root",
                    authorities.len()
                ),
            );
            match last {
                Some(last) => failure.because(last),
                None => failure.because(error),
            }
        })?;
        Ok(Pinned { webpki, authorities: authorities.to_vec(), judge, since: Instant::now() })
    }

    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.judge.unix) + self.since.elapsed())
    }

    /// A server may present the very certificate that is pinned, as self-signed API servers do; a path
    /// validation would refuse it as a CA in a leaf's place.
    fn is_pinned_itself(&self, leaf: &CertificateDer<'_>) -> bool {
        self.authorities.iter().any(|pinned| pinned.as_slice() == leaf.as_ref())
    }

    fn judge_leaf_itself(
        &self,
        leaf: &CertificateDer<'_>,
        server: &ServerName<'_>,
    ) -> Result<(), rustls::Error> {
        verify_server_name(&ParsedCertificate::try_from(leaf)?, server)?;
        let now = self.now().as_secs();
        match Seen::of(leaf) {
            None => Err(CertificateError::BadEncoding.into()),
            Some(_) if !self.judge.trusted => Ok(()),
            Some(seen) if seconds(seen.not_after) < now => Err(CertificateError::Expired.into()),
            Some(seen) if seconds(seen.not_before) > now => Err(CertificateError::NotValidYet.into()),
            Some(_) => Ok(()),
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server: &ServerName<'_>,
        ocsp: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let at = |time| self.webpki.verify_server_cert(leaf, intermediates, server, ocsp, time);
        let mut verdict = at(self.now());
        if !self.judge.trusted
            && verdict.as_ref().is_err_and(only_dates)
            && let Some(seen) = Seen::of(leaf)
        {
            // Either end of the leaf's validity: an intermediate may be younger than the leaf.
            for moment in [seen.not_before, seen.not_after] {
                verdict = at(UnixTime::since_unix_epoch(Duration::from_secs(seconds(moment))));
                if verdict.is_ok() {
                    break;
                }
            }
        }
        if verdict.is_err() && self.is_pinned_itself(leaf) {
            verdict = self.judge_leaf_itself(leaf, server).map(|()| ServerCertVerified::assertion());
        }
        verdict.map_err(|error| {
            let why = why(&error, server, self.now(), self.authorities.len());
            CertificateError::Other(OtherError(Arc::new(Refused { why, seen: Seen::of(leaf) }))).into()
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn only_dates(error: &rustls::Error) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. }
        )
    )
}

fn why(error: &rustls::Error, server: &ServerName<'_>, now: UnixTime, authorities: usize) -> String {
    use CertificateError as E;
    let now = utc(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        E::UnknownIssuer => format!("none of the {authorities} pinned CA certificates has signed it"),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            format!("it is not for {}", server.to_str())
        }
        E::Expired | E::ExpiredContext { .. } => format!("it has expired (it is {now})"),
        E::NotValidYet | E::NotValidYetContext { .. } => format!("it is not valid yet (it is {now})"),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not for a server".to_owned(),
        E::BadEncoding => "it is not a well-formed X.509 v3 certificate".to_owned(),
        E::BadSignature => "its signature is wrong".to_owned(),
        E::Other(other) => format!("{other}"),
        other => format!("{other}"),
    }
}

/// Dates before 1970 count as 1970: no certificate of a cluster is older.
fn seconds(unix: i64) -> u64 {
    u64::try_from(unix).unwrap_or(0)
}

#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
