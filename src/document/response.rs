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
use crate::token::Token;
use crate::yaml::{self, Fields};
use serde_json::Value;

/// Text of the answer that may carry a whole document.
const CARRIERS: [&str; 2] = ["cloud_init", "command"];

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
    let expires_at = match response.map().get("expires_at") {
        Some(Value::Number(seconds)) => UnixSeconds::parse(&seconds.to_string()),
        Some(Value::String(text)) => UnixSeconds::parse(text),
        _ => Err("the field expires_at is missing".to_owned()),
    };
    let expires_at = expires_at.map_err(|what| Refusal::invalid("expires_at", what))?;
    let cluster = given.cluster()?;
    // An issuer that renders a document says in it where the cluster is.
    if cluster.is_none() && Token::parse(Secret::new(token.to_owned())).is_some() {
        for name in CARRIERS {
            let Some(text) = response.text_if_any(name)? else { continue };
            if let Some(carried) = super::carried(text.as_bytes(), name)? {
                if carried.token.bearer().expose() != token || carried.document.expires_at != expires_at {
                    return Err(Refusal::invalid(
                        name,
                        "expected the same token and expiry as in the answer",
                    ));
                }
                return Ok(carried);
            }
        }
    }
    let (token, cluster) = k0s_token::token_and_cluster(Secret::new(token.to_owned()), cluster)?;
    let document = Document {
        id: Some(id.0),
        cluster_id: Some(cluster_id.0),
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
