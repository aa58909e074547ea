//! What commands print: tables for people, JSON for programs, and texts that hold a token.

use crate::clock;
use crate::files;
use serde_json::Value;
use std::io::{self, Write};
use std::path::Path;
use time::OffsetDateTime;
use worker_bootstrap::failure::one_line;

/// Columns under their titles, two blanks apart.
pub(super) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([titles[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let mut text = String::new();
    let titles: Vec<String> = titles.iter().map(|title| (*title).to_owned()).collect();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Names and values, one pair a line.
pub(super) fn pairs(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    pairs.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

/// A text of an answer, fit for a terminal; `-` where there is none.
pub(super) fn text(object: &Value, field: &str) -> String {
    match &object[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

/// A time of an answer, in seconds since 1970, as people read it.
pub(super) fn time(object: &Value, field: &str) -> String {
    let at = object[field].as_i64().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
    at.map_or_else(|| text(object, field), clock::seconds)
}

/// JSON, indented.
pub(super) fn json(value: &Value) -> String {
    format!("{value:#}\n")
}

/// To standard output.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// To a file that only its owner may read, in place of whatever was there, or to standard output.
pub(super) fn deliver(text: &str, file: Option<&Path>) -> Result<(), super::Failure> {
    match file {
        Some(path) => files::write(path, text.as_bytes(), 0o600)?,
        None => print(text)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_and_values() {
        let rows = vec![vec!["wbs_01".to_owned(), "a".to_owned()], vec!["x".to_owned(), String::new()]];
        assert_eq!(table(&["ID", "STATUS"], &rows), "ID      STATUS\nwbs_01  a\nx\n");
        assert_eq!(pairs(&[("id", "x".into()), ("status", "y".into())]), "id      x\nstatus  y\n");
        let object = json!({"at": 1_790_000_000, "odd": "a\u{1b}b", "no": null});
        assert_eq!(time(&object, "at"), "2026-09-21T14:13:20Z");
        assert_eq!((text(&object, "odd").as_str(), text(&object, "no").as_str()), ("a\\u{1b}b", "-"));
    }
}
