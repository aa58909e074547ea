//! `check`: the host checks alone. Needs no token, changes nothing.

use super::args::CheckArgs;
use super::{out, search};
use crate::admit;
use crate::check::{self, Outcome};
use crate::document::{Given, NodeName};
use crate::failure::Failure;
use crate::find;
use crate::host::facts;
use crate::host::root::Root;
use serde_json::json;

pub(super) async fn check(args: CheckArgs, root: Root) -> Result<(), Failure> {
    let facts = facts::gather(&root);
    let bootstrap = match args.document {
        Some(path) => {
            let given = Given::default();
            let (_, found) = find::bootstrap(&search(Some(path)), &given, &root, &|_| None);
            Some(admit::form(&found?, &given)?)
        }
        None => None,
    };
    let document = bootstrap.as_ref().map(|bootstrap| &bootstrap.document);
    let named = document.and_then(|document| document.node.name.clone());
    let node = named.map_or_else(|| NodeName::parse(&facts.hostname.to_ascii_lowercase()), Ok);
    let checked = check::all(&check::Host {
        root: &root,
        facts: &facts,
        node: node.as_ref().map_err(String::as_str),
        document,
        skip: &args.skip,
    })
    .await;
    let rows: Vec<(&str, &str, String)> = checked
        .verdicts
        .iter()
        .map(|verdict| {
            let (word, text) = match &verdict.outcome {
                Outcome::Passed(text) => ("passed", text.clone()),
                Outcome::Skipped(text) => ("skipped", text.clone()),
                Outcome::Warned(text) => ("warning", text.clone()),
                Outcome::Failed(failure) => ("FAILED", failure.line()),
            };
            (verdict.id.as_str(), word, text)
        })
        .collect();
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(id, outcome, text)| json!({"id": id, "outcome": outcome, "text": text}))
            .collect();
        out::json(&rows);
    } else {
        for (id, word, text) in rows {
            out::line(&format!("{id:<10} {word:<8} {text}"));
        }
    }
    checked.failure().map_or(Ok(()), Err)
}
