//! What the cluster must allow this backend and its tokens, as a file for `kubectl apply`.

/// The manifest. Its ServiceAccount is `bootstrap-issuer` in the namespace of that name.
pub const MANIFEST: &str = include_str!("../../../manifests/rbac.yaml");
