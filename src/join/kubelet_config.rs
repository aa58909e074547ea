//! The kubelet's configuration file: our defaults < the cluster's (`kube-system/kubelet-config`, where the
//! node may read it) < what this machine is known to be < the document's < what must hold.
//!
//! Source of the fields: kubelet.config.k8s.io/v1beta1 KubeletConfiguration.

use super::install::CA_FILE;
use super::{Ask, Joined};
use crate::document::Version;
use crate::failure::Failure;
use crate::host::cri::CgroupDriver;
use crate::host::made::{self, Put};
use crate::kube::objects::ConfigMap;
use crate::kube::{Question, Said};
use crate::reason::Reason;
use crate::yaml::{self, Fault, Fields};
use serde_json::{Map, Value, json};
use std::path::Path;

const FILE: &str = "/var/lib/kubelet/config.yaml";
/// Before this version the ConfigMap's name carried the minor version (kubeadm 1.24 release notes).
const ONE_NAME_SINCE: (u64, u64) = (1, 24);
/// From this version on the runtime's socket is a field and no longer a flag (Kubernetes 1.27 release notes).
pub(super) const ENDPOINT_IS_A_FIELD_SINCE: (u64, u64) = (1, 27);

type Config = Map<String, Value>;

/// What the kubelet must be told of the container runtime and of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuntimeForKubelet<'a> {
    /// The CRI socket.
    pub socket: Option<&'a Path>,
    /// Who manages cgroups, where the runtime tells.
    pub cgroup_driver: Option<CgroupDriver>,
    /// The kubelet's version.
    pub kubelet_version: Option<&'a Version>,
}

impl RuntimeForKubelet<'_> {
    /// Whether the kubelet takes its runtime's socket from its configuration.
    pub(super) fn endpoint_is_a_field(&self) -> bool {
        self.kubelet_version.is_none_or(|version| version.minor() >= ENDPOINT_IS_A_FIELD_SINCE)
    }

    /// As the kubelet wants the socket named.
    pub(super) fn endpoint(&self) -> Option<String> {
        self.socket.map(|socket| format!("unix://{}", socket.display()))
    }
}

/// The cluster's configuration for its kubelets, where the node may read one.
///
/// # Errors
/// The reasons of the server.
pub(super) async fn of_cluster(ask: &Ask<'_>, joined: &Joined) -> Result<Option<Config>, Failure> {
    let (major, minor) = joined.server_version.minor();
    let name = if (major, minor) >= ONE_NAME_SINCE {
        "kubelet-config".to_owned()
    } else {
        format!("kubelet-config-{major}.{minor}")
    };
    let path = format!("/api/v1/namespaces/kube-system/configmaps/{name}");
    let question = Question::get("reading the cluster's configuration for kubelets", &path, &[403, 404]);
    let map: ConfigMap = match joined.client.ask(&question, ask.patience()).await?.said {
        Said::Object(map) => map,
        Said::Status(..) => return Ok(None),
    };
    let Some(text) = map.data.get("kubelet") else { return Ok(None) };
    let config: Result<Value, Fault> = yaml::read(text.as_bytes());
    match config.and_then(|config| Fields::of(&config).map(|config| config.map().clone())) {
        Ok(config) => Ok(Some(config)),
        Err(fault) => {
            ask.progress.warn(&format!("the cluster's {name} is passed over: {fault}"));
            Ok(None)
        }
    }
}

/// Writes the configuration.
///
/// # Errors
/// `local_write_failed`.
pub(super) fn write(
    ask: &Ask<'_>,
    of_cluster: Option<Config>,
    runtime: RuntimeForKubelet<'_>,
) -> Result<(), Failure> {
    let layers = [
        defaults(ask),
        of_cluster.unwrap_or_default(),
        of_machine(ask, runtime),
        ask.document.kubelet.config.clone(),
        musts(),
    ];
    let mut config = layers.into_iter().fold(Config::new(), merge);
    // Pods from files on disk are for control planes; NodeRestriction cannot see them.
    config.remove("staticPodPath");
    let text = yaml::write(&config)
        .map_err(|error| Failure::new(Reason::Internal, format!("writing {FILE}")).because(error))?;
    made::put(ask.root, &[Put::File(FILE, text.as_bytes(), 0o644)])
        .map_err(|error| Failure::new(Reason::LocalWrite, "configuring the kubelet").because(error))?;
    Ok(())
}

