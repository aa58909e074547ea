//! The answer of the issuing API to a create, in JSON: flat, with the token beside its expiry. Fields
//! that a newer API adds are passed over.
//!
//! A k0s join token says where its cluster is. Beside any other token it is the user-data of the same answer
//! that says it: it carries a document of ours, which must be of the same bootstrap.

use super::forms::{self, Carried, Piece};
use super::given::Given;
use super::join::Join;
use super::k0s_token;
use super::kubelet::Kubelet;
use super::moment::UnixSeconds;
use super::native::{self, PublicId};
use super::node::Node;
use super::{Bootstrap, Document, Refusal};
use crate::secret::Secret;
use crate::token::Token;
use crate::yaml;
use serde::Deserialize;

#[derive(Deserialize)]
struct Response {
    id: PublicId,
    cluster_id: PublicId,
    expires_at: Option<UnixSeconds>,
    token: Option<Secret>,
    cloud_init: Option<Secret>,
}

pub(super) fn read(text: &[u8], given: &Given) -> Result<Bootstrap, Refusal> {
    let response: Response = yaml::read(text)?;
    given.refuse(true, false)?;
    let Some(token) = response.token else {
        return Err(Refusal::invalid(
            "token",
            "the field token is missing: only the answer to the create itself carries it, no later one",
        ));
    };
    let Some(expires_at) = response.expires_at else {
        return Err(Refusal::invalid("expires_at", "the field expires_at is missing"));
    };
    let given = given.cluster()?;
    if let (None, Some(cloud_init), true) = (&given, &response.cloud_init, Token::has_form(&token)) {
        let bootstrap = from_user_data(cloud_init)?;
        let Document { id, cluster_id, expires_at: end, .. } = &bootstrap.document;
        let is_the_same = id.as_deref() == Some(&response.id.0)
            && cluster_id.as_deref() == Some(&response.cluster_id.0)
            && *end == expires_at
            && bootstrap.token.bearer().expose() == token.expose();
        return if is_the_same { Ok(bootstrap) } else { Err(not_the_same()) };
    }
    let (token, cluster) = k0s_token::token_and_cluster(token, given)?;
    let document = Document {
        id: Some(response.id.0),
        cluster_id: Some(response.cluster_id.0),
        expires_at,
        cluster,
        node: Node::default(),
        packages: Vec::new(),
        kubelet: Kubelet::default(),
        join: Join::default(),
        report: None,
    };
    Ok(Bootstrap { document, token })
}

/// The one document that user-data carries. No other form is looked for in it.
fn from_user_data(text: &Secret) -> Result<Bootstrap, Refusal> {
    let mut pieces = forms::unfold(text.expose().as_bytes(), false).pieces.into_iter();
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

fn not_the_same() -> Refusal {
    Refusal::invalid(
        "cloud_init",
        "expected the document of the same bootstrap: id, cluster, expiry and token",
    )
}
