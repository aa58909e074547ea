//! Files that hold a bootstrap and nothing else, and standard input.

use super::visit::{Look, Looked};
use super::{Found, Place, Residue, Verdict, Visit, cloud_init};
use crate::document;
use crate::failure::Failure;
use crate::host::root::Root;
use crate::host::secret_file::{self, Opened, Refused};
use crate::reason::Reason;
use crate::secret::SecretBytes;
use std::path::{Component, Path};

/// Where a bootstrap is put by whoever delivers one, in the order of looking.
pub const WELL_KNOWN: [&str; 2] =
    ["/run/worker-bootstrap/bootstrap.yaml", "/etc/worker-bootstrap/bootstrap.yaml"];

pub(super) fn stdin(is_token: bool) -> Looked {
    let place = "standard input".to_owned();
    let (verdict, look) = match secret_file::read_stdin() {
        Ok(raw) if is_blank(&raw) => {
            let what = if is_token { "token" } else { "document" };
            (Verdict::Empty, Look::Nothing(format!("standard input holds no {what}")))
        }
        Ok(raw) => {
            let residue = Residue::default();
            let found = Found { raw, is_token, token_file: None, name: place.clone(), residue };
            (Verdict::Found, Look::Found(Box::new(found)))
        }
        Err(refused) => (Verdict::Unsafe(refused.to_string()), Look::Refused(failure(&place, refused))),
    };
    (Visit { place, verdict }, look)
}

/// The file at one of our own places.
pub(super) fn at(path: &Path, root: &Root) -> Looked {
    named(path, false, root)
}

/// The file that somebody named.
pub(super) fn named(path: &Path, is_token: bool, root: &Root) -> Looked {
    let place = path.display().to_string();
    let opened = match secret_file::open(path, root) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            let look = Look::Nothing(format!("reading {place}: there is no such file"));
            return (Visit { place, verdict: Verdict::Absent }, look);
        }
        Err(refused) => {
            let verdict = Verdict::Unsafe(refused.to_string());
            let look = Look::Refused(failure(&place, refused));
            return (Visit { place, verdict }, look);
        }
    };
    if is_blank(&opened.bytes) {
        let look = Look::Nothing(format!("reading {place}: the file is empty"));
        return (Visit { place, verdict: Verdict::Empty }, look);
    }
    let Opened { bytes: raw, place: file } = opened;
    let its =
        if cloud_init::is_its_own(path, root) { Place::Shared(path.to_owned()) } else { Place::Ours(file) };
    with_token_file(
        Found { raw, is_token, token_file: None, name: place, residue: Residue::of(vec![its]) },
        root,
    )
}

/// A candidate, and the token that its command takes from a file.
pub(super) fn with_token_file(mut found: Found, root: &Root) -> Looked {
    let named = if found.is_token { None } else { document::token_file(&found.raw) };
    let place = found.name.clone();
    // Only a path that stays below another root.
    let is_plain = |path: &str| {
        path.starts_with('/') && !Path::new(path).components().any(|part| part == Component::ParentDir)
    };
    if let Some(path) = named.filter(|path| is_plain(path)) {
        let path = root.at(&path);
        match secret_file::open(&path, root) {
            Ok(None) => {}
            Ok(Some(opened)) => {
                found.token_file = Some(opened.bytes);
                found.residue.add(Residue::of(vec![Place::Ours(opened.place)]));
            }
            Err(refused) => {
                let name = path.display().to_string();
                let verdict = Verdict::Unsafe(format!("{name}, which it names: {refused}"));
                return (Visit { place, verdict }, Look::Refused(failure(&name, refused)));
            }
        }
    }
    (Visit { place, verdict: Verdict::Found }, Look::Found(Box::new(found)))
}

pub(super) fn failure(name: &str, refused: Refused) -> Failure {
    let reason = match refused {
        Refused::TooLarge => Reason::DocumentTooLarge,
        _ => Reason::SourceUnsafe,
    };
    Failure::new(reason, format!("reading {name}")).because(refused)
}

/// Zeros are what an erasing that was cut off leaves behind.
pub(super) fn is_blank(bytes: &SecretBytes) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
}
