//! An answer, bounded and decoded: its head, its body, and the object in it or what is there instead.

use crate::failure::one_line;
use crate::kube::objects::Object;
use crate::kube::retry_after;
use crate::kube::trouble::{Kind, Trouble};
use crate::secret::Secret;
use http::header::{CONTENT_TYPE, DATE, HeaderMap};
use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::Response;
use std::net::IpAddr;
use std::time::Duration;

/// Between two pieces of an answer.
const NEXT_PIECE: Duration = Duration::from_secs(10);
/// An API server stores objects of up to about 1.5 MiB; nothing it answers here is larger.
const LARGEST_BODY: usize = 3 << 20;

/// What the head of an answer tells.
pub(super) struct About {
    /// The server's clock, Unix seconds.
    pub(super) date: Option<u64>,
    /// This machine's address on the connection.
    pub(super) local: Option<IpAddr>,
    json: bool,
    content_type: String,
}

impl About {
    pub(super) fn of(response: &Response) -> Self {
        let content_type = header(response.headers(), CONTENT_TYPE).unwrap_or("no content type");
        About {
            date: header(response.headers(), DATE).and_then(retry_after::http_date),
            local: response.extensions().get::<HttpInfo>().map(|info| info.local_addr().ip()),
            json: content_type.split(';').next().is_some_and(|kind| kind.trim() == "application/json"),
            content_type: one_line(content_type).chars().take(60).collect(),
        }
    }
}

/// The whole body, where it is not longer than an API server's can be.
pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, Trouble> {
    let too_long =
        || Trouble::new(Kind::Nonsense, format!("its answer is longer than {} MiB", LARGEST_BODY >> 20));
    if response.content_length().is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(too_long());
    }
    let mut body = Vec::new();
    loop {
        let piece = tokio::time::timeout(NEXT_PIECE, response.chunk()).await;
        match piece {
            Ok(Ok(Some(piece))) if body.len() + piece.len() > LARGEST_BODY => return Err(too_long()),
            Ok(Ok(Some(piece))) => body.extend_from_slice(&piece),
            Ok(Ok(None)) => return Ok(body),
            Ok(Err(error)) => return Err(Trouble::met(&error)),
            Err(_) => {
                let seconds = NEXT_PIECE.as_secs();
                return Err(Trouble::new(Kind::Broken, format!("its answer stopped for {seconds} s")));
            }
        }
    }
}

/// The object in the body, or what is there in its place.
pub(super) fn decode<T: Object>(body: &[u8], about: &About) -> Result<T, String> {
    if !about.json {
        return Err(format!("{} in place of JSON", about.content_type));
    }
    if let Some(wanted) = T::KIND {
        #[derive(serde::Deserialize)]
        struct Head {
            #[serde(default)]
            kind: String,
        }
        match serde_json::from_slice::<Head>(body) {
            Ok(head) if head.kind == wanted => {}
            Ok(_) => return Err(format!("another object than a {wanted}")),
            Err(error) => return Err(damaged(&error)),
        }
    }
    serde_json::from_slice(body).map_err(|error| damaged(&error))
}

/// In our words: serde's quote the value.
fn damaged(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "JSON of another form than expected".to_owned(),
        _ => format!("damaged JSON (line {}, column {})", error.line(), error.column()),
    }
}

/// Text from a server, fit for a line: printable, at most 300 characters, without the token.
pub(super) fn quote(text: &str, bearer: Option<&Secret>) -> String {
    let mut text = one_line(text);
    if let Some(bearer) = bearer {
        text = text.replace(bearer.expose(), "[token]");
        if let Some((_, secret)) = bearer.expose().split_once('.').filter(|(_, secret)| !secret.is_empty()) {
            text = text.replace(secret, "[token]");
        }
    }
    text.chars().take(300).collect()
}

/// A header's value as text.
pub(super) fn header(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
