//! The bootstrap document: what may be asked for, in types that cannot hold anything else.
//!
//! Text of any accepted form comes in through [`parse`] and leaves as a [`Bootstrap`]: the document
//! without its token, and the token. Trusts nothing about the text: it is bounded, every unknown field
//! is refused, and a fault is told with line, column and field and without a word of the content. Pure:
//! no clock, no file, no network.
//!
//! - [`native`] the form of our own, read and written · [`fragment`] the part of it that whoever issues sets
//!   for every machine of a cluster · [`response`] the answer of the issuing API
//! - [`k0s_token`] a k0s join token, which brings its cluster
//! - the values: [`cluster`], [`server`], [`trust`], [`node`], [`labels`], [`kubelet`], [`packages`],
//!   [`version`], [`join`], [`moment`], [`reporting`]

mod cluster;
mod fragment;
mod join;
mod k0s_token;
mod kubelet;
mod labels;
mod moment;
mod native;
mod node;
mod packages;
mod reporting;
mod response;
mod server;
mod text;
mod trust;
mod version;
mod write;

pub use cluster::Cluster;
pub use fragment::Fragment;
pub use join::{Join, WaitFor};
pub use kubelet::Kubelet;
pub use labels::{Label, Taint};
pub use moment::{UnixSeconds, parse_duration, utc};
pub use node::{Node, NodeName};
pub use packages::Package;
pub use reporting::{ReportUrl, Reporting};
pub use server::ServerUrl;
pub use trust::{Authorities, Pin, Trust, certificate_pem};
pub use version::{Version, VersionRange};
pub use write::write;

use crate::failure::Failure;
use crate::reason::Reason;
use crate::token::Token;
use crate::yaml::{self, Fault};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The largest document that is read, in bytes.
pub const LARGEST: usize = 1024 * 1024;

/// What a bootstrap asks for, without its token.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The bootstrap's id, where the issuer gave one.
    pub id: Option<String>,
    /// The cluster's id, where the issuer gave one.
    pub cluster_id: Option<String>,
    /// When the token ends.
    pub expires_at: UnixSeconds,
    /// Where the cluster is and how it is recognized.
    pub cluster: Cluster,
    /// What the node is to be.
    pub node: Node,
    /// What must be installed.
    pub packages: Vec<Package>,
    /// How the kubelet is to run.
    pub kubelet: Kubelet,
    /// How the join goes.
    pub join: Join,
    /// Where progress is told, if anywhere.
    pub report: Option<Reporting>,
}

/// A document and its token.
#[derive(Debug)]
pub struct Bootstrap {
    /// What is asked for.
    pub document: Document,
    /// The token.
    pub token: Token,
}

/// Reads a bootstrap of any accepted form. `name` is where it lay, for the failure's line.
///
/// # Errors
/// `document_too_large`, `document_invalid`, `document_unsupported`, `label_forbidden`.
pub fn parse(text: &[u8], name: &str) -> Result<Bootstrap, Failure> {
    let refused = |refusal: Refusal| {
        Failure::new(refusal.reason, format!("reading the document in {name}")).because(refusal.fault)
    };
    if text.len() > LARGEST {
        return Err(refused(Refusal {
            reason: Reason::DocumentTooLarge,
            fault: whole(format!("expected at most {LARGEST} bytes")),
        }));
    }
    Form::of(text).and_then(|form| form.read(text)).map_err(refused)
}

/// The JSON Schema of the native form, made from its types.
pub fn schema() -> schemars::Schema {
    native::schema()
}

/// The forms that are told apart. More forms that carry a document get their own file beside these.
enum Form {
    /// The document of our own.
    Native,
    /// What the API answers to a create.
    Response,
}

impl Form {
    fn of(text: &[u8]) -> Result<Form, Refusal> {
        /// The field that every answer of the API has and no document of ours.
        #[derive(Deserialize)]
        struct Head {
            #[serde(rename = "apiVersion")]
            api_version: Option<IgnoredAny>,
            cluster_id: Option<IgnoredAny>,
        }
        let head: Head = yaml::read(text)?;
        match (head.api_version, head.cluster_id) {
            (None, Some(_)) => Ok(Form::Response),
            _ => Ok(Form::Native),
        }
    }

    fn read(self, text: &[u8]) -> Result<Bootstrap, Refusal> {
        match self {
            Form::Native => native::read(text),
            Form::Response => response::read(text),
        }
    }
}

/// Why a document is refused: the row of the table, and the place.
#[derive(Debug)]
struct Refusal {
    reason: Reason,
    fault: Fault,
}

impl Refusal {
    /// The document has another form than a bootstrap's.
    fn invalid(field: &str, what: impl Into<String>) -> Self {
        Refusal { reason: Reason::DocumentInvalid, fault: at(field, what) }
    }

    /// The document asks for what this version does not do.
    fn unsupported(field: &str, what: impl Into<String>) -> Self {
        Refusal { reason: Reason::DocumentUnsupported, fault: at(field, what) }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let reason = if fault.excessive { Reason::DocumentTooLarge } else { Reason::DocumentInvalid };
        Refusal { reason, fault }
    }
}

fn at(field: &str, what: impl Into<String>) -> Fault {
    Fault { excessive: false, at: None, field: field.to_owned(), what: what.into() }
}

fn whole(what: impl Into<String>) -> Fault {
    at("", what)
}

#[cfg(test)]
mod tests;
