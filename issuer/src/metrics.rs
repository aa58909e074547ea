//! What is counted and measured, for Prometheus. Labels are few and bounded: routes as they are written
//! in the router, clusters as they are configured, never anything a caller can choose. A restart begins
//! at zero, as counters may.

use crate::names::ClusterId;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The type that OpenMetrics text is sent as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the buckets, in seconds: from a read in memory to a request that ran into its deadline.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// What can happen to a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It was issued.
    Created,
    /// A machine's first request bound it.
    Used,
    /// Its node has proven itself.
    Joined,
    /// A request with its token was denied.
    Denied,
    /// It was revoked.
    Revoked,
}

impl Event {
    fn label(self) -> &'static str {
        match self {
            Event::Created => "created",
            Event::Used => "used",
            Event::Joined => "joined",
            Event::Denied => "denied",
            Event::Revoked => "revoked",
        }
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Happened {
    cluster: String,
    event: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfCluster {
    cluster: String,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Work {
    operation: &'static str,
}

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

fn times<L: Clone + std::hash::Hash + Eq>() -> Times<L> {
    Family::new_with_constructor(|| Histogram::new(BUCKETS))
}

/// All of them; clones are the same.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Request, Counter>,
    request_seconds: Times<Route>,
    bootstraps: Family<Happened, Counter>,
    approval_seconds: Times<OfCluster>,
    store_seconds: Times<Work>,
    cluster_up: Family<OfCluster, Gauge>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        let mut registry = Registry::with_prefix("bootstrap_issuer");
        let requests = Family::default();
        let (request_seconds, approval_seconds, store_seconds) = (times(), times(), times());
        let (bootstraps, cluster_up) = (Family::default(), Family::default());
        registry.register("requests", "Requests answered", requests.clone());
        registry.register(
            "request_seconds",
            "From a request's head to its answer's head",
            request_seconds.clone(),
        );
        registry.register("bootstraps", "What happened to bootstraps", bootstraps.clone());
        registry.register(
            "approval_seconds",
            "From the look at a certificate request to its approval",
            approval_seconds.clone(),
        );
        registry.register("store_seconds", "Work of the store, until it is durable", store_seconds.clone());
        registry.register("cluster_up", "Whether the cluster answers", cluster_up.clone());
        Metrics {
            registry: Arc::new(registry),
            requests,
            request_seconds,
            bootstraps,
            approval_seconds,
            store_seconds,
            cluster_up,
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, method: &http::Method, route: &str, status: u16, took: Duration) {
        let (method, route) = (known(method), route.to_owned());
        self.request_seconds
            .get_or_create(&Route { method, route: route.clone() })
            .observe(took.as_secs_f64());
        self.requests.get_or_create(&Request { method, route, status }).inc();
    }

    /// Something happened to a bootstrap of this cluster.
    pub fn bootstrap(&self, cluster: &ClusterId, event: Event) {
        self.bootstraps.get_or_create(&Happened { cluster: cluster.to_string(), event: event.label() }).inc();
    }

    /// A certificate request was approved, so long after it was looked at.
    pub fn approval(&self, cluster: &ClusterId, took: Duration) {
        self.approval_seconds
            .get_or_create(&OfCluster { cluster: cluster.to_string() })
            .observe(took.as_secs_f64());
    }

    /// The store did its work.
    pub fn store(&self, operation: &'static str, took: Duration) {
        self.store_seconds.get_or_create(&Work { operation }).observe(took.as_secs_f64());
    }

    /// Whether the cluster answers.
    pub fn cluster(&self, cluster: &ClusterId, up: bool) {
        self.cluster_up.get_or_create(&OfCluster { cluster: cluster.to_string() }).set(i64::from(up));
    }

    /// All of it, as OpenMetrics text.
    ///
    /// # Errors
    /// A metric that cannot be written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Methods are free text to a caller, and labels must be few.
fn known(method: &http::Method) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|name| method.as_str() == *name)
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_there_under_its_name() {
        let metrics = Metrics::default();
        let cluster = ClusterId::parse("clu_01").unwrap();
        let odd = http::Method::from_bytes(b"BREW").unwrap();
        metrics.request(&odd, "/x", 405, Duration::from_millis(2));
        metrics.bootstrap(&cluster, Event::Created);
        metrics.approval(&cluster, Duration::from_millis(20));
        metrics.store("create", Duration::from_millis(1));
        metrics.cluster(&cluster, true);
        let text = metrics.text().unwrap();
        for line in [
            "bootstrap_issuer_requests_total{method=\"other\",route=\"/x\",status=\"405\"} 1",
            "bootstrap_issuer_request_seconds_bucket{le=\"0.0025\",method=\"other\",route=\"/x\"} 1",
            "bootstrap_issuer_bootstraps_total{cluster=\"clu_01\",event=\"created\"} 1",
            "bootstrap_issuer_approval_seconds_count{cluster=\"clu_01\"} 1",
            "bootstrap_issuer_store_seconds_count{operation=\"create\"} 1",
            "bootstrap_issuer_cluster_up{cluster=\"clu_01\"} 1",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} in\n{text}");
        }
    }
}
