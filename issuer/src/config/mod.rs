//! What an operator decides: one YAML file, read once at the start.
//!
//! Text becomes a [`Config`] by [`parse`], which is pure and refuses what could not be served: every
//! fault is told with line, column, field and what was expected. The file holds no secret, only the
//! places of some. Paths in it are taken from the directory that it lies in. A restart reads it again;
//! nothing else does.

mod cluster;
mod values;

pub use cluster::{ClusterConfig, Embedded, Kubernetes, Place};
pub use values::{Address, ExternalUrl};

use crate::api::Limits;
use crate::files::{self, FileError};
use crate::names::ClusterId;
use serde::Deserialize;
use serde_yaml::Spanned;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use worker_bootstrap::yaml::{self, Fault};

/// The largest file that is read, in bytes.
const LARGEST: u64 = 1024 * 1024;
const DATABASE: &str = "/var/lib/bootstrap-issuer/issuer.db";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Its file.
    #[error("cannot use the configuration")]
    File(#[from] FileError),
    /// What it says.
    #[error("the configuration in {path} is refused")]
    Refused {
        /// Which file.
        path: String,
        /// Where and why.
        #[source]
        fault: Fault,
    },
}

/// Everything that is decided outside of the code.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where the API is served.
    pub listen: SocketAddr,
    /// Where health and metrics are served, in plain HTTP; with the API where there is no such place.
    pub operations: Option<SocketAddr>,
    /// How machines and links reach the API; where it listens, where nothing else is said.
    pub external_url: Option<ExternalUrl>,
    /// The API's certificate; without one it listens on this machine alone.
    pub tls: Option<Tls>,
    /// CA certificates, PEM: what machines trust for downloads and reports. The system's where none.
    pub external_certificate_authority: Option<PathBuf>,
    /// The SQLite file.
    pub database: PathBuf,
    /// The master key's file.
    pub master_key: PathBuf,
    /// A directory with the agent's archives.
    pub artifacts: Option<PathBuf>,
    /// How much one API token may ask.
    pub rate: Rate,
    /// What bootstraps are issued for; at least one.
    pub clusters: Vec<ClusterConfig>,
}

/// Files of a certificate, PEM: the chain, and its key. Both are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How much one API token may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Rate {
    /// Requests per second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for Rate {
    fn default() -> Rate {
        let Limits { per_second, burst } = Limits::default();
        Rate { per_second, burst }
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    listen: Spanned<Address>,
    operations: Option<Address>,
    external_url: Option<ExternalUrl>,
    tls: Option<Tls>,
    external_certificate_authority: Option<PathBuf>,
    database: Option<PathBuf>,
    master_key: Option<PathBuf>,
    artifacts: Option<PathBuf>,
    #[serde(default)]
    rate: Rate,
    clusters: Spanned<Vec<Spanned<cluster::Written>>>,
}

/// Reads the configuration in `path`.
///
/// # Errors
/// The file cannot be read, or is refused.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = files::read(path, LARGEST)?;
    let home = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    parse(&text, home.parent().unwrap_or(Path::new("/")))
        .map_err(|fault| ConfigError::Refused { path: path.display().to_string(), fault })
}

/// The configuration in `text`, whose paths begin in `home`.
///
/// # Errors
/// The first fault.
pub fn parse(text: &[u8], home: &Path) -> Result<Config, Fault> {
    let written: Written = yaml::read(text)?;
    let listen = written.listen.value.0;
    if written.tls.is_none() && !listen.ip().is_loopback() {
        let what = "expected an address of this machine's loopback, as in 127.0.0.1:8443, or the field tls: \
                    tokens do not travel in the clear";
        return Err(at(&written.listen, "listen", what));
    }
    if written.clusters.value.is_empty() {
        return Err(at(&written.clusters, "clusters", "expected at least one cluster"));
    }
    let mut known: BTreeSet<ClusterId> = BTreeSet::new();
    let mut clusters = Vec::new();
    for (index, one) in written.clusters.value.into_iter().enumerate() {
        let field = format!("clusters[{index}]");
        if known.contains(&one.value.id) {
            return Err(at(
                &one,
                &field,
                &format!("expected another id: {} stands here twice", one.value.id),
            ));
        }
        known.insert(one.value.id.clone());
        clusters.push(cluster::settle(one, &field, home)?);
    }
    let database = home.join(written.database.unwrap_or_else(|| DATABASE.into()));
    let beside = |name: &str| database.parent().unwrap_or(home).join(name);
    Ok(Config {
        listen,
        operations: written.operations.map(|address| address.0),
        external_url: written.external_url,
        tls: written.tls.map(|tls| Tls { certificate: home.join(tls.certificate), key: home.join(tls.key) }),
        external_certificate_authority: written.external_certificate_authority.map(|path| home.join(path)),
        master_key: written.master_key.map_or_else(|| beside("master.key"), |path| home.join(path)),
        artifacts: written.artifacts.map(|path| home.join(path)),
        rate: written.rate,
        database,
        clusters,
    })
}

fn at<T>(place: &Spanned<T>, field: &str, what: &str) -> Fault {
    let at = (place.referenced.line(), place.referenced.column());
    Fault { excessive: false, at: Some(at), field: field.to_owned(), what: what.to_owned() }
}

#[cfg(test)]
mod tests;
