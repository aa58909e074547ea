//! How the kubelet is to run.

use super::text::is_plain_word;
use super::version::VersionRange;
use std::collections::BTreeMap;

/// How the kubelet is to run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kubelet {
    /// Which versions may run here.
    pub version: Option<VersionRange>,
    /// A fragment of a KubeletConfiguration; wins over the cluster's and over our defaults.
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Flags, by name without dashes.
    pub extra_args: BTreeMap<String, String>,
}

/// Flags that the join itself decides, and a file may not turn.
const OURS: [&str; 9] = [
    "bootstrap-kubeconfig",
    "cert-dir",
    "config",
    "config-dir",
    "hostname-override",
    "kubeconfig",
    "node-ip",
    "node-labels",
    "register-with-taints",
];

/// Why flags are refused: which, and what was expected.
pub(super) fn refuse_args(args: &BTreeMap<String, String>) -> Result<(), (String, String)> {
    for (flag, value) in args {
        let named =
            flag.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !named || flag.is_empty() || flag.starts_with('-') {
            return Err((
                String::new(),
                "expected flags of the kubelet, by name without dashes before it".into(),
            ));
        }
        if OURS.contains(&flag.as_str()) {
            return Err((
                flag.clone(),
                "expected a flag that the join does not set itself (see node and kubelet.config)".into(),
            ));
        }
        if !is_plain_word(value) {
            return Err((
                flag.clone(),
                "expected a value without white space, quotes, $, # and backslash: it goes through an environment file".into(),
            ));
        }
    }
    Ok(())
}
