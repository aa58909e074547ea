//! What machines fetch from the issuer, without a token: the archives of the agent, the script that
//! installs one of them, and a list of their sums.
//!
//! Archives are read and hashed once, at the start, and served from memory; a change on disk is seen after a
//! restart. Each has its sum in its address, so that an answer may be kept for ever and a text that was
//! rendered before a change never gets other bytes than it names. An address is looked up among the known
//! ones as a whole: nothing of it ever becomes a path.

use crate::files::{self, FileError};
use axum::Router;
use axum::extract::{Path as Segment, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, StatusCode};
use ring::digest;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A static executable is 5 MiB; an archive of it with everything beside it half of that.
const LARGEST: u64 = 64 * 1024 * 1024;
const SUMS: &str = "SHA256SUMS";

/// A processor's architecture, by the name that the API has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// 64-bit Arm.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Architecture; 2] = [Architecture::Amd64, Architecture::Arm64];

    /// The archive of the agent for it.
    pub const fn archive(self) -> &'static str {
        match self {
            Architecture::Amd64 => "worker-bootstrap-linux-amd64.tar.gz",
            Architecture::Arm64 => "worker-bootstrap-linux-arm64.tar.gz",
        }
    }
}

/// Why the archives could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactsError {
    /// One of them cannot be read.
    #[error("cannot take in the archives to be served")]
    File(#[from] FileError),
    /// There is none.
    #[error("{directory} has neither {} nor {}", Architecture::Amd64.archive(), Architecture::Arm64.archive())]
    None {
        /// Where they were looked for.
        directory: String,
    },
}

/// The archives that an issuer has.
#[derive(Debug, Clone, Default)]
pub struct Archives(BTreeMap<Architecture, File>);

impl Archives {
    /// Reads those that are in `directory`: `worker-bootstrap-linux-{amd64,arm64}.tar.gz`, at least one.
    ///
    /// # Errors
    /// There is none, or one cannot be read.
    pub fn read(directory: &Path) -> Result<Self, ArtifactsError> {
        let mut archives = BTreeMap::new();
        for architecture in Architecture::ALL {
            let path = directory.join(architecture.archive());
            if path.exists() {
                archives.insert(architecture, File::new(files::read(&path, LARGEST)?, "application/gzip"));
            }
        }
        if archives.is_empty() {
            return Err(ArtifactsError::None { directory: directory.display().to_string() });
        }
        Ok(Archives(archives))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sum of the archive for an architecture.
    pub fn sum(&self, architecture: Architecture) -> Option<&str> {
        self.0.get(&architecture).map(|file| file.sum.as_str())
    }
}

/// A file that is served.
#[derive(Debug, Clone)]
struct File {
    bytes: Bytes,
    sum: String,
    media: &'static str,
}

impl File {
    fn new(bytes: Vec<u8>, media: &'static str) -> Self {
        let sum = digest::digest(&digest::SHA256, &bytes);
        let sum = sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        File { bytes: bytes.into(), sum, media }
    }
}

/// The files by their address below `/artifacts/`.
#[derive(Debug, Clone, Default)]
pub struct Served(Arc<BTreeMap<String, File>>);

impl Served {
    /// Archives, the script that installs them, and the list of all their sums. Gives the script's sum as
    /// well.
    pub fn new(archives: &Archives, script_name: &str, script: String) -> (Self, String) {
        let script = File::new(script.into_bytes(), "text/plain; charset=utf-8");
        let sum = script.sum.clone();
        let mut files: BTreeMap<String, File> = archives
            .0
            .iter()
            .map(|(architecture, file)| (format!("{}/{}", file.sum, architecture.archive()), file.clone()))
            .collect();
        files.insert(format!("{sum}/{script_name}"), script);
        let list: String = files
            .iter()
            .filter_map(|(address, file)| Some(format!("{}  {}\n", file.sum, address.split_once('/')?.1)))
            .collect();
        files.insert(SUMS.to_owned(), File::new(list.into_bytes(), "text/plain; charset=utf-8"));
        (Served(Arc::new(files)), sum)
    }

    /// `GET` and `HEAD` of `/artifacts/...`.
    pub fn router(&self) -> Router {
        Router::new().route("/artifacts/{*address}", get(serve)).with_state(self.clone())
    }
}

async fn serve(
    State(served): State<Served>,
    Segment(address): Segment<String>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = served.0.get(&address) else {
        let text = "There is no such artifact here, or not any more: a text that names one was rendered when the issuer \
                    had other archives. Create a new bootstrap.\n";
        return (StatusCode::NOT_FOUND, [(CACHE_CONTROL, "no-store")], text).into_response();
    };
    let etag = format!("\"{}\"", file.sum);
    // The list alone is another one tomorrow.
    let keep = if address == SUMS { "no-cache" } else { "public, max-age=31536000, immutable" };
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == etag.as_bytes());
    let head = [
        (CONTENT_TYPE, file.media.to_owned()),
        (CACHE_CONTROL, keep.to_owned()),
        (ETAG, etag),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    (head, file.bytes.clone()).into_response()
}
