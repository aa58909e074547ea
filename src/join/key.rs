//! The node's private key: made once, on disk before its first use, so that a join that was cut short
//! asks for the same certificate again.
//!
//! Of a request that was denied the key is forgotten: the verdict stands for as long as the request does.
//!
//! The file has the name that the kubelet itself uses for a key whose certificate is still outstanding.

use super::Resume;
use super::install::CLIENTS;
use crate::failure::Failure;
use crate::host::made::{self, Put};
use crate::host::root::Root;
use crate::host::secret_file;
use crate::reason::Reason;
use crate::secret::SecretBytes;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use zeroize::Zeroizing;

const FILE: &str = "/var/lib/kubelet/pki/kubelet-client.key.tmp";

/// A P-256 key.
pub(super) struct Key {
    pair: KeyPair,
    pem: SecretBytes,
}

impl Key {
    fn from_pem(pem: SecretBytes) -> Option<Self> {
        let text = std::str::from_utf8(&pem).ok()?;
        let pair = KeyPair::from_pem(text).ok()?;
        (pair.algorithm() == &PKCS_ECDSA_P256_SHA256).then_some(Key { pair, pem })
    }

    pub(super) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    /// SubjectPublicKeyInfo, DER.
    pub(super) fn spki(&self) -> Vec<u8> {
        use rcgen::PublicKeyData;
        self.pair.subject_public_key_info()
    }

    /// PKCS#8, PEM.
    pub(super) fn pem(&self) -> &[u8] {
        &self.pem
    }
}

/// The saved key, or a new one that is saved now. A key that this machine did not save is not believed.
///
/// # Errors
/// `local_write_failed`; `internal_fault` where no key can be made.
pub(super) fn saved(root: &Root, resume: Resume) -> Result<Key, Failure> {
    let path = root.at(FILE);
    let known = if resume.key_is_ours { secret_file::open(&path, root).ok().flatten() } else { None };
    if let Some(key) = known.and_then(|opened| Key::from_pem(opened.bytes)) {
        return Ok(key);
    }
    let no_key = |error| Failure::new(Reason::Internal, "making the node's private key").because(error);
    let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(no_key)?;
    let text = Zeroizing::new(pair.serialize_pem());
    let pem = SecretBytes::new(text.as_bytes().to_vec());
    // From here on certificates come to lie beside those that are there now.
    made::put(root, &[Put::Others(CLIENTS), Put::Secret(FILE, &pem)])
        .map_err(|error| Failure::new(Reason::LocalWrite, "saving the node's private key").because(error))?;
    Ok(Key { pair, pem })
}

/// Removes the key's own file: it lies beside its certificate now.
///
/// # Errors
/// `local_write_failed`.
pub(super) fn forget(root: &Root) -> Result<(), Failure> {
    made::forget(root, FILE)
        .map_err(|error| Failure::new(Reason::LocalWrite, "removing the key's first file").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_same_key_again_only_where_it_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::new(dir.path().to_path_buf());
        made::put(&root, &[Put::Directory("/var/lib/kubelet/pki", 0o755)]).unwrap();
        let first = saved(&root, Resume { key_is_ours: false }).unwrap();
        let mode = std::fs::metadata(root.at(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(saved(&root, Resume { key_is_ours: true }).unwrap().spki(), first.spki());
        let second = saved(&root, Resume { key_is_ours: false }).unwrap();
        assert_ne!(second.spki(), first.spki());
        made::put(&root, &[Put::Secret(FILE, b"half a key")]).unwrap();
        assert_ne!(saved(&root, Resume { key_is_ours: true }).unwrap().spki(), second.spki());
        forget(&root).unwrap();
        forget(&root).unwrap();
        assert!(!root.at(FILE).exists());
    }
}
