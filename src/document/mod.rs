//! The bootstrap document: what may be asked for, in types that cannot hold anything else.
//!
//! Text of any accepted form comes in through [`parse`] and leaves as a [`Bootstrap`]: the document
//! without its token, and the token. Trusts nothing about the text: it is bounded, every unknown field
//! is refused, and a fault is told with line, column and field and without a word of the content. Pure:
//! no clock, no file, no network.
//!
//! - [`forms`] what is wrapped around it: cloud-init's user-data, commands
//! - [`native`] the form of our own, read and written · [`fragment`] the part of it that whoever issues sets
//!   for every machine of a cluster · [`response`] the answer of the issuing API
//! - [`k0s_token`] a k0s join token, which brings its cluster
//! - [`given`] what the command line adds
//! - the values: [`cluster`], [`server`], [`trust`], [`node`], [`labels`], [`kubelet`], [`packages`],
//!   [`version`], [`join`], [`moment`], [`reporting`]

mod cluster;
mod credential;
mod forms;
mod fragment;
mod given;
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
pub use given::Given;
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
use crate::yaml::Fault;
use forms::{Carried, JoinCommand, Piece, TokenIn};

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

impl Document {
    /// What asks for nothing but the join.
    fn bare(expires_at: UnixSeconds, cluster: Cluster) -> Document {
        Document {
            id: None,
            cluster_id: None,
            expires_at,
            cluster,
            node: Node::default(),
            packages: Vec::new(),
            kubelet: Kubelet::default(),
            join: Join::default(),
            report: None,
        }
    }
}

/// A document and its token.
#[derive(Debug)]
pub struct Bootstrap {
    /// What is asked for.
    pub document: Document,
    /// The token.
    pub token: Token,
}

impl PartialEq for Bootstrap {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document && self.token.text().expose() == other.token.text().expose()
    }
}

/// A text that may be a bootstrap, and what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    /// The text.
    pub bytes: &'a [u8],
    /// Whether it is a token and nothing else.
    pub is_token: bool,
    /// The content of the file that [`token_file`] names.
    pub token_file: Option<&'a [u8]>,
    /// What the command line says beside it.
    pub given: &'a Given,
}

/// Reads a bootstrap of any accepted form that says everything itself. `name` is where it lay, for the
/// failure's line.
///
/// # Errors
/// As [`read`].
pub fn parse(bytes: &[u8], name: &str) -> Result<Bootstrap, Failure> {
    let given = Given::default();
    read(Text { bytes, is_token: false, token_file: None, given: &given }, name)
}

/// Reads a bootstrap of any accepted form.
///
/// # Errors
/// `document_too_large`, `document_invalid`, `document_unsupported`, `label_forbidden`.
pub fn read(text: Text<'_>, name: &str) -> Result<Bootstrap, Failure> {
    any_form(text).map_err(|refusal| {
        Failure::new(refusal.reason, format!("reading the document in {name}")).because(refusal.fault)
    })
}

/// Whether a text from cloud-init holds something that is meant as a bootstrap. Most hold none.
///
/// # Errors
/// None was found, and something in it could not be looked into.
pub fn is_carried_by(user_data: &[u8]) -> Result<bool, Fault> {
    let unfolded = forms::unfold(user_data, false);
    match unfolded.trouble {
        Some(fault) if unfolded.pieces.is_empty() => Err(fault),
        _ => Ok(!unfolded.pieces.is_empty()),
    }
}

/// The file that the join command in `text` takes its token from, where it has one.
pub fn token_file(text: &[u8]) -> Option<String> {
    forms::unfold(text, true).pieces.into_iter().find_map(|piece| match piece.carried {
        Carried::Join(JoinCommand { token: TokenIn::File(path), .. }) => Some(path),
        _ => None,
    })
}

/// A path of write_files as cloud-init goes there: without detours, below the root.
pub fn written_at(path: &str) -> String {
    forms::absolute(path)
}

fn any_form(text: Text<'_>) -> Result<Bootstrap, Refusal> {
    if text.bytes.len() > LARGEST {
        return Err(Refusal {
            reason: Reason::DocumentTooLarge,
            fault: whole(format!("expected at most {LARGEST} bytes")),
        });
    }
    if text.is_token {
        return given::from_token(given::bare_token(text.bytes)?, text.given);
    }
    let forms::Unfolded { pieces, trouble } = forms::unfold(text.bytes, true);
    let mut first: Option<(String, Bootstrap)> = None;
    let mut in_doubt = Vec::new();
    for Piece { place, mut carried } in pieces {
        let doubt = if let Carried::Join(command) = &mut carried { command.doubt.take() } else { None };
        let found = match carried {
            Carried::Document(document) => Form::of(&document).read(&document, text.given),
            Carried::Join(command) => given::from_command(command, text.token_file, text.given),
            Carried::Refused(fault) => Err(fault.into()),
        };
        if let Some(fault) = doubt {
            in_doubt.push((forms::within(&place, *fault), found.ok()));
            continue;
        }
        let found =
            found.map_err(|refusal| Refusal { fault: forms::within(&place, refusal.fault), ..refusal })?;
        match &first {
            Some((other, bootstrap)) if *bootstrap != found => {
                return Err(Refusal {
                    reason: Reason::TwoFound,
                    fault: whole(format!("{other} and {place} hold different bootstraps")),
                });
            }
            Some(_) => {}
            None => first = Some((place, found)),
        }
    }
    // Whether it runs or not: one that would be the same once more changes nothing.
    let certain = first.as_ref().map(|(_, bootstrap)| bootstrap);
    let other = |found: &Option<Bootstrap>| found.is_none() || found.as_ref() != certain;
    if let Some((fault, _)) = in_doubt.into_iter().find(|(_, found)| other(found)) {
        return Err(fault.into());
    }
    match (first, trouble) {
        (Some((_, bootstrap)), _) => Ok(bootstrap),
        (None, Some(fault)) => Err(fault.into()),
        // As a document, so that its mistakes are named.
        (None, None) if forms::begins_as_document(text.bytes) => {
            Form::of(text.bytes).read(text.bytes, text.given)
        }
        (None, None) => Err(forms::stopped_at(text.bytes).into()),
    }
}

/// The JSON Schema of the native form, made from its types.
pub fn schema() -> schemars::Schema {
    native::schema()
}

/// The documents that are told apart, once all that is around them is off.
enum Form {
    /// The document of our own.
    Native,
    /// What the API answers to a create.
    Response,
}

impl Form {
    /// By the keys that every answer of the API has and no document of ours.
    fn of(text: &[u8]) -> Form {
        let has = |key: &str| {
            let keys = [format!("\"{key}\""), format!("\n{key}:")];
            let at_first = text.starts_with(&keys[1].as_bytes()[1..]);
            at_first || keys.iter().any(|key| text.windows(key.len()).any(|window| window == key.as_bytes()))
        };
        if has("cluster_id") && !has("apiVersion") { Form::Response } else { Form::Native }
    }

    fn read(self, text: &[u8], given: &Given) -> Result<Bootstrap, Refusal> {
        match self {
            Form::Native => {
                given.refuse(true, true)?;
                native::read(text)
            }
            Form::Response => response::read(text, given),
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
