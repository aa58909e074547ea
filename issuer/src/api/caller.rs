//! Who asks: a good token, at a bearable rate, for its own workspace.

use super::Api;
use super::headers;
use super::refusal::{Kind, Refusal};
use crate::api_token::ApiToken;
use crate::issue::IssueError;
use crate::listen::Peer;
use crate::names::WorkspaceId;
use crate::observe;
use axum::http::Extensions;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use governor::clock::{Clock, DefaultClock};
use std::net::{IpAddr, Ipv4Addr};

/// The longest workspace id of the contract.
const CONTEXT: usize = 53;

/// Who asks.
#[derive(Debug)]
pub struct Caller {
    /// For which workspace.
    pub workspace: WorkspaceId,
    read_only: bool,
}

impl Caller {
    /// Finds out.
    pub async fn of(api: &Api, headers: &HeaderMap, extensions: &Extensions) -> Result<Caller, Refusal> {
        let unauthorized = || Refusal::new(Kind::Unauthorized, "A valid API token is required");
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else { return Err(unauthorized()) };
        let token =
            value.to_str().ok().and_then(bearer).and_then(ApiToken::parse).ok_or_else(unauthorized)?;
        let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        api.strangers.may_try(peer, token.id())?;
        let known = api.issuer.store().api_token(token.id().clone()).await.map_err(IssueError::from)?;
        let known = known.filter(|known| known.hash.is(&token.hash()) && known.revoked_at.is_none());
        let known = known.ok_or_else(unauthorized)?;
        api.strangers.is_good(&known.id);
        if let Some(observed) = extensions.get::<observe::Caller>() {
            observed.is(&known.workspace, known.id.as_str());
        }
        if let Err(until) = api.rate.check_key(&known.id) {
            let wait = until.wait_time_from(DefaultClock::default().now());
            return Err(Refusal::new(Kind::TooMany, "Too many requests with this token")
                .after(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)));
        }
        if let Some(context) = headers::optional(headers, "akua-context", CONTEXT)?
            && context != known.workspace.as_str()
        {
            return Err(Refusal::new(Kind::Forbidden, "This token is not for that workspace")
                .at("header", "akua-context"));
        }
        Ok(Caller { workspace: known.workspace, read_only: known.read_only })
    }

    /// It may change something.
    pub fn may_write(&self) -> Result<(), Refusal> {
        match self.read_only {
            true => Err(Refusal::new(Kind::Forbidden, "This token may only read")),
            false => Ok(()),
        }
    }
}

/// The credential of `Bearer <credential>`; the scheme in any case (RFC 9110, 11.1).
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, credential) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim_matches(' '))
}
