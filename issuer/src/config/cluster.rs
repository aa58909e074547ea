//! A cluster in the configuration: whose it is, where it is, and what its machines are told besides.

use super::{Address, at};
use crate::names::{ClusterId, WorkspaceId};
use serde::Deserialize;
use serde_yaml::Spanned;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use worker_bootstrap::document::{Fragment, ServerUrl};
use worker_bootstrap::yaml::Fault;

/// A cluster that bootstraps are issued for.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterConfig {
    /// Its name on the wire.
    pub id: ClusterId,
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// Where it is.
    pub place: Place,
    /// What every bootstrap document of this cluster says of its machines.
    pub document: Fragment,
}

/// Where a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It runs somewhere.
    Kubernetes(Kubernetes),
    /// It is started with the issuer and ends with it.
    Embedded(Embedded),
}

/// How a running cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Kubernetes {
    /// The issuer runs in this cluster, and has a service account there.
    #[serde(default)]
    pub in_cluster: bool,
    /// A kubeconfig.
    pub kubeconfig: Option<PathBuf>,
    /// Its context; the current one where none is named.
    pub context: Option<String>,
    /// API servers as machines reach them; the kubeconfig's where none are named.
    #[serde(default)]
    pub servers: Vec<String>,
    /// The CA for machines, PEM; the kubeconfig's where none is named.
    pub certificate_authority: Option<PathBuf>,
}

/// How an embedded cluster runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Where its CA, the administrator's credential and the audit log are kept.
    pub state: PathBuf,
    /// Its address; port 0 takes a free one.
    pub listen: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    pub(super) id: ClusterId,
    workspace: WorkspaceId,
    kubernetes: Option<Kubernetes>,
    embedded: Option<WrittenEmbedded>,
    #[serde(default)]
    document: Fragment,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEmbedded {
    state: PathBuf,
    listen: Option<Address>,
}

/// The cluster as it can be used, or what is wrong with it.
pub(super) fn settle(written: Spanned<Written>, field: &str, home: &Path) -> Result<ClusterConfig, Fault> {
    let refused = |what: &str| Err(at(&written, field, what));
    let place = match (&written.value.kubernetes, &written.value.embedded) {
        (Some(kubernetes), None) => {
            match (kubernetes.in_cluster, &kubernetes.kubeconfig, &kubernetes.context) {
                (true, None, None) | (false, Some(_), _) => {}
                _ => return refused("expected kubernetes.kubeconfig, or kubernetes.inCluster: true alone"),
            }
            if let Some(url) = kubernetes.servers.iter().find(|url| ServerUrl::parse(url).is_err()) {
                return refused(&format!("expected kubernetes.servers of https://HOST:PORT, not {url:?}"));
            }
            let mut kubernetes = kubernetes.clone();
            kubernetes.context = kubernetes.context.filter(|context| !context.is_empty());
            kubernetes.kubeconfig = kubernetes.kubeconfig.map(|path| home.join(path));
            kubernetes.certificate_authority = kubernetes.certificate_authority.map(|path| home.join(path));
            Place::Kubernetes(kubernetes)
        }
        (None, Some(embedded)) => Place::Embedded(Embedded {
            state: home.join(&embedded.state),
            listen: embedded.listen.map_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)), |one| one.0),
        }),
        _ => return refused("expected one of kubernetes and embedded"),
    };
    let Written { id, workspace, document, .. } = written.value;
    Ok(ClusterConfig { id, workspace, place, document })
}
