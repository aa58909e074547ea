//! What stands in the document.

use super::Scene;

type Row = (&'static str, fn(&Scene) -> Vec<u8>, i32, &'static str, &'static str);

fn good(scene: &Scene) -> String {
    scene.document(3600)
}

fn with(scene: &Scene, from: &str, to: &str) -> Vec<u8> {
    let text = good(scene);
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1).into()
}

fn expiring(scene: &Scene, when: &str) -> Vec<u8> {
    let text = good(scene);
    let lines = text.lines().map(|line| {
        if line.starts_with("expiresAt") { format!("expiresAt: {when}\n") } else { format!("{line}\n") }
    });
    lines.collect::<String>().into()
}

fn more(scene: &Scene, text: &str) -> Vec<u8> {
    format!("{}{text}", good(scene)).into()
}

fn bomb(scene: &Scene) -> Vec<u8> {
    let mut text = "kubelet:\n  config:\n    a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        text += &format!("    a{level}: &a{level} [{}]\n", [alias.as_str(); 9].join(", "));
    }
    more(scene, &text)
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("empty",             |_| Vec::new(),                                   3, "bootstrap_not_found", "empty"),
    ("blank",             |_| b" \n\t\n".to_vec(),                          3, "bootstrap_not_found", "empty"),
    ("2 MiB",             |s| more(s, &format!("# {}", "x".repeat(2 << 20))), 4, "document_too_large", "1048576 bytes"),
    ("invalid UTF-8",     |s| [good(s).as_bytes(), b"# \xff\xfe\n"].concat(), 4, "document_invalid", "UTF-8"),
    ("unknown field",     |s| more(s, "expires: 1\n"),                      4, "document_invalid", "line 8, column 1: expires: unknown field"),
    ("duplicate key",     |s| more(s, &format!("token: {}\n", s.token.text())), 4, "document_invalid", "the key token stands here twice"),
    ("alias bomb",        bomb,                                             4, "document_too_large", ""),
    ("deep, flow",        |s| more(s, &format!("kubelet: {{config: {{x: {}", "[".repeat(10_000))), 4, "document_too_large", "64 levels"),
    ("deep, block",       |s| more(s, &format!("kubelet:\n  config:\n    x:\n     {}1\n", "- ".repeat(10_000))), 4, "document_too_large", "64 levels"),
    ("apiVersion",        |s| with(s, "v1alpha1", "v9"),                    4, "document_invalid", "apiVersion: expected bootstrap.akua.dev/v1alpha1"),
    ("kind",              |s| with(s, "WorkerBootstrap", "Pod"),            4, "document_invalid", "kind: expected WorkerBootstrap"),
    ("upper-case token",  |s| with(s, &s.token.id, "ABCDEF"),               4, "document_invalid", "token: expected a bootstrap token"),
    ("short token",       |s| with(s, &s.token.id, "abc"),                  4, "document_invalid", "token: expected a bootstrap token"),
    ("token, line end",   |s| with(s, &s.token.text(), &format!("\"{}\\n\"", s.token.text())), 4, "document_invalid", "token: expected a bootstrap token"),
    ("no certificate",    |s| with(s, "caCertHashes: [", "certificateAuthorityData: aGVsbG8= # ["), 4, "document_invalid", "CA certificates in PEM"),
    ("short hash",        |s| with(s, "sha256:abab", "sha256:ab"),          4, "document_invalid", "caCertHashes[0]: expected sha256: and 64"),
    ("http",              |s| with(s, "https://", "http://"),               4, "document_invalid", "cluster.servers[0]: expected https://HOST:PORT"),
    ("user and password", |s| with(s, "https://", "https://user:word@"),    4, "document_invalid", "without user, password"),
    ("expired",           |s| s.document(-60).into(),                       5, "token_expired", "expired 1 min"),
    ("expiry 0",          |s| expiring(s, "0"),                             4, "document_invalid", "expiresAt: expected Unix seconds"),
    ("expiry far",        |s| expiring(s, "99999999999"),                   4, "document_invalid", "expiresAt: expected"),
    ("milliseconds",      |s| expiring(s, "1790000000000"),                 4, "document_invalid", "not milliseconds"),
];

#[test]
fn a_bad_document_is_named_and_nothing_else_happens() {
    for (case, text, exit, reason, says) in ROWS {
        let scene = Scene::new();
        let path = scene.machine.path(super::DOCUMENT);
        scene.deliver("");
        std::fs::write(&path, text(&scene)).unwrap();
        scene.refuses(case, &["run"], b"", (*exit, reason, says));
        scene.nobody_was_asked(case);
    }
}
