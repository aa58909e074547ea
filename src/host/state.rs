//! This program's own two directories: what it remembers of itself, in files that stay when what a run
//! made is undone. Written through here alone, and nothing else is: see [`super::made`] for the rest of
//! the machine.

use super::files::{self, FileError};
use super::root::Root;
use std::io;
use std::path::PathBuf;

const OWN: [&str; 2] = ["/var/lib/worker-bootstrap", "/run/worker-bootstrap"];

/// Replaces the file of this name by one of this content and mode; makes its directory.
///
/// # Errors
/// Also where the path is not one of ours.
pub fn write(root: &Root, path: &str, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    if let Some((directory, _)) = path.rsplit_once('/') {
        self::directory(root, directory, 0o755)?;
    }
    files::write(&ours(root, path)?, bytes, mode)
}

/// Makes a directory of ours, if it is not there.
///
/// # Errors
/// Also where the path is not one of ours.
pub fn directory(root: &Root, path: &str, mode: u32) -> Result<(), FileError> {
    files::make_dirs(&ours(root, path)?, mode)
}

fn ours(root: &Root, path: &str) -> Result<PathBuf, FileError> {
    let below =
        |own: &&str| path.strip_prefix(*own).is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/', ..]));
    let is_ours = OWN.iter().any(below) && !path.split('/').any(|part| part == "..");
    let error = || io::Error::new(io::ErrorKind::InvalidInput, "it is none of this program's own files");
    files::at("writing", &root.at(path), is_ours.then(|| root.at(path)).ok_or_else(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_but_what_is_our_own() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        for (path, ours) in [
            ("/var/lib/worker-bootstrap/result.json", true),
            ("/run/worker-bootstrap/a/b", true),
            ("/var/lib/worker-bootstrapped", false),
            ("/var/lib/worker-bootstrap/../kubelet/config.yaml", false),
            ("/etc/kubernetes/kubelet.conf", false),
        ] {
            assert_eq!(write(&root, path, b"x", 0o600).is_ok(), ours, "{path}");
            assert_eq!(files::exists(&root.at(path)), ours, "{path}");
        }
        assert!(!files::exists(&root.at("/etc")));
    }
}
