//! A `#cloud-config`: the files it writes and the commands it runs (cloud-init `config/cc_write_files.py`,
//! `config/cc_runcmd.py`, `config/cc_bootcmd.py`). Everything else in it is somebody else's.

use super::shell::Word;
use super::{Carried, Said, TokenIn, Walk, join, layers, words};
use crate::secret::SecretBytes;
use crate::yaml;
use serde_json::Value;

/// A file that the configuration writes.
struct File<'a> {
    path: &'a str,
    content: SecretBytes,
}

pub(super) fn walk(walk: &mut Walk, text: &str, place: &str, depth: usize) {
    let config: Value = match yaml::read(text.as_bytes()) {
        Ok(config) => config,
        // cloud-init would not take it either; where a document of ours is in it, it is meant.
        Err(fault) if super::names_our_version(text) => return walk.piece(place, Carried::Refused(fault)),
        Err(fault) => return walk.fault(place, fault),
    };
    let mut files = Vec::new();
    for (index, entry) in list(&config["write_files"]).iter().enumerate() {
        let place = join(place, &format!("write_files[{index}]"));
        let Some(content) = entry["content"].as_str() else { continue };
        match decoded(content, &entry["encoding"]) {
            Some(content) => {
                walk.text(&content, Said::Nothing, &place, depth + 1);
                files.push(File { path: entry["path"].as_str().unwrap_or_default(), content });
            }
            None => walk.trouble(&place, "expected content in the encoding that is named"),
        }
    }
    let before = walk.out.pieces.len();
    for key in ["bootcmd", "runcmd"] {
        for (index, entry) in list(&config[key]).iter().enumerate() {
            run(walk, entry, &join(place, &format!("{key}[{index}]")));
        }
    }
    // A command may take its token from a file that stands right here.
    for piece in &mut walk.out.pieces[before..] {
        if let Carried::Join(join) = &mut piece.carried
            && let TokenIn::File(path) = &join.token
            && let Some(file) = files.iter().find(|file| file.path == path)
        {
            join.token = TokenIn::text(&file.content);
        }
    }
}

/// A list of parts with their types (cloud-init `user_data.py`, `_explode_archive`).
pub(super) fn walk_archive(walk: &mut Walk, text: &str, place: &str, depth: usize) {
    let archive: Value = match yaml::read(text.as_bytes()) {
        Ok(archive) => archive,
        Err(fault) => return walk.fault(place, fault),
    };
    for (index, entry) in list(&archive).iter().enumerate() {
        let Some(content) = entry.as_str().or_else(|| entry["content"].as_str()) else { continue };
        let said = match entry["type"].as_str() {
            Some("text/cloud-config") => Said::CloudConfig,
            Some(kind) if kind.starts_with("text/x-shellscript") => Said::Script,
            _ => Said::Nothing,
        };
        walk.text(content.as_bytes(), said, &join(place, &format!("[{index}]")), depth + 1);
    }
}

fn run(walk: &mut Walk, entry: &Value, place: &str) {
    match entry {
        Value::String(text) => walk.script(text, place, 0),
        Value::Array(list) => {
            let list: Option<Vec<Word>> = list.iter().map(word).collect();
            if let Some(list) = list {
                words(walk, list, place);
            }
        }
        _ => {}
    }
}

/// One argument; a number is taken as it is written.
fn word(value: &Value) -> Option<Word> {
    match value {
        Value::String(text) => Some(Word::literal(text)),
        Value::Number(number) => Some(Word::literal(&number.to_string())),
        _ => None,
    }
}

/// The content behind the encodings of write_files; one that is not known counts as plain, as there.
fn decoded(content: &str, encoding: &Value) -> Option<SecretBytes> {
    let plain = || SecretBytes::new(content.as_bytes().to_vec());
    let named = encoding.as_str().unwrap_or_default().trim().to_ascii_lowercase();
    match named.as_str() {
        "b64" | "base64" => layers::base64(content.as_bytes()),
        // What is packed is recognized by itself, in base64 by YAML's own tag or by this one.
        "gz" | "gzip" | "gz+base64" | "gzip+base64" | "gz+b64" | "gzip+b64" => {
            layers::base64(content.as_bytes()).filter(|bytes| layers::is_gzip(bytes))
        }
        _ => Some(plain()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
