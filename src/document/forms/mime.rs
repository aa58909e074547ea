//! Multipart messages as cloud-init takes them and stores them (`user-data.txt.i`): RFC 2045 and 2046 as far
//! as its own `write-mime-multipart` and Python's `email` write them. Strict where leniency would cut a
//! document short: a part without its closing boundary is a fault.

use super::Said;
use super::layers;
use crate::secret::SecretBytes;

const DEEPEST: usize = 5;
const MOST_LEAVES: usize = 200;
const LARGEST_HEAD: usize = 64 * 1024;
/// Where cloud-init looks for the header that makes a text a message.
const HEAD: usize = 4096;

/// One part that is no multipart itself, decoded.
pub(super) struct Leaf {
    pub(super) said: Said,
    pub(super) body: SecretBytes,
}

/// Whether a text is a message, by its first lines.
pub(super) fn is_message(text: &str) -> bool {
    let head = String::from_utf8_lossy(&text.as_bytes()[..text.len().min(HEAD)]).to_ascii_lowercase();
    let first = head.trim_start();
    let begins = ["content-type:", "mime-version:", "from "].iter().any(|name| first.starts_with(name));
    begins && (head.contains("mime-version:") || first.starts_with("content-type: multipart/"))
}

/// All leaves, in order.
pub(super) fn leaves(text: &str) -> Result<Vec<Leaf>, &'static str> {
    let mut leaves = Vec::new();
    entity(text.trim_start(), 0, &mut leaves)?;
    Ok(leaves)
}

fn entity(text: &str, depth: usize, leaves: &mut Vec<Leaf>) -> Result<(), &'static str> {
    if depth >= DEEPEST || leaves.len() >= MOST_LEAVES {
        return Err("expected at most 5 levels and 200 parts of MIME");
    }
    let head = Head::read(text)?;
    if head.kind.starts_with("multipart/") {
        let boundary = head.boundary.ok_or("expected a boundary in the header of a multipart message")?;
        for part in parts(head.body, &boundary)? {
            entity(part, depth + 1, leaves)?;
        }
        return Ok(());
    }
    let body = match head.encoding.as_str() {
        "base64" => layers::base64(head.body.as_bytes()).ok_or("expected base64 in a part that says so")?,
        "quoted-printable" => {
            quoted_printable(head.body).ok_or("expected quoted-printable in a part that says so")?
        }
        "" | "7bit" | "8bit" | "binary" => SecretBytes::new(head.body.as_bytes().to_vec()),
        _ => return Err("expected a part in 7bit, 8bit, binary, base64 or quoted-printable"),
    };
    leaves.push(Leaf { said: said(&head.kind), body });
    Ok(())
}

/// cloud-init's types (`cloudinit/handlers/__init__.py`); for all others it goes by the content.
fn said(kind: &str) -> Said {
    match kind {
        "text/cloud-config" => Said::CloudConfig,
        "text/cloud-config-archive" => Said::Archive,
        "text/x-include-url" | "text/x-include-once-url" => Said::Include,
        "text/jinja2" => Said::Template,
        "text/cloud-boothook" => Said::Script,
        "text/part-handler" | "text/upstart-job" | "text/cloud-config-jsonp" => Said::Other,
        kind if kind.starts_with("text/x-shellscript") => Said::Script,
        _ => Said::Nothing,
    }
}

struct Head<'a> {
    kind: String,
    boundary: Option<String>,
    encoding: String,
    body: &'a str,
}

impl<'a> Head<'a> {
    fn read(text: &'a str) -> Result<Self, &'static str> {
        let (mut kind, mut boundary, mut encoding) = ("text/plain".to_owned(), None, String::new());
        let mut at = 0;
        let mut header = String::new();
        for line in text.split_inclusive('\n') {
            at += line.len();
            if at > LARGEST_HEAD {
                return Err("expected a header of at most 64 KiB");
            }
            let folded = line.starts_with([' ', '\t']) && !line.trim().is_empty();
            if !folded && let Some((name, value)) = header.split_once(':') {
                match name.trim().to_ascii_lowercase().as_str() {
                    "content-type" => {
                        let first = value.split(';').next().unwrap_or_default();
                        kind = first.trim().to_ascii_lowercase();
                        boundary = parameter(value, "boundary");
                    }
                    "content-transfer-encoding" => encoding = value.trim().to_ascii_lowercase(),
                    _ => {}
                }
            }
            if line.trim().is_empty() {
                return Ok(Head { kind, boundary, encoding, body: &text[at..] });
            }
            if !folded {
                header.clear();
            }
            header.push_str(line.trim_end());
        }
        Err("expected an empty line after the header of a MIME part")
    }
}

/// The parameter of a header value, in quotes or not.
fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
    })
}

/// What stands between the boundaries; the line end before a boundary belongs to it.
fn parts<'a>(body: &'a str, boundary: &str) -> Result<Vec<&'a str>, &'static str> {
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let Some(rest) = line.strip_prefix("--").and_then(|line| line.strip_prefix(boundary)) else {
            continue;
        };
        let ends = match rest.trim_end() {
            "" => false,
            "--" => true,
            _ => continue,
        };
        if let Some(from) = begun {
            let part = &body[from..start];
            let part = part.strip_suffix('\n').map_or(part, |part| part.strip_suffix('\r').unwrap_or(part));
            parts.push(part);
        }
        if ends {
            return Ok(parts);
        }
        if parts.len() >= MOST_LEAVES {
            return Err("expected at most 5 levels and 200 parts of MIME");
        }
        begun = Some(at);
    }
    Err("expected a MIME message with its last boundary: this one is cut off")
}

/// RFC 2045, 6.7.
fn quoted_printable(text: &str) -> Option<SecretBytes> {
    let mut plain = SecretBytes::new(Vec::with_capacity(text.len()));
    let mut bytes = text.bytes();
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    while let Some(byte) = bytes.next() {
        if byte != b'=' {
            plain.push(byte);
            continue;
        }
        match bytes.next()? {
            b'\n' => {}
            b'\r' => {
                bytes.next().filter(|next| *next == b'\n')?;
            }
            high => {
                let low = bytes.next()?;
                plain.push(digit(high)? << 4 | digit(low)?);
            }
        }
    }
    Some(plain)
}
