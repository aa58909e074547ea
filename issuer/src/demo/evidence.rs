//! Looking for evidence: what lies on disk, what stands in the audit log, what the cluster says, and
//! whether the token is anywhere.

use super::{DemoError, say};
use crate::cluster::kubernetes::TOKEN_ALREADY_USED;
use crate::files;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use worker_bootstrap::token::Token;
use zeroize::Zeroizing;

const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// What holds and what does not.
#[derive(Debug, Default)]
pub struct Checks(Vec<(&'static str, bool, String)>);

impl Checks {
    /// One more claim, whether it held, and what was seen.
    pub fn add(&mut self, claim: &'static str, held: bool, seen: &str) {
        self.0.push((claim, held, seen.to_owned()));
    }

    /// Prints the table. True when everything held.
    pub fn print(&self) -> Result<bool, DemoError> {
        let width = self.0.iter().map(|(claim, ..)| claim.len()).max().unwrap_or_default();
        for (claim, held, seen) in &self.0 {
            let word = if *held { "ok" } else { "FAILED" };
            say(&format!("  {claim:width$}  {word:6}  {seen}"))?;
        }
        Ok(self.0.iter().all(|(_, held, _)| *held))
    }
}

/// The forms in which the secret part of a token can lie somewhere: plain, and inside base64 at each
/// of the three alignments.
pub struct Needle(Vec<Zeroizing<Vec<u8>>>);

impl fmt::Debug for Needle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Needle(<redacted>)")
    }
}

/// What a search saw.
#[derive(Debug, Default)]
pub struct Found {
    /// Files that hold the token.
    pub places: Vec<PathBuf>,
    /// How many files were read.
    pub files: usize,
}

impl Needle {
    /// The needle of this token.
    pub fn new(token: &Token) -> Needle {
        let secret = token.secret_half().as_bytes();
        let mut forms = vec![Zeroizing::new(secret.to_vec())];
        // Only the digits that depend on the secret alone: of each group of three bytes the first are
        // shared with what stands before, the last with what follows.
        for (before, shared) in [(0, 0), (1, 2), (2, 3)] {
            let mut padded = Zeroizing::new(vec![0u8; before]);
            padded.extend_from_slice(secret);
            let digits = Zeroizing::new(STANDARD_NO_PAD.encode(padded.as_slice()));
            let whole = padded.len() * 8 / 6;
            forms.push(Zeroizing::new(digits.as_bytes()[shared..whole].to_vec()));
        }
        Needle(forms)
    }

    /// Whether these bytes hold it.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
    }

    /// Reads every file below a directory.
    pub fn search(&self, directory: &Path) -> Result<Found, DemoError> {
        let mut found = Found::default();
        for file in files(directory)? {
            if !file.link {
                found.files += 1;
                if self.is_in(&files::read(&directory.join(&file.path), LARGEST_FILE)?) {
                    found.places.push(file.path);
                }
            }
        }
        Ok(found)
    }
}

/// A file below a directory.
#[derive(Debug)]
pub struct Seen {
    /// Its path below it.
    pub path: PathBuf,
    /// Its permissions.
    pub mode: u32,
    link: bool,
    size: u64,
}

impl Seen {
    /// Whether it holds a key or the way to one.
    pub fn is_secret(&self) -> bool {
        let name = self.path.to_string_lossy();
        !self.link && (name.ends_with(".pem") || name.ends_with(".key") || name.ends_with("kubelet.conf"))
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.link {
            true => write!(f, "link       -  /{}", self.path.display()),
            false => write!(f, "{:04o} {:>7}  /{}", self.mode, self.size, self.path.display()),
        }
    }
}

/// All files and links below a directory, by name.
pub fn files(directory: &Path) -> io::Result<Vec<Seen>> {
    let mut seen = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(current) = open.pop() {
        for entry in std::fs::read_dir(current)? {
            let path = entry?.path();
            let metadata = path.symlink_metadata()?;
            if metadata.is_dir() {
                open.push(path);
                continue;
            }
            let below = path.strip_prefix(directory).unwrap_or(&path).to_path_buf();
            let mode = metadata.permissions().mode() & 0o7777;
            seen.push(Seen { path: below, mode, link: metadata.is_symlink(), size: metadata.len() });
        }
    }
    seen.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(seen)
}

/// The requests of the agent, from the audit log.
#[derive(Debug, Default)]
pub struct Traffic {
    lines: Vec<String>,
    /// Requests made with the token.
    pub with_token: usize,
    /// Requests made with the node's certificate.
    pub as_node: usize,
}

impl Traffic {
    /// Reads the log.
    pub fn read(log: &Path) -> Result<Traffic, DemoError> {
        let mut traffic = Traffic::default();
        let text = files::read(log, LARGEST_FILE)?;
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let event: Value = serde_json::from_slice(line).unwrap_or_default();
            let part = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            // A watch has two lines; its first is the request.
            if part("/userAgent").starts_with("bootstrap-issuer")
                || (part("/verb") == "watch" && part("/stage") == "ResponseComplete")
            {
                continue;
            }
            let user = part("/user/username");
            traffic.with_token += usize::from(user.starts_with("system:bootstrap:"));
            traffic.as_node += usize::from(user.starts_with("system:node:"));
            let path = part("/requestURI").split('?').next().unwrap_or_default();
            let code = &event["responseStatus"]["code"];
            traffic.lines.push(format!("{code}  {user:<26} {:<6} {path}", part("/verb")));
        }
        Ok(traffic)
    }

    /// One line for each request.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// The user that a refusal names: `... User "NAME" cannot ...`.
pub fn user_named(message: &str) -> Option<&str> {
    message.split_once("User \"")?.1.split_once('"').map(|(name, _)| name)
}

/// What the cluster said to the request that it denied for the token's sake.
pub fn denial(list: &Value) -> Option<String> {
    let conditions =
        list["items"].as_array()?.iter().filter_map(|item| item["status"]["conditions"].as_array());
    let denied =
        conditions.flatten().find(|one| one["type"] == "Denied" && one["reason"] == TOKEN_ALREADY_USED)?;
    denied["message"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use worker_bootstrap::secret::Secret;

    fn token(text: &str) -> Token {
        Token::parse(Secret::new(text.to_owned())).unwrap()
    }

    #[test]
    fn the_needle_finds_every_form_of_the_token() {
        let mine = token("abcdef.0123456789abcdef");
        let needle = Needle::new(&mine);
        let whole = mine.bearer().expose();
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{whole}xyz");
            assert!(needle.is_in(text.as_bytes()), "plain after {before:?}");
            assert!(needle.is_in(STANDARD_NO_PAD.encode(&text).as_bytes()), "base64 after {before:?}");
        }
        let other = token("abcdef.fedcba9876543210");
        assert!(!needle.is_in(other.bearer().expose().as_bytes()));
        assert!(!needle.is_in(STANDARD_NO_PAD.encode(other.bearer().expose()).as_bytes()));
    }
}
