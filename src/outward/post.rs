//! One connection to the issuer: https, its own CA alone, no redirects, no word of its answers read but
//! the status.

use super::Line;
use crate::host::clock;
use crate::host::root::Root;
use crate::kube::trouble::{Kind, Trouble};
use crate::kube::{DateJudge, client};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use zeroize::Zeroizing;

/// What became of one request.
#[derive(Debug)]
pub(super) enum Told {
    /// It was received.
    Through,
    /// Not now. `broken` where the connection was there and broke.
    Later { why: String, broken: bool },
    /// Not in this run.
    Never(String),
}

/// A client for one line.
#[derive(Debug)]
pub(super) struct Post {
    http: reqwest::Client,
    url: String,
    authorization: HeaderValue,
}

/// By what time the issuer's certificate is judged.
pub(super) async fn judge(root: &Root) -> DateJudge {
    let reading = clock::read(root).await;
    DateJudge { unix: reading.unix, trusted: reading.synced }
}

impl Post {
    /// Connects when first used.
    pub(super) fn new(line: &Line, judge: DateJudge) -> Result<Self, String> {
        let http = client::trusting(line.authorities.der(), judge).map_err(|failure| failure.line())?;
        let text = Zeroizing::new(format!("Bearer {}", line.key.expose()));
        let mut authorization = HeaderValue::from_str(&text).map_err(|_| "its key is damaged".to_owned())?;
        authorization.set_sensitive(true);
        Ok(Post { http, url: line.url.to_string(), authorization })
    }

    /// Posts one body. The deadline is the caller's.
    pub(super) async fn send(&self, body: Vec<u8>) -> Told {
        let request = self
            .http
            .post(&self.url)
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        let status = match request.send().await {
            Ok(response) => response.status(),
            Err(error) => {
                let Trouble { kind, text, .. } = Trouble::met(&error);
                return Told::Later { why: text, broken: kind == Kind::Broken };
            }
        };
        match status.as_u16() {
            200..=299 => Told::Through,
            408 | 425 | 429 | 500.. => Told::Later { why: format!("answered {status}"), broken: false },
            _ => Told::Never(format!("answered {status}")),
        }
    }
}
