//! What a cluster holds before anybody joins: cluster-info and the kubelets' common configuration.

use super::resource::Resource;
use super::store::{Key, Store};
use crate::clock;
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The kubelets' configuration as kubeadm keeps it, static pod directory and all.
const KUBELET_CONFIG: &str = "\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 0s
    cacheUnauthorizedTTL: 0s
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
healthzBindAddress: 127.0.0.1
healthzPort: 10248
kind: KubeletConfiguration
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
";

/// Puts the two ConfigMaps of a join into a new store.
pub fn fill(store: &Store, server: &str, ca: &str, now: OffsetDateTime) {
    let kubeconfig = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: {server}\n  \
         name: \"\"\ncontexts: null\ncurrent-context: \"\"\nkind: Config\npreferences: {{}}\nusers: null\n"
    );
    put(store, "kube-public", "cluster-info", &json!({"kubeconfig": kubeconfig}), now);
    put(store, "kube-system", "kubelet-config", &json!({"kubelet": KUBELET_CONFIG}), now);
    store.forget_history();
}

fn put(store: &Store, namespace: &str, name: &str, data: &Value, now: OffsetDateTime) {
    let object = json!({
        "kind": "ConfigMap", "apiVersion": "v1", "data": data,
        "metadata": {
            "name": name, "namespace": namespace, "uid": crate::random::uuid(),
            "creationTimestamp": clock::seconds(now),
        },
    });
    store.create(&Key::within(Resource::ConfigMap, namespace, name), object);
}
