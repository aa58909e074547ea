//! The document as text, for whoever issues one: what is written is read back as the same.
//!
//! One line per field, `field: ` and its value in JSON, which is YAML as well. All of it is printable
//! ASCII without `!`: no character of it means anything to a terminal, to a shell's history or to a YAML
//! reader of any version, and no line can be taken for the end of a here-document.

use super::Document;
use super::native::Native;
use crate::secret::Secret;
use crate::token::Token;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};
use std::io::{self, Write};

/// Writes a document with its token.
///
/// # Panics
/// Never: everything a document can hold can be written.
pub fn write(document: &Document, token: &Token) -> Secret {
    let mut text = Vec::with_capacity(4096);
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, Lines::default());
    let written = Native::of(document, token).serialize(&mut serializer);
    let text = written.ok().and_then(|()| String::from_utf8(text).ok());
    #[expect(clippy::expect_used, reason = "memory takes every byte, and the keys of all maps are text")]
    Secret::new(text.expect("a document can be written"))
}

/// JSON, but for the outermost object: its fields stand on lines of their own, without braces and quotes.
#[derive(Default)]
struct Lines {
    depth: usize,
    in_field: bool,
}

impl Lines {
    fn is_plain(&self) -> bool {
        self.in_field && self.depth == 1
    }
}

impl Formatter for Lines {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        if self.depth == 1 { Ok(()) } else { writer.write_all(b"{") }
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(if self.depth == 0 { b"\n" } else { b"}" })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.in_field = true;
        match (first, self.depth) {
            (true, _) => Ok(()),
            (false, 1) => writer.write_all(b"\n"),
            (false, _) => writer.write_all(b", "),
        }
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.in_field = false;
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_plain() { Ok(()) } else { writer.write_all(b"\"") }
    }

    fn end_string<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_plain() { Ok(()) } else { writer.write_all(b"\"") }
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, text: &str) -> io::Result<()> {
        for c in text.chars() {
            if (c.is_ascii_graphic() && c != '!') || c == ' ' {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bootstrap, parse};
    use super::*;
    use base64::Engine;
    use serde_json::{Value, json};

    /// What a cluster's administrator could write into a fragment, by mistake or by malice.
    const NASTY: [&str; 22] = [
        "",
        " ",
        "'",
        "\"",
        "\\",
        "$(id)",
        "`id`",
        "!!",
        "#",
        "%",
        "@DOCUMENT@",
        ": ",
        "- ",
        "null",
        "1e3",
        "yes",
        "END_OF_DOCUMENT",
        "a\nEND_OF_DOCUMENT\nid\n",
        "\r\t\u{8}\u{c}\0\u{7f}",
        "\u{1b}[201~id\n",
        "\u{85}\u{2028}\u{2029}\u{feff}",
        "😀é",
    ];

    fn full() -> String {
        let pins = "ab".repeat(32);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap();
        let authority = base64::engine::general_purpose::STANDARD.encode(authority.pem());
        format!(
            "{{apiVersion: bootstrap.akua.dev/v1alpha1, kind: WorkerBootstrap, expiresAt: 1790000000,\n\
             metadata: {{id: wbs_01, clusterId: clu_01}}, token: abcdef.0123456789abcdef,\n\
             cluster: {{servers: ['https://a.example/it''s', 'https://[2001:db8::1]:6443'], caCertHashes: ['sha256:{pins}']}},\n\
             node: {{name: a, ip: '2001:db8::2', providerId: 'cloud://a/!b', labels: {{a: b, c/d: ''}},\n\
             taints: [{{key: a, value: b, effect: NoExecute}}, {{key: a, effect: NoSchedule}}]}},\n\
             packages: {{require: [{{name: a}}, {{name: b, version: '>=1, <2'}}]}},\n\
             kubelet: {{version: '1.28', extraArgs: {{v: '2', x: 'a=b!'}}, config: {{}}}},\n\
             join: {{waitFor: credential, timeout: 1h1m1s}},\n\
             report: {{url: 'https://a.example/v1/reports/wbs_01', certificateAuthorityData: {authority}}}}}"
        )
    }

    fn again(bootstrap: &Bootstrap) -> (Bootstrap, Secret) {
        let text = write(&bootstrap.document, &bootstrap.token);
        let read = parse(text.expose().as_bytes(), "a.yaml");
        (read.unwrap_or_else(|failure| panic!("{}: {}", failure.line(), text.expose())), text)
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let values =
            json!([0, -1, u64::MAX, i64::MIN, 1.5, 1e300, 1e16, 0.1, true, null, [], {}, [[{"a": [1]}]]]);
        let nasty: Value = NASTY.iter().map(|text| ((*text).to_owned(), json!([text]))).collect();
        for config in [json!({}), json!({"a": values}), nasty] {
            let mut bootstrap = parse(full().as_bytes(), "a.yaml").unwrap();
            bootstrap.document.kubelet.config = config.as_object().unwrap().clone();
            let (read, text) = again(&bootstrap);
            assert_eq!(read.document, bootstrap.document, "{}", text.expose());
            assert_eq!(read.token.bearer().expose(), bootstrap.token.bearer().expose());
            let clean = |c: char| (c.is_ascii_graphic() && c != '!') || c == ' ' || c == '\n';
            assert!(text.expose().chars().all(clean), "{}", text.expose());
            for line in text.expose().lines() {
                let field = line.split_once(": ").map(|(field, _)| field);
                assert!(field.is_some_and(|field| field.bytes().all(|b| b.is_ascii_alphabetic())), "{line}");
            }
        }
    }

    #[test]
    fn what_need_not_be_said_is_not() {
        let least = "apiVersion: bootstrap.akua.dev/v1alpha1\nkind: WorkerBootstrap\nexpiresAt: 1790000000\n\
            token: abcdef.0123456789abcdef\ncluster: {servers: ['https://a.example'], caCertHashes: ['sha256:PIN']}\n"
            .replace("PIN", &"ab".repeat(32));
        let (read, text) = again(&parse(least.as_bytes(), "a.yaml").unwrap());
        let fields: Vec<&str> = text.expose().lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(fields, ["apiVersion", "kind", "expiresAt", "token", "cluster", "join"]);
        assert!(read.document.id.is_none());
    }
}
