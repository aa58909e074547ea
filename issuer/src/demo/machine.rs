//! A scratch machine: as much of a fresh Linux machine as the agent looks at below another root.

use crate::files::{self, FileError};
use crate::random;
use std::path::{Path, PathBuf};

/// The kubelet of the scratch machine: it says its version, which is all that is asked of it.
const KUBELET: &str = "#!/bin/sh\necho 'Kubernetes v1.36.0'\n";
const RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (scratch)\"\n";

/// A prepared machine.
#[derive(Debug)]
pub struct Machine {
    /// The directory that stands for `/`.
    pub root: PathBuf,
    /// Where its bootstrap document was put.
    pub document: PathBuf,
}

impl Machine {
    /// Lays a machine out and delivers the document to it.
    pub fn prepare(root: &Path, hostname: &str, document: &str) -> Result<Machine, FileError> {
        let machine_id = format!("{}\n", random::hex16());
        let hostname = format!("{hostname}\n");
        let files: [(&str, &str, u32); 6] = [
            ("etc/machine-id", &machine_id, 0o444),
            ("etc/hostname", &hostname, 0o644),
            ("etc/os-release", RELEASE, 0o644),
            ("usr/bin/kubelet", KUBELET, 0o755),
            // systemd-timesyncd's mark: this machine's clock is synchronized.
            ("run/systemd/timesync/synchronized", "", 0o644),
            ("run/worker-bootstrap/bootstrap.yaml", document, 0o600),
        ];
        for (path, text, mode) in files {
            let path = root.join(path);
            if let Some(parent) = path.parent() {
                files::directory(parent)?;
            }
            files::write(&path, text.as_bytes(), mode)?;
        }
        let document = root.join("run/worker-bootstrap/bootstrap.yaml");
        Ok(Machine { root: root.to_path_buf(), document })
    }

    /// The certificate and key that a joined node has: the file behind the link the kubelet uses. The
    /// link itself is absolute and means a path of the machine.
    pub fn credential(&self) -> PathBuf {
        let link = self.root.join("var/lib/kubelet/pki/kubelet-client-current.pem");
        match std::fs::read_link(&link) {
            Ok(target) => self.root.join(target.strip_prefix("/").unwrap_or(&target)),
            Err(_) => link,
        }
    }
}
