//! Field and label selectors, as far as the served resources have fields to select by.

use super::resource::Resource;
use super::status::Status;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Is(String, String),
    IsNot(String, String),
    Has(String),
    HasNot(String),
}

/// Which objects of a list or watch are wanted.
#[derive(Debug, Clone)]
pub struct Selector {
    resource: Resource,
    fields: Vec<Term>,
    labels: Vec<Term>,
}

fn terms(text: &str) -> impl Iterator<Item = Term> + '_ {
    text.split(',').map(str::trim).filter(|term| !term.is_empty()).map(|term| {
        let pair = |(key, value): (&str, &str)| (key.trim().to_owned(), value.trim().to_owned());
        if let Some((key, value)) = term.split_once("!=").map(pair) {
            Term::IsNot(key, value)
        } else if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')).map(pair) {
            Term::Is(key, value)
        } else if let Some(key) = term.strip_prefix('!') {
            Term::HasNot(key.trim().to_owned())
        } else {
            Term::Has(term.to_owned())
        }
    })
}

impl Selector {
    /// Reads both selectors; fields that cannot be selected by, and set-based label terms (which are
    /// not served), are a 400.
    pub fn parse(resource: Resource, fields: &str, labels: &str) -> Result<Selector, Status> {
        let fields: Vec<Term> = terms(fields).collect();
        for term in &fields {
            match term {
                Term::Is(field, _) | Term::IsNot(field, _) => {
                    resource.selectable(&Value::Null, field).map_err(Status::bad_request)?;
                }
                Term::Has(text) | Term::HasNot(text) => {
                    let message = format!("invalid selector: '{text}'; can't understand '{text}'");
                    return Err(Status::bad_request(message));
                }
            }
        }
        if labels.contains(['(', ')']) {
            return Err(Status::bad_request(format!(
                "unable to parse requirement: set-based terms are not served: {labels}"
            )));
        }
        Ok(Selector { resource, fields, labels: terms(labels).collect() })
    }

    /// Whether an object is wanted.
    pub fn matches(&self, object: &Value) -> bool {
        let field = |key: &str| self.resource.selectable(object, key).unwrap_or_default();
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
        self.fields.iter().all(|term| match term {
            Term::Is(key, value) => field(key) == *value,
            Term::IsNot(key, value) => field(key) != *value,
            Term::Has(_) | Term::HasNot(_) => false,
        }) && self.labels.iter().all(|term| match term {
            Term::Is(key, value) => label(key) == Some(value),
            Term::IsNot(key, value) => label(key) != Some(value),
            Term::Has(key) => label(key).is_some(),
            Term::HasNot(key) => label(key).is_none(),
        })
    }
}
