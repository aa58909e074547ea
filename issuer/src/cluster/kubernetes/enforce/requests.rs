//! The requests task: every certificate request for a kubelet's signer is looked at, as the watch brings it.
//!
//! Whoever has a token can make as many requests as it likes, each as large as the API server takes. A page of
//! them is larger then than any answer that is read; it is asked for in smaller pages from there on.

use super::{AGAIN, Enforcer, decide, pace, watched};
use crate::cluster::kubernetes::ClusterError;
use crate::cluster::kubernetes::error::{is_too_large, of_watch};
use crate::cluster::kubernetes::words::SIGNER;
use futures_util::StreamExt;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::runtime::controller::{Action, Config, Controller, Error};
use std::pin::pin;
use std::sync::Arc;

/// How many requests are decided at once.
const AT_ONCE: u16 = 32;
/// How many requests a page has, first.
const PAGE: u32 = 500;
/// And at last: as many as can be read where each is as large as an etcd takes it, which is 1.5 MiB and a third
/// more in JSON.
const SMALLEST_PAGE: u32 = 15;

/// Runs until its future is dropped.
pub(super) async fn requests(enforcer: Arc<Enforcer>) {
    decide_by_pages_of(&enforcer, PAGE).await;
    tracing::warn!(
        "the certificate requests in the cluster are unusually large: reading {SMALLEST_PAGE} at a time"
    );
    decide_by_pages_of(&enforcer, SMALLEST_PAGE).await;
}

/// Returns where smaller pages may help.
async fn decide_by_pages_of(enforcer: &Arc<Enforcer>, page: u32) {
    let signer = format!("spec.signerName={SIGNER}");
    let outcomes = Controller::new(enforcer.requests(), watched().fields(&signer).page_size(page))
        .with_config(Config::default().concurrency(AT_ONCE))
        .trigger_backoff(pace::Pace::default())
        .run(decide::request, undecided, Arc::clone(enforcer));
    let mut outcomes = pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Err(Error::QueueError(error)) if page > SMALLEST_PAGE && is_too_large(&error) => return,
            Err(Error::QueueError(error)) => {
                tracing::warn!(error = of_watch(&error), "watching certificate requests");
            }
            Err(error) => tracing::debug!(%error, "deciding on a certificate request"),
            Ok(_) => {}
        }
    }
}

fn undecided(request: Arc<CertificateSigningRequest>, error: &ClusterError, _: Arc<Enforcer>) -> Action {
    let name = request.metadata.name.as_deref().unwrap_or_default();
    tracing::warn!(request = name, %error, "cannot decide on a certificate request yet");
    Action::requeue(AGAIN)
}
