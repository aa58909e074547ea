//! From settings to a connection: who we are, whom we trust, and what machines are told.

use super::token_file::TokenFile;
use super::{Cluster, ClusterError};
use crate::cluster::Reach;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, Uri};
use http_body_util::Limited;
use kube::Config;
use kube::client::{Body, ClientBuilder};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tower_http::map_response_body::MapResponseBodyLayer;
use tower_http::set_header::SetRequestHeaderLayer;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an answer may be silent: longer than a watch lasts. A kept connection that died without a word
/// would else hold a list for as long as the kernel believes in it.
const SILENCE: Duration = Duration::from_secs(25);

/// The largest answer, in bytes: of lists a page of at most 500 objects comes at a time, and a watch that has told
/// so much is begun again where it ended.
const LARGEST: usize = 32 * 1024 * 1024;

/// How the cluster is reached.
#[derive(Debug, Clone)]
pub struct Settings {
    /// By which credential.
    pub source: Source,
    /// The API servers that machines are told of, `https://host:port`; empty takes the credential's own.
    pub servers: Vec<String>,
    /// The CA's certificates that machines are given, PEM; none takes the credential's own.
    pub authority: Option<String>,
}

/// A credential for the cluster.
#[derive(Debug, Clone)]
pub enum Source {
    /// A kubeconfig.
    Kubeconfig {
        /// Its file.
        path: PathBuf,
        /// Which of its contexts; none takes the current one.
        context: Option<String>,
    },
    /// The ServiceAccount of the pod this program runs in. The address of the API server inside the cluster
    /// is none that machines could use: `servers` must say theirs.
    InCluster,
}

pub(super) async fn connect(settings: &Settings) -> Result<Cluster, ClusterError> {
    let mut config = match &settings.source {
        Source::Kubeconfig { path, context } => {
            let refused = |error: kube::config::KubeconfigError| {
                ClusterError::Refused(format!("cannot use the kubeconfig {}: {error}", path.display()))
            };
            let kubeconfig = Kubeconfig::read_from(path).map_err(refused)?;
            let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(refused)?
        }
        Source::InCluster => {
            if settings.servers.is_empty() {
                return Err(ClusterError::Refused(
                    "the address of the API server inside the cluster is none for machines: name the servers \
                     that they can reach"
                        .to_owned(),
                ));
            }
            Config::incluster().map_err(|error| {
                ClusterError::Refused(format!("cannot use the ServiceAccount of this pod: {error}"))
            })?
        }
    };
    let reach = reach(settings, &config)?;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    // Every request is repeated by whoever decided on it, after a look at what there is by then.
    config.default_retry = false;
    config.headers.push((
        USER_AGENT,
        HeaderValue::from_static(concat!("bootstrap-issuer/", env!("CARGO_PKG_VERSION"))),
    ));
    // Another part of the process may have done so: the same one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let token = config.auth_info.token_file.take().filter(|_| config.auth_info.token.is_none());
    let token = token.map(|path| TokenFile::open(Path::new(&path))).transpose()?.map(Arc::new);
    let client = ClientBuilder::try_from(config)
        .map_err(|error| ClusterError::Refused(format!("cannot prepare the connection: {error}")))?
        .with_layer(&MapResponseBodyLayer::new(|body| Limited::new(body, LARGEST)))
        .with_layer(&SetRequestHeaderLayer::overriding(AUTHORIZATION, move |_: &Request<Body>| {
            token.as_ref().map(|token| token.bearer())
        }))
        .build();
    Ok(Cluster { client, reach: Arc::new(reach), approved: None })
}

fn reach(settings: &Settings, config: &Config) -> Result<Reach, ClusterError> {
    if config.accept_invalid_certs {
        return Err(ClusterError::Refused("insecure-skip-tls-verify is set, and is not taken".to_owned()));
    }
    let servers = match settings.servers.as_slice() {
        [] => vec![config.cluster_url.to_string().trim_end_matches('/').to_owned()],
        given => given.iter().map(|one| one.trim_end_matches('/').to_owned()).collect(),
    };
    for server in &servers {
        let fine = server
            .parse::<Uri>()
            .is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some_and(|h| !h.is_empty()));
        if !fine {
            return Err(ClusterError::Refused(format!("the server {server:?} is not https://host:port")));
        }
    }
    let authority = match &settings.authority {
        Some(pem) => pem.clone(),
        None => own_authority(settings, config)?,
    };
    Ok(Reach { servers, authority })
}

/// The CA by which we trust the cluster ourselves, as PEM.
fn own_authority(settings: &Settings, config: &Config) -> Result<String, ClusterError> {
    let missing = || {
        ClusterError::Refused(
            "the credential brings no CA: name the certificateAuthority of the cluster".to_owned(),
        )
    };
    if let Some(path) = &config.root_cert_file {
        let bytes = crate::files::read(path, 1 << 20)
            .map_err(|error| ClusterError::Refused(format!("cannot use the cluster's CA: {error}")))?;
        return String::from_utf8(bytes).map_err(|_| missing());
    }
    match (&config.root_cert, &settings.source) {
        (Some(certificates), _) if !certificates.is_empty() => {
            Ok(certificates.iter().map(|der| pem("CERTIFICATE", der)).collect())
        }
        _ => Err(missing()),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}
