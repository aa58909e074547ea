//! Nodes, and the admission rule that holds a node to itself (NodeRestriction).

use super::authn::User;
use super::resource::Resource;
use super::status::Status;
use serde_json::{Map, Value, json};

/// A new node: it is not ready until its kubelet says so.
pub fn create(object: &mut Value) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    if !object["spec"].is_object() {
        object["spec"] = json!({});
    }
    match object["spec"].get_mut("taints").and_then(Value::as_array_mut) {
        Some(taints) if taints.iter().any(|one| one["key"] == taint["key"]) => {}
        Some(taints) => taints.push(taint),
        None => object["spec"]["taints"] = json!([taint]),
    }
    let mut status = json!({"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}, "nodeInfo": {}});
    for field in [
        "architecture",
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "systemUUID",
    ] {
        status["nodeInfo"][field] = json!("");
    }
    let given = if object["status"].is_object() { object["status"].take() } else { json!({}) };
    object["status"] = super::patch::apply(super::body::Patch::Merge, &status, &given);
}

/// A write to the node itself: everything but its status.
pub fn update(before: &Value, mut wanted: Value) -> Value {
    wanted["status"] = before["status"].clone();
    wanted
}

/// A write to `/status`: everything but its spec.
pub fn update_status(before: &Value, mut wanted: Value) -> Value {
    wanted["spec"] = before["spec"].clone();
    wanted
}

/// What a node may not do to nodes, its own included. `before` is the node as it is, if it is.
pub fn restrict(user: &User, name: &str, before: Option<&Value>, after: &Value) -> Result<(), Status> {
    let Some(own) = user.node() else { return Ok(()) };
    let deny = |why: String| Err(Status::forbidden(Resource::Node.about(name), &why));
    if own != name {
        return deny(format!("node {own:?} is not allowed to modify node {name:?}"));
    }
    let empty = Map::new();
    let labels = |node: &'_ Value| node["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    let held = before.map(labels).unwrap_or_else(|| empty.clone());
    let wanted = labels(after);
    let mut forbidden: Vec<&str> = wanted
        .iter()
        .filter(|(key, value)| held.get(*key) != Some(value))
        .map(|(key, _)| key)
        .chain(held.keys().filter(|key| !wanted.contains_key(*key)))
        .map(String::as_str)
        .filter(|key| reserved(key))
        .collect();
    forbidden.sort_unstable();
    if !forbidden.is_empty() {
        let labels = forbidden.join(", ");
        return deny(match before {
            Some(_) => format!("is not allowed to modify labels: {labels}"),
            None => format!("node {own:?} is not allowed to set the following labels: {labels}"),
        });
    }
    let taints = |node: &Value| node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    if before.is_some_and(|before| taints(before) != taints(after)) {
        return deny(format!("node {own:?} is not allowed to modify taints"));
    }
    Ok(())
}

/// Labels of Kubernetes' own that are not a kubelet's to set.
fn reserved(label: &str) -> bool {
    const KUBELET: [&str; 11] = [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
    ];
    let Some((namespace, _)) = label.split_once('/') else { return false };
    let under = |root: &str| {
        namespace == root || namespace.strip_suffix(root).is_some_and(|rest| rest.ends_with('.'))
    };
    if under("node-restriction.kubernetes.io") {
        return true;
    }
    let kubernetes = under("kubernetes.io") || under("k8s.io");
    let kubelet = KUBELET.contains(&label) || under("kubelet.kubernetes.io") || under("node.kubernetes.io");
    kubernetes && !kubelet
}

/// A node's certificate request must be for the node itself.
pub fn restrict_csr(user: &User, object: &Value) -> Result<(), Status> {
    let Some(own) = user.node() else { return Ok(()) };
    let signer = object["spec"]["signerName"].as_str().unwrap_or_default();
    if !matches!(signer, super::csr::KUBELET_CLIENT_SIGNER | "kubernetes.io/kubelet-serving") {
        return Ok(());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let parsed = crate::cluster::certificate_request::Parsed::of(object);
    let why = match parsed {
        Ok(parsed) if parsed.common_name == format!("system:node:{own}") => return Ok(()),
        Ok(_) => format!("can only create a node CSR with CN=system:node:{own}"),
        Err(error) => format!("unable to parse csr: {error}"),
    };
    Err(Status::forbidden(Resource::Csr.about(name), &why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_a_node_may_not_give_itself() {
        #[rustfmt::skip]
        let rows = [
            ("role",                                   false),
            ("example.com/role",                       false),
            ("kubernetes.io/hostname",                 false),
            ("node.kubernetes.io/pool",                false),
            ("a.kubelet.kubernetes.io/b",              false),
            ("node-role.kubernetes.io/worker",         true),
            ("node-restriction.kubernetes.io/x",       true),
            ("a.node-restriction.kubernetes.io/x",     true),
            ("kubernetes.io/role",                     true),
            ("k8s.io/role",                            true),
            ("notkubernetes.io/role",                  false),
        ];
        for (label, expected) in rows {
            assert_eq!(reserved(label), expected, "{label}");
        }
    }
}
