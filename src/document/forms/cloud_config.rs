//! A `#cloud-config`: the files it writes and the commands it runs (cloud-init `config/cc_write_files.py`,
//! `config/cc_runcmd.py`, `config/cc_bootcmd.py`). Everything else in it is somebody else's.

use super::{Carried, Said, TokenIn, Walk, join, layers, shell};
use crate::secret::{Secret, SecretBytes};
use crate::yaml;
use serde_json::Value;

/// A file that the configuration writes.
struct File {
    path: String,
    /// Where the entry stands that wrote last.
    place: String,
    content: SecretBytes,
}

pub(super) fn walk(walk: &mut Walk, text: &str, place: &str, depth: usize) {
    let config: Value = match yaml::read(text.as_bytes()) {
        Ok(config) => config,
        // cloud-init would not take it either; where a document of ours is in it, it is meant.
        Err(fault) if super::names_our_version(text) => return walk.piece(place, Carried::Refused(fault)),
        Err(fault) => return walk.fault(place, fault),
    };
    let files = written(walk, list(&config["write_files"]), place);
    for file in &files {
        walk.text(&file.content, Said::Nothing, &file.place, depth + 1);
    }
    let before = walk.out.pieces.len();
    for key in ["bootcmd", "runcmd"] {
        run(walk, list(&config[key]), &join(place, key));
    }
    // A command may take its token from a file that stands right here.
    for piece in &mut walk.out.pieces[before..] {
        if let Carried::Join(join) = &mut piece.carried
            && let TokenIn::File(path) = &join.token
            && let path = absolute(path)
            && let Some(file) = files.iter().find(|file| file.path == path)
        {
            join.token = TokenIn::text(&file.content);
        }
    }
}

/// The files as they are in the end: what was written to a path last, and what was appended to that. Those
/// that wait for the last stage are written behind all others.
fn written(walk: &mut Walk, entries: &[Value], place: &str) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let (late, early): (Vec<_>, Vec<_>) =
        entries.iter().enumerate().partition(|(_, entry)| is_true(&entry["defer"]));
    for (index, entry) in early.into_iter().chain(late) {
        let place = join(place, &format!("write_files[{index}]"));
        let content = match &entry["content"] {
            Value::String(content) => decoded(content, &entry["encoding"]),
            Value::Null if entry.is_object() => Some(SecretBytes::new(Vec::new())),
            _ => continue,
        };
        let Some(content) = content else {
            walk.trouble(&place, "expected content in the encoding that is named");
            continue;
        };
        let path = entry["path"].as_str().map(absolute).unwrap_or_default();
        let same = if path.is_empty() { None } else { files.iter().position(|file| file.path == path) };
        let Some(same) = same else {
            files.push(File { path, place, content });
            continue;
        };
        let before = files.remove(same);
        let content = if is_true(&entry["append"]) {
            SecretBytes::new([&before.content[..], &content[..]].concat())
        } else {
            content
        };
        files.push(File { path, place, content });
    }
    files
}

/// As cloud-init takes a setting for true (`util.py`, `TRUE_STRINGS`).
fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(it) => *it,
        Value::String(text) => {
            ["true", "1", "on", "yes"].contains(&text.trim().to_ascii_lowercase().as_str())
        }
        Value::Number(number) => number.as_u64() == Some(1),
        _ => false,
    }
}

/// A path of write_files without its detours, as cloud-init goes there: of two ways to write it both are one.
pub(in crate::document) fn absolute(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
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

/// Commands that are run one after the other, by one shell: what one of them opens or ends goes for those
/// behind it (cloud-init `util.py`, `shellify`).
fn run(walk: &mut Walk, entries: &[Value], place: &str) {
    let lines: Vec<(usize, Secret)> =
        entries.iter().enumerate().filter_map(|(index, entry)| Some((index, line(entry)?))).collect();
    let mut script = String::with_capacity(lines.iter().map(|(_, line)| line.expose().len() + 1).sum());
    let mut begin = Vec::new();
    let mut at = 1;
    for (index, line) in &lines {
        begin.push((at, *index));
        at += line.expose().matches('\n').count() as u64 + 1;
        script.push_str(line.expose());
        script.push('\n');
    }
    let script = Secret::new(script);
    let Ok(commands) = shell::commands(script.expose()) else {
        // It ends where the shell does not understand it, wherever that is.
        let doubt = "stopped at commands that together are no whole script";
        for (index, line) in &lines {
            walk.script(line.expose(), &format!("{place}[{index}]"), 0, Some(doubt));
        }
        return;
    };
    for mut command in commands {
        let found = begin.iter().rev().find(|(at, _)| *at <= command.line);
        let (at, index) = found.copied().unwrap_or((1, 0));
        command.line = command.line + 1 - at;
        walk.shell_command(&command, &format!("{place}[{index}]"), 0, None);
    }
}

/// One entry as the shell is given it; a list is quoted word by word.
fn line(entry: &Value) -> Option<Secret> {
    let quoted = |word: &Value| {
        let text = match word {
            Value::String(text) => text.replace('\'', "'\\''"),
            Value::Number(number) => number.to_string(),
            Value::Bool(true) => "True".to_owned(),
            Value::Bool(false) => "False".to_owned(),
            _ => return None,
        };
        Some(format!("'{text}'"))
    };
    match entry {
        Value::String(text) => Some(Secret::new(text.clone())),
        Value::Array(list) => {
            Some(Secret::new(list.iter().map(quoted).collect::<Option<Vec<_>>>()?.join(" ")))
        }
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
