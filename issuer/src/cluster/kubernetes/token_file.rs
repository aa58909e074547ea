//! The file that holds the token we authenticate with: a kubeconfig's `tokenFile`, or a pod's. It is read again as somebody renews it, and
//! without the line end that `kubectl create token` writes: client-go takes it off, the client library sends it.

use super::ClusterError;
use crate::files;
use http::HeaderValue;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long what was read is good for; what client-go takes.
const FRESH: Duration = Duration::from_secs(60);
/// The largest token, in bytes.
const LARGEST: u64 = 64 * 1024;

/// A token that is renewed by others.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    last: Mutex<(Instant, HeaderValue)>,
}

impl TokenFile {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// It cannot be read, is empty, or is no token.
    pub(super) fn open(path: &Path) -> Result<TokenFile, ClusterError> {
        let last = Mutex::new((Instant::now(), read(path)?));
        Ok(TokenFile { path: path.to_owned(), last })
    }

    /// The header that authenticates a request. A file that has gone or is half written is passed over: the last
    /// token is used as long as it is good.
    pub(super) fn bearer(&self) -> HeaderValue {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.elapsed() >= FRESH {
            match read(&self.path) {
                Ok(header) => last.1 = header,
                Err(error) => tracing::warn!(%error, "the token file is not read again"),
            }
            last.0 = Instant::now();
        }
        last.1.clone()
    }
}

fn read(path: &Path) -> Result<HeaderValue, ClusterError> {
    let refused =
        |why: &str| ClusterError::Refused(format!("cannot use the token file {}: {why}", path.display()));
    let bytes = files::read(path, LARGEST)
        .map_err(|error| ClusterError::Refused(format!("cannot use the token file: {error}")))?;
    let bytes = Zeroizing::new(bytes);
    let token = bytes.trim_ascii();
    if token.is_empty() {
        return Err(refused("it is empty"));
    }
    let header = Zeroizing::new([b"Bearer ", token].concat());
    let mut header = HeaderValue::from_bytes(&header)
        .map_err(|_| refused("it holds more than one line, or what is no text"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_no_part_of_it() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("token");
        for (content, expected) in [
            ("abc", Some("Bearer abc")),
            ("abc\n", Some("Bearer abc")),
            ("abc\r\n\n", Some("Bearer abc")),
            ("abc\ndef\n", None),
            ("\n", None),
            ("", None),
        ] {
            files::write(&path, content.as_bytes(), 0o600).unwrap();
            let seen = TokenFile::open(&path);
            match (&seen, expected) {
                (Ok(file), Some(expected)) => assert_eq!(file.bearer(), expected),
                (Err(error), None) => assert!(!error.to_string().contains("abc"), "{error}"),
                _ => panic!("{content:?}: {seen:?}"),
            }
            assert!(!format!("{seen:?}").contains("abc"), "{seen:?}");
        }
        assert!(TokenFile::open(&place.path().join("none")).is_err());
    }

    #[test]
    fn it_is_read_again_and_what_is_half_written_is_passed_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("token");
        files::write(&path, b"first", 0o600).unwrap();
        let file = TokenFile::open(&path).unwrap();
        let grow_old = || file.last.lock().unwrap().0 -= FRESH;
        files::write(&path, b"second\n", 0o600).unwrap();
        assert_eq!(file.bearer(), "Bearer first");
        grow_old();
        assert_eq!(file.bearer(), "Bearer second");
        files::write(&path, b"", 0o600).unwrap();
        grow_old();
        assert_eq!(file.bearer(), "Bearer second");
    }
}
