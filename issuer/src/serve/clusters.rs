//! From the configuration's clusters to ones that bootstraps are issued for.

use super::ServeError;
use crate::cluster::embedded;
use crate::cluster::kubernetes::{Cluster, Settings, Source};
use crate::config::{ClusterConfig, Kubernetes, Place};
use crate::files;
use crate::issue::{Served, Show, Shown, ToShow};
use crate::render::{Order, Renderer};
use crate::store::rows;
use std::sync::Arc;
use worker_bootstrap::document::Fragment;

/// The largest CA file that is read, in bytes.
const LARGEST: u64 = 256 * 1024;

/// A cluster that runs, and the connection to it that enforces single use.
#[derive(Debug)]
pub struct Opened {
    /// What the issuer needs of it.
    pub served: Served,
    /// The connection.
    pub cluster: Cluster,
}

/// Starts those that are embedded and prepares the connection to the others, which may be down.
pub async fn open(configured: &[ClusterConfig], renderer: &Arc<Renderer>) -> Result<Vec<Opened>, ServeError> {
    let mut all = Vec::new();
    for one in configured {
        let settings = match &one.place {
            Place::Embedded(place) => {
                let access = embedded::start(&place.state, place.listen).await?;
                tracing::info!(cluster = %one.id, server = access.server, "the embedded cluster runs");
                let source = Source::Kubeconfig { path: access.kubeconfig, context: None };
                Settings { source, servers: Vec::new(), authority: None }
            }
            Place::Kubernetes(place) => settings(place)?,
        };
        let failed = |source| ServeError::Cluster { cluster: one.id.clone(), source };
        let cluster = Cluster::connect(&settings).await.map_err(failed)?;
        let untaken = |source| ServeError::Document { cluster: one.id.clone(), source };
        renderer.try_out(&one.id, &cluster.reach(), &one.document).map_err(untaken)?;
        let served = Served {
            place: rows::Place { workspace: one.workspace.clone(), cluster: one.id.clone() },
            backend: Arc::new(cluster.clone()),
            show: show(Arc::clone(renderer), one.document.clone()),
        };
        all.push(Opened { served, cluster });
    }
    Ok(all)
}

fn settings(place: &Kubernetes) -> Result<Settings, ServeError> {
    let authority = match &place.certificate_authority {
        Some(path) => Some(String::from_utf8_lossy(&files::read(path, LARGEST)?).into_owned()),
        None => None,
    };
    let source = match &place.kubeconfig {
        Some(path) => Source::Kubeconfig { path: path.clone(), context: place.context.clone() },
        None => Source::InCluster,
    };
    Ok(Settings { source, servers: place.servers.clone(), authority })
}

/// How this cluster's bootstraps are rendered.
fn show(renderer: Arc<Renderer>, fragment: Fragment) -> Show {
    Arc::new(move |what: &ToShow<'_>| {
        let order = Order {
            id: what.id,
            cluster: what.cluster,
            reach: &what.reach,
            fragment: &fragment,
            expires: what.expires,
            token: what.token,
            promise: what.promise,
        };
        let rendered = renderer.render(&order).map_err(|error| error.to_string())?;
        let artifacts = serde_json::to_value(rendered.artifacts()).map_err(|error| error.to_string())?;
        Ok(Shown {
            command: rendered.command.expose().to_owned(),
            cloud_init: rendered.cloud_init.expose().to_owned(),
            artifacts,
        })
    })
}
