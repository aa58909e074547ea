//! The answer of the issuing API to a create, in JSON: flat, with the token beside its expiry. Fields
//! that a newer API adds are passed over.

use super::given::Given;
use super::join::Join;
use super::k0s_token;
use super::kubelet::Kubelet;
use super::moment::UnixSeconds;
use super::native::PublicId;
use super::node::Node;
use super::{Bootstrap, Document, Refusal};
use crate::secret::Secret;
use crate::yaml;
use serde::Deserialize;

#[derive(Deserialize)]
struct Response {
    id: PublicId,
    cluster_id: PublicId,
    expires_at: Option<UnixSeconds>,
    token: Option<Secret>,
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
    let (token, cluster) = k0s_token::token_and_cluster(token, given.cluster()?)?;
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
