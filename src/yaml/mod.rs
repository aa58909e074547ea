//! The one door to the YAML library, for reading and for writing. JSON comes the same way, as it is YAML
//! as well.
//!
//! Trusts nothing about the text: its size, depth, number of nodes and use of aliases are bounded before
//! anything is built from it. The library's own errors show the lines around the fault and quote values;
//! a document holds a token, so an error is told here in our words: where, in which field, and what was
//! expected there.

mod fields;
mod place;

pub use fields::Fields;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_yaml::Error as Raw;
use serde_yaml::granit_parser::ErrorKind;
use serde_yaml::localizer::ExternalMessageSource;
use std::fmt;

const DEEPEST: usize = 64;
const MOST_NODES: usize = 20_000;
const MOST_ALIASES: usize = 100;

/// What is wrong with a text, and where. Quotes nothing of it but the names of fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether it is the size or shape that is refused, and not the content.
    pub excessive: bool,
    /// Line and column, from 1, where they are known.
    pub at: Option<(u64, u64)>,
    /// The field, as in `cluster.servers[0]`; empty for the text as a whole.
    pub field: String,
    /// What is wrong: "expected ...", "unknown field ...".
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.at {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fault {}

/// Reads one document.
///
/// # Errors
/// A [`Fault`] for text that is not UTF-8, not YAML, too large or of another form than `T`.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    let text = utf8(text)?;
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_nodes: MOST_NODES,
            max_events: 4 * MOST_NODES,
            max_aliases: MOST_ALIASES,
            max_anchors: MOST_ALIASES,
            max_documents: 2,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: MOST_NODES },
        with_snippet: false,
        // Binary is not text: whoever expects it takes the base64 apart by itself.
        ignore_binary_tag_for_string: true,
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| fault(&error, text))
}

/// Writes a value as YAML.
///
/// # Errors
/// What the library says of a value that YAML cannot hold.
pub fn write<T: Serialize>(value: &T) -> Result<String, serde_yaml::SerializeError> {
    // Long base64 stays on one line: people grep for it.
    serde_yaml::to_string_with_options(value, serde_yaml::ser_options! { prefer_block_scalars: false })
}

/// The text in these bytes.
///
/// # Errors
/// A [`Fault`] that says where they stop being UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))
}

fn not_utf8(text: &[u8], valid: usize) -> Fault {
    let line = text[..valid].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    let column = text[..valid].iter().rev().take_while(|byte| **byte != b'\n').count() as u64 + 1;
    let what = "expected UTF-8 text".to_owned();
    Fault { excessive: false, at: Some((line, column)), field: String::new(), what }
}

/// A word that may be quoted: a short plain identifier, and not of the length of a token's secret half.
fn harmless(word: &str) -> Option<&str> {
    let plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-/.".contains(&byte));
    let token = word.split(['.', '/']).any(|part| part.len() == 16);
    (plain && !token && word.len() <= 40).then_some(word)
}

fn fault(error: &Raw, text: &str) -> Fault {
    let too_deep = |source: &ExternalMessageSource| {
        matches!(source, ExternalMessageSource::Parser(error)
            if matches!(error.kind(), ErrorKind::RecursionLimitExceeded))
    };
    let excessive = matches!(
        error,
        Raw::Budget { .. }
            | Raw::AliasReplayCounterOverflow { .. }
            | Raw::AliasReplayLimitExceeded { .. }
            | Raw::AliasExpansionLimitExceeded { .. }
            | Raw::AliasReplayStackDepthExceeded { .. }
    ) || matches!(error, Raw::ExternalMessage { source, .. } if too_deep(source));
    let at = error.location().map(|location| (location.line(), location.column())).filter(|at| *at != (0, 0));
    // Names of fields are ours, except keys of free maps: one that could be a secret is not shown.
    let field = at.map_or_else(String::new, |(line, column)| place::field_at(text, line, column, harmless));
    let what = match error {
        Raw::AliasError { error, .. } => return fault(error, text),
        _ if excessive => format!(
            "expected at most {DEEPEST} levels, {MOST_NODES} values and {MOST_ALIASES} aliases: this is no bootstrap"
        ),
        // Our own types begin their words so; other texts may quote the document.
        Raw::Message { msg, .. } if msg.starts_with("expected ") => msg.clone(),
        Raw::SerdeInvalidType { expected, .. }
        | Raw::SerdeInvalidValue { expected, .. }
        | Raw::SerdeInvalidLength { expected, .. } => format!("expected {expected}"),
        Raw::SerdeUnknownVariant { expected, .. } => format!("expected {}", expected.join(" or ")),
        Raw::SerdeUnknownField { field, expected, .. } => format!(
            "unknown field{}; expected {}",
            harmless(field).map_or_else(String::new, |name| format!(" {name}")),
            expected.join(", ")
        ),
        Raw::SerdeMissingField { field, .. } => {
            let what = format!("the field {field} is missing");
            return Fault { excessive, at, field: String::new(), what };
        }
        Raw::DuplicateMappingKey { key, .. } => format!(
            "the key{} stands here twice",
            key.as_deref().and_then(harmless).map_or_else(String::new, |key| format!(" {key}"))
        ),
        Raw::Unexpected { expected, .. } => format!("expected {expected}"),
        Raw::InvalidScalar { ty, .. } => format!("expected {ty}"),
        Raw::Eof { .. } => "expected a document; the text is empty or ends in the middle".to_owned(),
        Raw::MultipleDocuments { .. } => "expected one document, and another one follows".to_owned(),
        Raw::NullIntoString { .. } => "expected text, and there is nothing".to_owned(),
        Raw::QuotingRequired { .. } => "expected text in quotes".to_owned(),
        _ => "expected well-formed YAML or JSON".to_owned(),
    };
    Fault { excessive, at, field, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn json_is_read_the_same_way() {
        let value: Value = read(br#"{"a": ["\u003c", "\ud83d\ude00"], "b": 1}"#).unwrap();
        assert_eq!(value, serde_json::json!({"a": ["<", "😀"], "b": 1}));
    }

    #[test]
    fn what_is_refused_is_located_and_not_quoted() {
        let deep = "[".repeat(10_000);
        let bomb = (0..12).fold("a0: &a0 [x,x,x,x,x,x,x,x]\n".to_owned(), |mut text, level| {
            let alias = format!("*a{level},").repeat(8);
            text.push_str(&format!("a{0}: &a{0} [{alias}]\n", level + 1));
            text
        });
        for (text, excessive) in [
            (deep.as_bytes(), true),
            (bomb.as_bytes(), true),
            (b"a: [canary".as_slice(), false),
            (b"a: canary\na: canary\n", false),
            (b"a: \"canary", false),
            (b"a: canary\n\xff", false),
            (b"--- a\n--- canary\n", false),
            (b"a: *canary\n", false),
            (b"\tx: }", false),
        ] {
            let fault = read::<Value>(text).unwrap_err();
            assert_eq!(
                fault.excessive,
                excessive,
                "{fault} for {:?}",
                String::from_utf8_lossy(&text[..12.min(text.len())])
            );
            assert!(!fault.to_string().contains("canary"), "{fault}");
            assert!(fault.at.is_some(), "{fault}");
        }
    }

    #[test]
    fn a_secret_in_the_place_of_a_name_is_not_shown() {
        assert_eq!(harmless("abcdef.0123456789abcdef"), None);
        assert_eq!(harmless("0123456789abcdef"), None);
        assert_eq!(harmless("nodeLabels"), Some("nodeLabels"));
    }
}
