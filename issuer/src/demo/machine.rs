//! A scratch machine: as much of a fresh Linux machine as the agent looks at below another root, and as
//! much of cloud-init as writes the files of its user-data.

use super::DemoError;
use crate::files;
use crate::random;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use worker_bootstrap::secret::Secret;
use zeroize::Zeroizing;

/// The kubelet of the scratch machine: it says its version, which is all that is asked of it.
const KUBELET: &str = "#!/bin/sh\necho 'Kubernetes v1.36.0'\n";
const RELEASE: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (scratch)\"\n";

/// Where a running cloud-init has copies of its user-data.
pub const COPIES: [&str; 5] = [
    "var/lib/cloud/instances/i-demo/user-data.txt",
    "var/lib/cloud/instances/i-demo/user-data.txt.i",
    "var/lib/cloud/instances/i-demo/cloud-config.txt",
    "var/lib/cloud/seed/nocloud/user-data",
    "run/cloud-init/instance-data-sensitive.json",
];

/// A prepared machine.
#[derive(Debug)]
pub struct Machine {
    /// The directory that stands for `/`.
    pub root: PathBuf,
}

/// The part of a `#cloud-config` that writes files.
#[derive(Deserialize)]
struct UserData {
    write_files: Vec<WriteFile>,
}

#[derive(Deserialize)]
struct WriteFile {
    path: PathBuf,
    permissions: String,
    content: Secret,
}

impl Machine {
    /// Lays a machine out, and writes what its user-data says.
    pub fn prepare(root: &Path, hostname: &str, user_data: &str) -> Result<Machine, DemoError> {
        let machine_id = format!("{}\n", random::hex16());
        let hostname = format!("{hostname}\n");
        let files: [(&str, &str, u32); 5] = [
            ("etc/machine-id", &machine_id, 0o444),
            ("etc/hostname", &hostname, 0o644),
            ("etc/os-release", RELEASE, 0o644),
            ("usr/bin/kubelet", KUBELET, 0o755),
            // systemd-timesyncd's mark: this machine's clock is synchronized.
            ("run/systemd/timesync/synchronized", "", 0o644),
        ];
        for (path, text, mode) in files {
            write(&root.join(path), text, mode)?;
        }
        let asked: UserData = serde_yaml::from_str(user_data)
            .map_err(|_| DemoError::Form("the rendered user-data is no #cloud-config with write_files"))?;
        for file in asked.write_files {
            let path = root.join(file.path.strip_prefix("/").unwrap_or(&file.path));
            let mode = u32::from_str_radix(&file.permissions, 8)
                .map_err(|_| DemoError::Form("a file of the rendered user-data has no octal permissions"))?;
            write(&path, file.content.expose(), mode)?;
        }
        let machine = Machine { root: root.to_path_buf() };
        machine.copy_as_cloud_init_does(user_data)?;
        Ok(machine)
    }

    /// The copies of the user-data that a cloud-init which is still running has made.
    fn copy_as_cloud_init_does(&self, user_data: &str) -> Result<(), DemoError> {
        let read = Zeroizing::new(serde_json::json!({"ds": {}, "user_data": user_data}).to_string());
        let encoded = Zeroizing::new(STANDARD.encode(user_data));
        let packed = Zeroizing::new(format!(
            "Content-Type: text/cloud-config\nContent-Transfer-Encoding: base64\n\n{}\n",
            encoded.as_str()
        ));
        let texts: [&str; COPIES.len()] = [user_data, &packed, user_data, user_data, &read];
        for (path, text) in COPIES.iter().zip(texts) {
            write(&self.root.join(path), text, 0o600)?;
        }
        write(&self.root.join("run/cloud-init/status.json"), "{}", 0o644)?;
        let link = self.root.join("var/lib/cloud/instance");
        Ok(std::os::unix::fs::symlink("/var/lib/cloud/instances/i-demo", link)?)
    }

    /// cloud-init comes to its end: from here it reads none of them any more.
    pub fn cloud_init_ends(&self) -> Result<(), DemoError> {
        write(&self.root.join("run/cloud-init/result.json"), "{}", 0o644)
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

fn write(path: &Path, text: &str, mode: u32) -> Result<(), DemoError> {
    if let Some(parent) = path.parent() {
        files::directory(parent)?;
    }
    Ok(files::write(path, text.as_bytes(), mode)?)
}