fn defaults(ask: &Ask<'_>) -> Config {
    let mut config = object(json!({
        "authentication": {"anonymous": {"enabled": false}, "webhook": {"enabled": true}},
        "authorization": {"mode": "Webhook"},
        "clusterDomain": "cluster.local",
    }));
    if ask.facts.cgroup_v2 {
        config.insert("cgroupDriver".into(), CgroupDriver::Systemd.as_str().into());
    }
    if let Some(reserved) = reserved(ask.facts.memory_bytes, ask.facts.cpus) {
        config.insert("kubeReserved".into(), reserved);
    }
    config
}

/// What is so on this machine, whatever other machines of the cluster are like.
fn of_machine(ask: &Ask<'_>, runtime: RuntimeForKubelet<'_>) -> Config {
    let mut config = Config::new();
    if let Some(driver) = runtime.cgroup_driver {
        config.insert("cgroupDriver".into(), driver.as_str().into());
    }
    if let Some(endpoint) = runtime.endpoint().filter(|_| runtime.endpoint_is_a_field()) {
        config.insert("containerRuntimeEndpoint".into(), endpoint.into());
    }
    if let Some(path) = ask.facts.resolv_conf {
        config.insert("resolvConf".into(), path.into());
    }
    if let Some(id) = &ask.document.node.provider_id {
        config.insert("providerID".into(), id.as_str().into());
    }
    config
}

fn musts() -> Config {
    object(json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"x509": {"clientCAFile": CA_FILE}},
        "rotateCertificates": true,
    }))
}

/// What is kept from pods, by the machine's size: a share of memory and processors that falls as the
/// machine grows. Nothing where the size is not known.
fn reserved(memory_bytes: u64, cpus: u32) -> Option<Value> {
    const GIB: u64 = 1 << 30;
    const MEMORY: [(u64, u64); 5] =
        [(4 * GIB, 250), (4 * GIB, 200), (8 * GIB, 100), (112 * GIB, 60), (u64::MAX, 20)];
    const PROCESSORS: [(u32, u32); 4] = [(1, 60), (1, 10), (2, 5), (u32::MAX, 2)];
    if memory_bytes == 0 {
        return None;
    }
    let mut left = memory_bytes;
    let mut memory = 0;
    for (size, per_mille) in MEMORY {
        let part = left.min(size);
        memory += part / 1000 * per_mille;
        left -= part;
    }
    let mut left = cpus;
    let mut millicores = 0;
    for (size, each) in PROCESSORS {
        let part = left.min(size);
        millicores += part * each;
        left -= part;
    }
    Some(json!({"cpu": format!("{millicores}m"), "memory": format!("{}Mi", memory >> 20)}))
}

/// `over` wins; objects are merged field by field, everything else is replaced.
fn merge(mut under: Config, over: Config) -> Config {
    for (key, value) in over {
        let merged = match (under.remove(&key), value) {
            (Some(Value::Object(under)), Value::Object(over)) => Value::Object(merge(under, over)),
            (_, value) => value,
        };
        under.insert(key, merged);
    }
    under
}

fn object(value: Value) -> Config {
    match value {
        Value::Object(config) => config,
        _ => Config::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_layer_wins_field_by_field() {
        let under = object(json!({"a": 1, "b": {"c": 1, "d": [1, 2]}, "e": {"f": 1}}));
        let over = object(json!({"a": 2, "b": {"d": [3]}, "e": "text"}));
        assert_eq!(Value::Object(merge(under, over)), json!({"a": 2, "b": {"c": 1, "d": [3]}, "e": "text"}));
    }

    #[test]
    fn what_is_reserved() {
        const GIB: u64 = 1 << 30;
        for (memory, cpus, expected) in [
            (GIB, 1, json!({"cpu": "60m", "memory": "255Mi"})),
            (8 * GIB, 2, json!({"cpu": "70m", "memory": "1843Mi"})),
            (64 * GIB, 16, json!({"cpu": "104m", "memory": "5611Mi"})),
        ] {
            assert_eq!(reserved(memory, cpus).unwrap(), expected, "{memory} {cpus}");
        }
        assert_eq!(reserved(0, 4), None);
    }
}
