//! What systemd hands to its service: the credential `worker-bootstrap.document` (systemd.exec(5),
//! `LoadCredential=`, `LoadCredentialEncrypted=`). It comes decrypted, whether it lay in a credential store, was
//! encrypted there, or was given to the machine by its hypervisor (SMBIOS) or its boot loader.
//!
//! systemd's own copy is in memory that is not swapped, readable by this service alone, and goes with it.
//! What stays behind is the file in the store that it was made from.

use super::file::{self, is_blank};
use super::visit::{Look, Looked, nothing};
use super::{Found, Place, Residue, Verdict, Visit};
use crate::host::root::Root;
use crate::host::secret_file::{self, Opened};
use crate::host::service::{self, Credentials};
use crate::secret::SecretBytes;
use std::path::Path;

/// The credential's name.
pub const NAME: &str = "worker-bootstrap.document";

/// Where systemd looks for a credential by name, besides what the machine itself was given.
const STORES: [&str; 3] = ["/etc/credstore", "/run/credstore", "/usr/lib/credstore"];
const ENCRYPTED: [&str; 3] =
    ["/etc/credstore.encrypted", "/run/credstore.encrypted", "/usr/lib/credstore.encrypted"];

/// The credential of this service. Another root has no service manager, and none of its credentials.
pub(super) fn look(root: &Root) -> Vec<Looked> {
    if !root.is_machine() {
        return Vec::new();
    }
    let place = format!("credential {NAME}");
    let absent = |why: &str| vec![nothing(place.clone(), Verdict::AbsentAs(why.to_owned()))];
    match service::credentials() {
        Credentials::Directory(directory) => vec![in_directory(&directory, place, root)],
        Credentials::NoService => absent("not started as a service"),
        Credentials::NotPassed => absent(
            "systemd passed this service no credentials (one before 247 cannot; else see LoadCredential= of the unit)",
        ),
    }
}

/// The credential among those in `directory`, as it is laid out by systemd.
fn in_directory(directory: &Path, place: String, root: &Root) -> Looked {
    let opened = match secret_file::open(&directory.join(NAME), root) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            let why = "systemd has none of this name for this service".to_owned();
            return nothing(place, Verdict::AbsentAs(why));
        }
        Err(refused) => {
            let verdict = Verdict::Unsafe(refused.to_string());
            let look = Look::Refused(file::failure(&place, refused));
            return (Visit { place, verdict }, look);
        }
    };
    let Opened { bytes: raw, .. } = opened;
    if is_blank(&raw) {
        return nothing(place, Verdict::Empty);
    }
    let residue = match sources(&raw, root) {
        Ok(residue) => residue,
        Err((path, refused)) => {
            let verdict = Verdict::Unsafe(format!("{path}, which it comes from: {refused}"));
            return (Visit { place, verdict }, Look::Refused(file::failure(&path, refused)));
        }
    };
    file::with_token_file(Found { raw, is_token: false, token_file: None, name: place, residue }, root)
}

/// The files in the stores that the credential was made from: the plain ones with the same content, or else
/// the encrypted ones of this name, which this machine can decrypt.
fn sources(raw: &SecretBytes, root: &Root) -> Result<Residue, (String, secret_file::Refused)> {
    let mut places = Vec::new();
    for store in STORES {
        let path = root.at(&format!("{store}/{NAME}"));
        match secret_file::open(&path, root) {
            Ok(Some(opened)) if *opened.bytes == **raw => places.push(Place::Ours(opened.place)),
            Ok(_) => {}
            Err(refused) => return Err((path.display().to_string(), refused)),
        }
    }
    if places.is_empty() {
        let encrypted = ENCRYPTED.iter().map(|store| root.at(&format!("{store}/{NAME}")));
        places.extend(encrypted.filter_map(|path| secret_file::locate(&path)).map(Place::Ours));
    }
    Ok(Residue::of(places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::made::{self, Put};

    fn put(root: &Root, path: &str, text: &str, mode: u32) {
        let (directory, _) = path.rsplit_once('/').unwrap();
        made::put(root, &[Put::Directory(directory, 0o700)]).unwrap();
        made::put(root, &[Put::File(path, text.as_bytes(), mode)]).unwrap();
    }

    #[test]
    fn a_credential_is_found_with_the_file_it_was_made_from() {
        const GIVEN: &str = "/run/credentials/x/worker-bootstrap.document";
        type Row = (
            &'static str,
            &'static [(&'static str, &'static str, u32)],
            &'static str,
            &'static [&'static str],
        );
        let rows: &[Row] = &[
            ("none", &[], "absent: systemd has none", &[]),
            ("empty", &[(GIVEN, "\n", 0o400)], "empty", &[]),
            ("alone", &[(GIVEN, "a: 1", 0o400)], "found", &[]),
            ("open to others", &[(GIVEN, "a: 1", 0o444)], "its mode is 0444", &[]),
            (
                "from a store",
                &[(GIVEN, "a: 1", 0o400), ("/etc/credstore/worker-bootstrap.document", "a: 1", 0o600)],
                "found",
                &["/etc/credstore/worker-bootstrap.document"],
            ),
            (
                "another in a store",
                &[(GIVEN, "a: 1", 0o400), ("/etc/credstore/worker-bootstrap.document", "b: 1", 0o600)],
                "found",
                &[],
            ),
            (
                "a store open to others",
                &[(GIVEN, "a: 1", 0o400), ("/etc/credstore/worker-bootstrap.document", "a: 1", 0o644)],
                "which it comes from: its mode is 0644",
                &[],
            ),
            (
                "encrypted",
                &[
                    (GIVEN, "a: 1", 0o400),
                    ("/etc/credstore.encrypted/worker-bootstrap.document", "xyz", 0o644),
                ],
                "found",
                &["/etc/credstore.encrypted/worker-bootstrap.document"],
            ),
        ];
        for (case, files, says, residue) in rows {
            let dir = tempfile::tempdir().unwrap();
            let root = Root::new(dir.path().to_path_buf());
            files.iter().for_each(|(path, text, mode)| put(&root, path, text, *mode));
            let (visit, look) = in_directory(&root.at("/run/credentials/x"), "it".into(), &root);
            assert!(visit.to_string().contains(says), "{case}: {visit}");
            let paths = if let Look::Found(found) = look { found.residue.own_paths() } else { Vec::new() };
            let expected: Vec<_> = residue.iter().map(|path| root.at(path)).collect();
            assert_eq!(paths, expected, "{case}");
        }
    }
}
