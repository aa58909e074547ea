//! Where a text says that files are to be written: the paths of `write_files`, by their look alone, as the
//! text may be YAML or JSON, either in a string of the other, or a pickle of both. What is taken for a path
//! and is none costs a look at a name that is not there.

use crate::document;
use std::collections::BTreeSet;

/// Of one text, and of one sweep.
const MOST: usize = 1000;
/// Words of one text that may begin one.
const MOST_LOOKS: usize = 20_000;
/// Of one name, and of a whole path, in bytes.
const LONGEST_NAME: usize = 255;
const LONGEST: usize = 4096;
/// Strings within strings.
const DEEPEST: usize = 3;

/// All paths that were met in a sweep; of a text without end not all are kept.
#[derive(Debug, Default)]
pub(super) struct Declared {
    paths: BTreeSet<String>,
    over: bool,
}

impl Declared {
    /// Adds these; says, once, that there are more than are kept.
    pub(super) fn add(&mut self, paths: &[String]) -> Option<String> {
        for path in paths {
            if self.paths.len() < MOST {
                self.paths.insert(path.clone());
            } else if !self.paths.contains(path) && !std::mem::replace(&mut self.over, true) {
                return Some(format!(
                    "of the files that cloud-init was told to write, only {MOST} are searched for"
                ));
            }
        }
        None
    }

    /// The paths.
    pub(super) fn take(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.paths)
    }
}

/// The paths in a text, each without detours.
pub(super) fn paths(text: &[u8]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for at in memchr::memmem::find_iter(text, b"path").take(MOST_LOOKS) {
        if found.len() >= MOST {
            break;
        }
        let end = text.len().min(at + LONGEST);
        if let Some(value) = value(&text[at + 4..end]) {
            let in_braces = || {
                let line = memchr::memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1);
                memchr::memrchr(b'{', &text[line.max(at.saturating_sub(LONGEST))..at]).is_some()
            };
            for text in value.texts(in_braces) {
                let mut text = text.to_vec();
                for _ in 0..=DEEPEST {
                    found.extend(absolute(&text));
                    if !text.contains(&b'\\') {
                        break;
                    }
                    text = unescaped(&text);
                }
            }
        }
    }
    found.into_iter().collect()
}

/// What stands behind a key.
enum Value<'a> {
    /// Between quotation marks.
    Quoted(&'a [u8]),
    /// To the end of the line at most.
    Plain(&'a [u8]),
}

/// The value of the key that `rest` follows, where it can be a path.
fn value(rest: &[u8]) -> Option<Value<'_>> {
    let skip = |at: usize, set: &[u8]| at + rest[at..].iter().take_while(|byte| set.contains(byte)).count();
    let colon = skip(skip(skip(0, b"\\"), b"\"'"), b" \t");
    rest.get(colon).filter(|byte| **byte == b':')?;
    let begin = skip(colon + 1, b" \t\r\n");
    let mark = skip(begin, b"\\");
    let inner = rest.get(mark + 1..).unwrap_or_default();
    let value =
        match rest.get(mark)? {
            // As many backslashes as before the first mark stand before the last.
            b'"' => Value::Quoted(up_to(inner, b'"', |run| {
                if mark == begin { run % 2 == 0 } else { run == mark - begin }
            })),
            b'\'' => Value::Quoted(up_to(inner, b'\'', |_| true)),
            _ => {
                Value::Plain(rest[begin..].split(|byte| b"\r\n\0".contains(byte)).next().unwrap_or_default())
            }
        };
    let (Value::Quoted(text) | Value::Plain(text)) = &value;
    (text.get(skip_backslashes(text)) == Some(&b'/')).then_some(value)
}

fn skip_backslashes(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b'\\').count()
}

/// What comes before the mark; `is_end` is asked with the number of backslashes before it.
fn up_to(text: &[u8], mark: u8, is_end: impl Fn(usize) -> bool) -> &[u8] {
    let mut run = 0;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == mark && mark == b'\'' && text.get(at + 1) == Some(&mark) {
            at += 1;
        } else if *byte == mark && is_end(run) {
            return &text[..at];
        }
        run = if *byte == b'\\' { run + 1 } else { 0 };
        at += 1;
    }
    // A mark that is not closed closes with the line.
    text.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

impl<'a> Value<'a> {
    /// The texts that can be meant.
    fn texts(&self, in_braces: impl Fn() -> bool) -> Vec<&'a [u8]> {
        let before = |text: &'a [u8], end: &[u8]| {
            memchr::memmem::find(text, end).map_or(text, |at| &text[..at]).trim_ascii_end()
        };
        match self {
            Value::Quoted(text) => vec![text],
            Value::Plain(text) => {
                // The line's end may be one that is written as two characters.
                let text = before(before(before(text, b"\\n"), b" #"), b": ");
                let short = text.split(|byte| b",}]\"'".contains(byte)).next().unwrap_or_default();
                let short = short.trim_ascii_end();
                if in_braces() { vec![short] } else { vec![text, short] }
            }
        }
    }
}

