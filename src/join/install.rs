//! The credential on disk, in the files and under the names that the kubelet itself uses (client-go
//! `util/certificate/certificate_store.go`, kubelet `certificate/bootstrap`), so that it starts from them
//! and rotates them later.
//!
//! The link comes last: where it leads to a certificate, everything else is in place.

use crate::document::{Authorities, Pin, ServerUrl, Trust};
use crate::failure::Failure;
use crate::host::files::{self, FileError};
use crate::host::made::{self, Put};
use crate::host::root::Root;
use crate::kube::seen::Seen;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use crate::yaml;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;
use time::OffsetDateTime;

/// Where the kubelet keeps its certificates.
pub(super) const PKI: &str = "/var/lib/kubelet/pki";
/// How the names of its client certificates begin; those that it rotates to are named so as well.
pub const CLIENTS: &str = "/var/lib/kubelet/pki/kubelet-client-";
/// The link to the certificate in force.
pub(super) const CURRENT: &str = "/var/lib/kubelet/pki/kubelet-client-current.pem";
const UPDATED: &str = "/var/lib/kubelet/pki/kubelet-client-updated.pem";
/// The kubelet's kubeconfig.
pub const KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";
/// The cluster's CA.
pub const CA_FILE: &str = "/etc/kubernetes/pki/ca.crt";
const CA_LIMIT: u64 = 1024 * 1024;

fn failed(error: FileError) -> Failure {
    Failure::new(Reason::LocalWrite, "installing the node's credential").because(error)
}

/// Who the cluster is and how the node speaks to it: CA and kubelet.conf, then nothing more is missing.
///
/// # Errors
/// `local_write_failed`.
pub(super) fn identity(root: &Root, authorities: &Authorities, server: &ServerUrl) -> Result<(), Failure> {
    let pem = authorities.to_pem();
    let config = kubeconfig(&pem, server)?;
    let things = [Put::File(CA_FILE, pem.as_bytes(), 0o644), Put::File(KUBECONFIG, config.as_bytes(), 0o600)];
    made::put(root, &things).map(drop).map_err(failed)
}

/// Certificate and key in one file, and the link to it.
///
/// # Errors
/// `local_write_failed`.
pub(super) fn credential(root: &Root, pem: &SecretBytes, issued_at: i64) -> Result<(), Failure> {
    let file = format!("{PKI}/{}", file_name(issued_at));
    // The path inside the link is read by programs that see the root as /.
    let things = [Put::Secret(&file, pem), Put::Link(CURRENT, Path::new(&file), UPDATED)];
    made::put(root, &things).map(drop).map_err(failed)
}

/// As client-go stamps it, by the moment the certificate begins: the same certificate gets the same name
/// again, whatever this machine's clock says.
fn file_name(issued_at: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(issued_at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "kubelet-client-{:04}-{:02}-{:02}-{:02}-{:02}-{:02}.pem",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn kubeconfig(ca_pem: &str, server: &ServerUrl) -> Result<String, Failure> {
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "default-cluster",
            "cluster": {"server": server.to_string(), "certificate-authority-data": STANDARD.encode(ca_pem)}
        }],
        "users": [{
            "name": "default-auth",
            "user": {"client-certificate": CURRENT, "client-key": CURRENT}
        }],
        "contexts": [{
            "name": "default-context",
            "context": {"cluster": "default-cluster", "user": "default-auth", "namespace": "default"}
        }],
        "current-context": "default-context"
    });
    yaml::write(&config)
        .map_err(|error| Failure::new(Reason::Internal, "writing kubelet.conf").because(error))
}

/// The CA that the document vouches for and that is at hand without asking: its own, or the one on disk
/// where it has one of the document's hashes.
pub(super) fn known_authorities(root: &Root, trust: &Trust) -> Option<Authorities> {
    match trust {
        Trust::Authorities(authorities) => Some(authorities.clone()),
        Trust::Pins(pins) => installed_authorities(root).filter(|installed| any_has(installed, pins)),
    }
}

/// The CA on disk.
pub(super) fn installed_authorities(root: &Root) -> Option<Authorities> {
    let pem = files::read(&root.at(CA_FILE), CA_LIMIT).ok()?;
    Authorities::from_pem(&pem).ok()
}

fn any_has(authorities: &Authorities, pins: &[Pin]) -> bool {
    let has =
        |der: &Vec<u8>| Seen::of(der).is_some_and(|seen| pins.iter().any(|pin| pin.as_str() == seen.pin));
    authorities.der().iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_kubelets() {
        assert_eq!(file_name(1_790_000_000), "kubelet-client-2026-09-21-14-13-20.pem");
    }
}
