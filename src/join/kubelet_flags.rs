//! The kubelet's flags, in the environment file that kubeadm's unit drop-in and ours read: what belongs
//! to this one machine and has no field in the configuration of every supported version.

use super::kubelet_config::RuntimeForKubelet;
use super::{Ask, Joined};
use crate::document::Version;
use crate::failure::Failure;
use crate::host::made::{self, Put};
use crate::reason::Reason;
use std::collections::BTreeMap;

const FILE: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// From this version on there is no other runtime than a remote one (Kubernetes 1.27 release notes:
/// `--container-runtime` is removed).
const ALWAYS_REMOTE_SINCE: (u64, u64) = (1, 27);

/// Writes the flags.
///
/// # Errors
/// `local_write_failed`.
pub(super) fn write(ask: &Ask<'_>, joined: &Joined, runtime: RuntimeForKubelet<'_>) -> Result<(), Failure> {
    let words: Vec<String> = flags(ask, joined, runtime)
        .into_iter()
        .chain(ask.document.kubelet.extra_args.clone())
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .map(|(flag, value)| format!("--{flag}={value}"))
        .collect();
    // No value holds white space, quotes, $ or a backslash: the document's types see to that.
    let text = format!("KUBELET_KUBEADM_ARGS=\"{}\"\n", words.join(" "));
    made::put(ask.root, &[Put::File(FILE, text.as_bytes(), 0o644)])
        .map_err(|error| Failure::new(Reason::LocalWrite, "configuring the kubelet").because(error))?;
    Ok(())
}

fn flags(ask: &Ask<'_>, joined: &Joined, runtime: RuntimeForKubelet<'_>) -> BTreeMap<String, String> {
    let node = &ask.document.node;
    let mut flags = BTreeMap::new();
    let mut set = |flag: &str, value: String| {
        if !value.is_empty() {
            flags.insert(flag.to_owned(), value);
        }
    };
    set("hostname-override", ask.node.to_string());
    // The address of the connection to the API server is one that the cluster can answer to; loopback
    // is nobody's address.
    let local = joined.local.filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let address = node.ip.or(local);
    set("node-ip", address.map_or_else(String::new, |ip| ip.to_canonical().to_string()));
    set("node-labels", listed(&node.labels));
    set("register-with-taints", listed(&node.taints));
    if let Some(endpoint) = runtime.endpoint().filter(|_| !runtime.endpoint_is_a_field()) {
        set("container-runtime-endpoint", endpoint);
        let remote = |version: &Version| version.minor() < ALWAYS_REMOTE_SINCE;
        if runtime.kubelet_version.is_some_and(remote) {
            set("container-runtime", "remote".to_owned());
        }
    }
    flags
}

fn listed<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}
