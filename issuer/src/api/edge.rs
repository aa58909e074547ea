//! What holds for every request, before and after whoever answers it: a head of bounded size, a deadline, and
//! answers that no cache keeps.

use super::refusal::{Kind, Refusal};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Bytes of a request's target and headers at most.
const LARGEST: usize = 16 * 1024;
/// The longest that an answer takes: longer than a create waits for its cluster.
const PATIENCE: Duration = Duration::from_secs(30);

/// Goes around every route.
pub async fn around(request: Request, next: Next) -> Response {
    let headers = request.headers().iter();
    // As on the wire in HTTP/1.1: a colon, a space and the line's end.
    let size: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let mut response = if size + target > LARGEST {
        Refusal::new(Kind::HeadTooLarge, format!("Target and headers have at most {LARGEST} bytes"))
            .into_response()
    } else {
        let late = |_| Refusal::new(Kind::Unavailable, "No answer in time").after(5).into_response();
        tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(late)
    };
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
