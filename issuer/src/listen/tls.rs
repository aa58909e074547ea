//! The certificate: read at the start, and again when its files change, because those who renew
//! certificates replace files and tell nobody. Whatever is not a whole pair is not taken; the one before
//! stays in use.

use crate::config::Tls;
use crate::files::{self, FileError};
use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// The largest file of either kind, in bytes.
const LARGEST: u64 = 256 * 1024;
/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(30);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Its files.
    #[error("cannot use the TLS certificate")]
    File(#[from] FileError),
    /// What they hold.
    #[error("cannot read {what} in {path}")]
    Pem {
        /// A certificate or a key.
        what: &'static str,
        /// Where.
        path: String,
        /// Why not.
        #[source]
        source: pem::Error,
    },
    /// They are not a pair, or not fit for TLS.
    #[error("the certificate in {path} and its key are not usable together")]
    Pair {
        /// Of the certificate.
        path: String,
        /// Why not.
        #[source]
        source: rustls::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS")]
    Setup(#[source] rustls::Error),
}

/// The certificate in use.
pub struct Certificate {
    files: Tls,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    look: Notify,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Hands out whichever certificate is in use.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, fresh: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}

impl Certificate {
    /// Reads the pair.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn open(files: &Tls) -> Result<Arc<Certificate>, TlsError> {
        let current = Arc::new(Current(RwLock::new(Arc::new(read(files)?))));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let (files, config) = (files.clone(), Arc::new(config));
        Ok(Arc::new(Certificate { files, current, config, look: Notify::new() }))
    }

    /// What speaks TLS with it.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// The certificates in use, the server's own first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.get().cert.clone()
    }

    /// Looks at the files now, and not only when it is time.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// Keeps the certificate in use that of the files, until the task is dropped.
    pub async fn follow(self: Arc<Self>) {
        let mut told = String::new();
        loop {
            drop(tokio::time::timeout(LOOK, self.look.notified()).await);
            match read(&self.files) {
                Ok(fresh) if fresh.cert == self.current.get().cert => told.clear(),
                Ok(fresh) => {
                    self.current.set(fresh);
                    told.clear();
                    tracing::info!(path = %self.files.certificate.display(), "the new TLS certificate is in use");
                }
                // Half a renewal is seen now and then. What lasts is said once.
                Err(error) => {
                    let text = crate::log::chain(&error);
                    if text != told {
                        tracing::warn!(error = text, "the TLS certificate before stays in use");
                        told = text;
                    }
                }
            }
        }
    }
}

fn read(paths: &Tls) -> Result<CertifiedKey, TlsError> {
    let path = paths.certificate.display().to_string();
    let unreadable = |what, path: String| move |source| TlsError::Pem { what, path, source };
    let chain = files::read(&paths.certificate, LARGEST)?;
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable("a certificate", path.clone()))?;
    let key = files::read_key(&paths.key, LARGEST)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(unreadable("a private key", paths.key.display().to_string()))?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider())
        .map_err(|source| TlsError::Pair { path, source })
}