/// One level of escapes taken off, of those that JSON, YAML and a doubled quotation mark have in common.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        match bytes.next() {
            Some(kind @ (b'u' | b'x')) => {
                let digits: Vec<u8> = bytes.by_ref().take(if kind == b'u' { 4 } else { 2 }).collect();
                let code = std::str::from_utf8(&digits).ok();
                let code = code.and_then(|digits| u32::from_str_radix(digits, 16).ok());
                let letter = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
                plain.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(b'n') => plain.push(b'\n'),
            Some(b't') => plain.push(b'\t'),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

/// A path as cloud-init goes there, where it is one.
fn absolute(text: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
    if !text.starts_with('/') || text.contains('\0') {
        return Vec::new();
    }
    // A link wherever there is a systemd, and none is followed.
    let path = document::written_at(text);
    let path = path.strip_prefix("/var").filter(|rest| rest.starts_with("/run/")).unwrap_or(&path);
    let fits = path.len() > 1 && path.split('/').all(|name| name.len() <= LONGEST_NAME);
    let mut paths = Vec::new();
    if fits {
        // In YAML a mark that is doubled is one.
        if path.contains("''") {
            paths.push(path.replace("''", "'"));
        }
        paths.push(path.to_owned());
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_every_way_to_write_them() {
        #[rustfmt::skip]
        let rows: [(&str, &[&str]); 32] = [
            ("- path: /opt/x\n  content: a",                          &["/opt/x"]),
            ("- path:    /opt/x   # a comment\n",                     &["/opt/x"]),
            ("- path: /opt/x\r\n",                                    &["/opt/x"]),
            ("- path:\n    /opt/x\n",                                 &["/opt/x"]),
            ("- path: /opt/some where/x\n",                           &["/opt/some where/x"]),
            ("- path: /opt/*/x\n",                                    &["/opt/*/x"]),
            ("- path: /opt/x*",                                       &["/opt/x*"]),
            ("- path: \"/opt/some where/x\"\n",                       &["/opt/some where/x"]),
            ("- path: '/opt/some where/x, y'\n",                      &["/opt/some where/x, y"]),
            ("- path: '/opt/it''s'\n",                                &["/opt/it''s", "/opt/it's"]),
            ("- path: \"/opt/\\u00e9\\\"\\x41\"\n",                   &["/opt/\\u00e9\\\"\\x41", "/opt/é\"A"]),
            ("- {path: /opt/x, content: abc}\n",                      &["/opt/x"]),
            ("- {content: abc, path: /opt/x}\n",                      &["/opt/x"]),
            ("- path: /opt/a, b\n",                                   &["/opt/a", "/opt/a, b"]),
            ("  path: /opt/x, content: abc}\n",                       &["/opt/x", "/opt/x, content"]),
            (r#"{"path": "/opt/x", "content": "a"}"#,                 &["/opt/x"]),
            (r#"{"path":"\/opt\/x y"}"#,                              &["/opt/x y"]),
            (r#"{"user-data": "{\"path\": \"/opt/x y\", \"content\": \"a\"}"}"#, &["/opt/x y"]),
            (r#"{"user-data": "{\"path\":\"\\\/opt\\\/x\"}"}"#,       &["/opt/x"]),
            (r#""{\\\"path\\\": \\\"/opt/x\\\"}""#,                   &["/opt/x"]),
            (r#"{"user-data": "write_files:\n- path: /opt/x\n  content: a\n"}"#, &["/opt/x"]),
            (r#"{"user-data": "- {path: /opt/x, content: a}\n"}"#,    &["/opt/x"]),
            (r#""- path: \"/opt/x y\"\n""#,                           &["/opt/x y"]),
            ("'path': '/opt/x',",                                     &["/opt/x"]),
            ("path : /opt/x",                                         &["/opt/x"]),
            ("path: /opt//./y/../x/\n",                               &["/opt/x"]),
            ("path: opt/x\npath /opt/x\npath: 7\npath:\n",            &[]),
            ("path: /var/run/x\n",                                   &["/run/x"]),
            ("path: /var/running/x\n",                               &["/var/running/x"]),
            ("path: /\n",                                             &[]),
            ("path: \"/opt/x\ncontent: a secret\n",                   &["/opt/x"]),
            ("path: '/opt/x\ncontent: a secret\n",                    &["/opt/x"]),
        ];
        for (text, expected) in rows {
            let found = paths(text.as_bytes());
            // What is left of the escapes is looked for as well.
            for path in expected {
                assert!(found.iter().any(|found| found == path), "{text}: {found:?} lacks {path}");
            }
            let odd = |path: &&String| !expected.contains(&path.as_str()) && !path.contains('\\');
            assert_eq!(found.iter().find(odd), None, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_text_without_end_is_bounded() {
        let text: String = (0..5000).map(|number| format!("- path: /opt/{number}\n")).collect();
        assert!(paths(text.as_bytes()).len() <= MOST + 1);
        assert_eq!(paths(format!("path: /opt/{}", "x".repeat(300)).as_bytes()), Vec::<String>::new());
        let mut declared = Declared::default();
        let many: Vec<String> = (0..MOST + 2).map(|number| format!("/{number}")).collect();
        assert_eq!(declared.add(&many[..MOST]), None);
        assert_eq!(declared.add(&many[..1]), None, "it is known");
        assert!(declared.add(&many[MOST..]).is_some());
        assert_eq!(declared.add(&many[MOST..]), None, "it is said once");
        assert_eq!(declared.take().len(), MOST);
    }
}
