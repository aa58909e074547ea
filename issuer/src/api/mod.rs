//! The contract over HTTP: what is asked, by whom, and what is answered. It knows nothing of SQL or of
//! Kubernetes. It trusts nothing in a request; every answer that is not the one asked for has one form.

mod body;
mod bootstraps;
mod caller;
mod edge;
mod events;
mod headers;
mod query;
pub mod refusal;
mod reports;
mod strangers;
mod wire;

use crate::api_token::PublicId;
use crate::issue::Issuer;
use crate::names::BootstrapId;
use axum::Router;
use axum::routing::any;
use governor::{DefaultKeyedRateLimiter, Quota};
use refusal::Refusal;
use std::num::NonZeroU32;
use std::sync::Arc;
use strangers::Strangers;

/// How much one API token may ask.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests per second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

impl Default for Limits {
    /// 50 requests per second, 200 at once.
    fn default() -> Limits {
        Limits {
            per_second: const { NonZeroU32::new(50).unwrap() },
            burst: const { NonZeroU32::new(200).unwrap() },
        }
    }
}

/// What every request needs; clones share it.
#[derive(Debug, Clone)]
pub struct Api {
    /// The flow.
    pub issuer: Issuer,
    rate: Arc<DefaultKeyedRateLimiter<PublicId>>,
    strangers: Arc<Strangers>,
    /// Of machines that have shown their key.
    reports: Arc<DefaultKeyedRateLimiter<BootstrapId>>,
}

/// Reports of one machine: more than an agent sends, with room for a second run.
const REPORTS: Quota = Quota::per_second(const { NonZeroU32::new(1).unwrap() })
    .allow_burst(const { NonZeroU32::new(40).unwrap() });

impl Api {
    /// In front of an issuer.
    pub fn new(issuer: Issuer, limits: Limits) -> Api {
        let quota = Quota::per_second(limits.per_second).allow_burst(limits.burst);
        Api {
            issuer,
            rate: Arc::new(DefaultKeyedRateLimiter::keyed(quota)),
            strangers: Arc::default(),
            reports: Arc::new(DefaultKeyedRateLimiter::keyed(REPORTS)),
        }
    }
}

/// All routes of the contract and what lies beside them, and the answer to what is none.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/v1/clusters/{id}/worker_bootstraps", any(bootstraps::collection))
        .route("/v1/clusters/{id}/worker_bootstraps/{wbs_id}", any(bootstraps::one))
        .route("/v1/clusters/{id}/worker_bootstraps/{wbs_id}/events", any(events::list))
        .route("/v1/reports/{wbs_id}", any(reports::take))
        .fallback(async || Refusal::not_found())
        .with_state(api)
        .layer(axum::middleware::from_fn(edge::around))
}
