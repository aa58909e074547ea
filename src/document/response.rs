//! The answer of the issuing API to a create, in JSON: flat, with the token beside its expiry. Fields
//! that a newer API adds are passed over.
//!
//! A k0s join token says where its cluster is. Beside any other token it is the user-data of the same answer
//! that says it: it carries a document of ours, which must be of the same bootstrap.

use super::forms::{self, Carried, Piece};
use super::given::Given;
use super::k0s_token;
use super::moment::UnixSeconds;
use super::native::{self, PublicId};
use super::{Bootstrap, Document, Refusal};
use crate::secret::Secret;
use crate::token::Token;
use crate::yaml::{self, Fields};
use serde_json::Value;

pub(super) fn read(text: &[u8], given: &Given) -> Result<Bootstrap, Refusal> {
    let value: Value = yaml::read(text)?;
    let response = Fields::of(&value)?;
    given.refuse(true, false)?;
    let id = response.parsed("id", PublicId::parse)?;
    let cluster_id = response.parsed("cluster_id", PublicId::parse)?;
    let Some(token) = response.text_if_any("token")? else {
        return Err(Refusal::invalid(
            "token",
            "the field token is missing: only the answer to the create itself carries it, no later one",
        ));
    };
    let token = Secret::new(token.to_owned());
    let expires_at = match response.map().get("expires_at") {
        Some(Value::Number(seconds)) => UnixSeconds::parse(&seconds.to_string()),
        Some(Value::String(text)) => UnixSeconds::parse(text),
        _ => Err("the field expires_at is missing".to_owned()),
    };
    let expires_at = expires_at.map_err(|what| Refusal::invalid("expires_at", what))?;
    let given = given.cluster()?;
    let cloud_init = response.text_if_any("cloud_init")?;
    match (cloud_init.map(from_user_data), &given) {
        (Some(carried), None) if Token::has_form(&token) => {
            let bootstrap = carried?;
            let document = &bootstrap.document;
            let is_the_same = document.id.as_deref() == Some(&id.0)
                && document.cluster_id.as_deref() == Some(&cluster_id.0)
                && document.expires_at == expires_at
                && bootstrap.token.text().expose() == token.expose();
            return if is_the_same { Ok(bootstrap) } else { Err(not_the_same()) };
        }
        // A token that a credential stands in for opens nothing by itself, however the cluster is found.
        (Some(Ok(carried)), _) if carried.token.has_credential() => return Err(needs_its_document()),
        _ => {}
    }
    let (token, cluster) = k0s_token::token_and_cluster(token, given)?;
    let bare = Document::bare(expires_at, cluster);
    let document = Document { id: Some(id.0), cluster_id: Some(cluster_id.0), ..bare };
    Ok(Bootstrap { document, token })
}

/// The one document that user-data carries. No other form is looked for in it.
fn from_user_data(text: &str) -> Result<Bootstrap, Refusal> {
    let mut pieces = forms::unfold(text.as_bytes(), false).pieces.into_iter();
    let (Some(Piece { place, carried: Carried::Document(document) }), None) = (pieces.next(), pieces.next())
    else {
        return Err(Refusal::invalid(
            "cloud_init",
            "expected one bootstrap document in it: the token does not say where its cluster is",
        ));
    };
    let place = format!("cloud_init: {place}");
    native::read(&document)
        .map_err(|refusal| Refusal { fault: forms::within(&place, refusal.fault), ..refusal })
}

fn needs_its_document() -> Refusal {
    Refusal::invalid(
        "cloud_init",
        "its document carries a sealed credential, without which this token opens nothing: leave out --server, \
         --ca-cert-hash and --ca-file",
    )
}

fn not_the_same() -> Refusal {
    Refusal::invalid(
        "cloud_init",
        "expected the document of the same bootstrap: id, cluster, expiry and token",
    )
}
