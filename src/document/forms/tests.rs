//! What is taken for a bootstrap, in every form, and what is not.

use crate::document::{Bootstrap, Given, Text, UnixSeconds, is_carried_by, read, token_file};
use crate::failure::Failure;
use crate::reason::Reason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;

const TOKEN: &str = "abcdef.0123456789abcdef";

fn document() -> String {
    format!(
        "apiVersion: bootstrap.akua.dev/v1alpha1\nkind: WorkerBootstrap\nexpiresAt: 1790000000\ntoken: {TOKEN}\ncluster:\n  \
         servers: [\"https://203.0.113.10:6443\"]\n  caCertHashes: [\"sha256:{}\"]\n",
        "ab".repeat(32)
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// In lines of 60, as `base64` and mail programs write it.
fn lines(text: &str) -> String {
    text.as_bytes().chunks(60).map(|line| format!("{}\n", String::from_utf8_lossy(line))).collect()
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

fn writes(fields: &str) -> String {
    format!(
        "#cloud-config\nhostname: x\nwrite_files:\n- path: /etc/motd\n  content: hello\n- path: /run/x\n{fields}"
    )
}

fn block() -> String {
    writes(&format!("  content: |\n{}", indented(&document(), 4)))
}

fn runs(text: &str) -> String {
    format!("#cloud-config\nruncmd:\n- [systemctl, start, --no-block, x]\n- |\n{}", indented(text, 2))
}

fn mime(parts: &[(&str, &str, &str)]) -> String {
    let mut text =
        "Content-Type: multipart/mixed; boundary=\"==8==\"\nMIME-Version: 1.0\nNumber-Attachments: 1\n\n"
            .to_owned();
    for (kind, encoding, body) in parts {
        text += &format!(
            "--==8==\nContent-Type: {kind}; charset=\"utf-8\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: {encoding}\n\
             Content-Disposition: attachment;\n filename=\"part-001\"\n\n{body}\n"
        );
    }
    text + "--==8==--\n"
}

fn quoted_printable(text: &str) -> String {
    text.replace('=', "=3D").replace("kind: Worker", "kind: =\nWork=65r")
}

fn heredoc() -> String {
    format!(
        "(\n  set -eu; umask 077 # as root\n  d=$(mktemp -d) && trap 'rm -rf \"$d\"' EXIT\n  \
         [ \"$(uname -m)\" = x86_64 ] || exit 1\n  worker-bootstrap run --document - <<'END_OF_IT' 2>&1 | cat\n{}END_OF_IT\n)\n",
        document()
    )
}

fn kubeadm() -> String {
    format!(
        "kubeadm join 203.0.113.10:6443 --token {TOKEN} \\\n\t--discovery-token-ca-cert-hash sha256:{}",
        "ab".repeat(32)
    )
}

fn k0s_token() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let pem = rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap().pem();
    let kubeconfig = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://203.0.113.10:6443\n  name: k0s\n\
         contexts:\n- context:\n    cluster: k0s\n    user: kubelet-bootstrap\n  name: k0s\ncurrent-context: k0s\nkind: Config\npreferences: {{}}\n\
         users:\n- name: kubelet-bootstrap\n  user:\n    token: {TOKEN}\n",
        base64(pem.as_bytes())
    );
    base64(&gzip(kubeconfig.as_bytes()))
}

fn with(bytes: &[u8], token_file: Option<&[u8]>, given: &Given) -> Result<Bootstrap, Failure> {
    read(Text { bytes, is_token: false, token_file, given }, "a form")
}

fn endless() -> Given {
    Given { expires_at: Some(UnixSeconds::NEVER), ..Given::default() }
}

/// The forms that say everything themselves.
fn whole_forms() -> Vec<(&'static str, Vec<u8>)> {
    let plain = document();
    let json = serde_json::json!({
        "apiVersion": "bootstrap.akua.dev/v1alpha1", "kind": "WorkerBootstrap", "expiresAt": 1_790_000_000, "token": TOKEN,
        "cluster": {"servers": ["https://203.0.113.10:6443"], "caCertHashes": [format!("sha256:{}", "ab".repeat(32))]},
    });
    let script = format!("#!/bin/bash\ncat >/run/worker-bootstrap/bootstrap.yaml <<\"EOF\"\n{plain}EOF\n");
    let tabs: String = plain.lines().map(|line| format!("\t{line}\n")).collect();
    let mail = mime(&[
        ("text/cloud-config", "7bit", "#cloud-config\npackages: [jq]"),
        ("text/cloud-config", "7bit", &block()),
    ]);
    let nested = mail.replace("==8==", "==9==");
    let archive = format!(
        "#cloud-config-archive\n- type: text/cloud-config\n  content: |\n    a: b\n- |\n{}",
        indented(&block(), 2)
    );
    vec![
        ("plain", plain.clone().into()),
        ("comments first", format!("# our own\n\n---\n{plain}").into()),
        ("byte order mark", format!("\u{feff}{plain}").into()),
        ("JSON", json.to_string().into()),
        ("gzip", gzip(plain.as_bytes())),
        ("base64", base64(plain.as_bytes()).into()),
        ("base64 in lines", lines(&base64(plain.as_bytes())).into()),
        ("base64 of gzip", base64(&gzip(plain.as_bytes())).into()),
        ("write_files", block().into()),
        ("write_files, upper case", block().replacen("#cloud-config", "#Cloud-Config", 1).into()),
        (
            "write_files, b64",
            writes(&format!("  encoding: b64\n  content: {}\n", base64(plain.as_bytes()))).into(),
        ),
        (
            "write_files, base64",
            writes(&format!(
                "  encoding: Base64\n  content: |\n{}",
                indented(&lines(&base64(plain.as_bytes())), 4)
            ))
            .into(),
        ),
        (
            "write_files, gz+base64",
            writes(&format!("  encoding: gz+base64\n  content: {}\n", base64(&gzip(plain.as_bytes()))))
                .into(),
        ),
        (
            "write_files, gzip+b64",
            writes(&format!("  encoding: gzip+b64\n  content: {}\n", base64(&gzip(plain.as_bytes())))).into(),
        ),
        (
            "write_files, gzip",
            writes(&format!(
                "  encoding: gzip\n  content: !!binary |\n{}",
                indented(&lines(&base64(&gzip(plain.as_bytes()))), 4)
            ))
            .into(),
        ),
        (
            "write_files, binary",
            writes(&format!("  content: !!binary {}\n", base64(plain.as_bytes()))).into(),
        ),
        ("write_files, JSON", writes(&format!("  content: '{json}'\n")).into()),
        ("write_files, a script", writes(&format!("  content: |\n{}", indented(&script, 4))).into()),
        ("twice the same", format!("{}- path: /etc/x\n  content: '{json}'\n", block()).into()),
        ("runcmd", runs(&heredoc()).into()),
        (
            "runcmd, bash -c",
            format!("#cloud-config\nruncmd:\n- [bash, -euc, {}]\n", serde_json::json!(heredoc())).into(),
        ),
        ("bootcmd", runs(&heredoc()).replace("runcmd", "bootcmd").into()),
        ("MIME, 7bit", mail.clone().into()),
        ("MIME, CR LF", mail.replace('\n', "\r\n").into()),
        (
            "MIME, base64",
            mime(&[("text/cloud-config", "base64", &lines(&base64(block().as_bytes())))]).into(),
        ),
        (
            "MIME, quoted-printable",
            mime(&[("text/cloud-config", "quoted-printable", &quoted_printable(&block()))]).into(),
        ),
        (
            "MIME, no header line",
            mime(&[("text/cloud-config", "7bit", &block().replace("#cloud-config\n", ""))]).into(),
        ),
        ("MIME, not multipart", mime(&[("text/x-not-multipart", "7bit", &plain)]).into()),
        ("MIME, script", mime(&[("text/x-shellscript", "7bit", &script)]).into()),
        (
            "MIME, gzip part",
            mime(&[("application/gzip", "base64", &base64(&gzip(block().as_bytes())))]).into(),
        ),
        (
            "MIME in MIME",
            mime(&[("multipart/mixed; boundary===9==", "7bit", nested.split_once("\n\n").unwrap().1)]).into(),
        ),
        ("MIME, gzip", gzip(mail.as_bytes())),
        ("MIME, base64 of all", base64(&gzip(mail.as_bytes())).into()),
        ("archive", archive.into()),
        ("script", script.clone().into()),
        ("script, base64", base64(script.as_bytes()).into()),
        ("boothook", script.replacen("#!/bin/bash", "#cloud-boothook", 1).into()),
        ("script, <<-", format!("#!/bin/sh\ncat > x <<-'E'\n{tabs}\tE\n").into()),
        ("script, two here-documents", format!("#!/bin/sh\ncat <<A; cat <<'B'\n$(x)\nA\n{plain}B\n").into()),
        ("command", heredoc().into()),
        ("command, sudo", format!("sudo -E bash -c {}", sh_quoted(&heredoc())).into()),
    ]
}

fn sh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[test]
fn every_form_of_one_bootstrap_is_that_bootstrap() {
    let expected = with(document().as_bytes(), None, &Given::default()).unwrap();
    for (name, bytes) in whole_forms() {
        let found = with(&bytes, None, &Given::default());
        let found = found.unwrap_or_else(|failure| panic!("{name}: {}", failure.line()));
        assert!(found == expected, "{name}: {found:?}");
    }
}

#[test]
fn user_data_that_holds_one_is_told_from_user_data_that_holds_none() {
    for (name, bytes) in whole_forms() {
        if !name.starts_with("command") {
            assert_eq!(is_carried_by(&bytes), Ok(true), "{name}");
        }
    }
    for text in [
        "#cloud-config\npackages: [jq]\n",
        "#cloud-config\nwrite_files:\n- {path: /x, content: 'kind: WorkerBootstrap'}\nruncmd: [[kubeadm, init], 'kubeadm version', null, {a: b}]\n",
        "#cloud-config\nruncmd: kubeadm join\nwrite_files: 7\n",
        "#!/bin/sh\necho 'see bootstrap.akua.dev/docs'; kubeadm reset; k0s status; case x in y) ;; esac; ((1 << 2))\n",
        "#cloud-config\n",
        "plain words",
        "",
    ] {
        assert_eq!(is_carried_by(text.as_bytes()), Ok(false), "{text}");
    }
    for (text, says) in [
        ("#include\nhttps://example.com/x\n", "an #include"),
        ("## template: jinja\n#cloud-config\n", "a template"),
        ("#cloud-config\n\ta: {", "expected well-formed"),
        ("#!/bin/sh\necho 'x\n", "line 2, column 1: expected the other quotation mark"),
        ("#!/bin/sh\ncat <<E\n", "expected the end of a here-document"),
        ("Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n--x\n\n#cloud-config\n", "cut off"),
    ] {
        let fault = is_carried_by(text.as_bytes()).unwrap_err().to_string();
        assert!(fault.contains(says), "{text}: {fault}");
    }
}

#[test]
fn join_commands_are_understood() {
    let hash = format!("sha256:{}", "ab".repeat(32));
    let k0s = k0s_token();
    for (text, node) in [
        (kubeadm(), None),
        (
            format!(
                "kubeadm join --discovery-token-ca-cert-hash={hash} --token={TOKEN} -v 5 203.0.113.10:6443"
            ),
            None,
        ),
        (
            format!(
                "sudo /usr/bin/kubeadm join 203.0.113.10:6443 --token '{TOKEN}' --discovery-token-ca-cert-hash \"{hash}\" >/log 2>&1"
            ),
            None,
        ),
        (
            format!(
                "swapoff -a; if ! kubeadm join 203.0.113.10:6443 --tls-bootstrap-token {TOKEN} --discovery-token {TOKEN} --discovery-token-ca-cert-hash {hash} --node-name w-1; then exit 1; fi"
            ),
            Some("w-1"),
        ),
        (format!("k0s worker {k0s}"), None),
        (format!("LANG=C exec k0s worker \"{k0s}\" &"), None),
        (runs(&kubeadm()), None),
        (
            format!(
                "#cloud-config\nruncmd:\n- [kubeadm, join, '203.0.113.10:6443', --token, {TOKEN}, --discovery-token-ca-cert-hash, '{hash}']\n"
            ),
            None,
        ),
        (
            format!(
                "#cloud-config\nruncmd:\n- k0s install worker --token-file /etc/k0s/token\nwrite_files:\n- {{path: /etc/k0s/token, content: '{k0s}'}}\n"
            ),
            None,
        ),
        (format!("#!/bin/sh\n{}\n", kubeadm()), None),
    ] {
        let failure = with(text.as_bytes(), None, &Given::default()).unwrap_err();
        assert!(
            failure.line().contains("expected --expires-at TIME, or --no-expiry"),
            "{text}: {}",
            failure.line()
        );
        let found = with(text.as_bytes(), None, &endless());
        let found = found.unwrap_or_else(|failure| panic!("{text}: {}", failure.line()));
        assert_eq!(found.token.bearer().expose(), TOKEN, "{text}");
        assert_eq!(found.document.cluster.servers[0].to_string(), "https://203.0.113.10:6443", "{text}");
        assert_eq!(found.document.node.name.map(|name| name.to_string()).as_deref(), node, "{text}");
        assert_eq!(found.document.expires_at, UnixSeconds::NEVER);
    }
    let text = b"k0s install worker --token-file /etc/k0s/token";
    assert_eq!(token_file(text).as_deref(), Some("/etc/k0s/token"));
    assert!(with(text, None, &endless()).unwrap_err().line().contains("the file that --token-file names"));
    let found = with(text, Some(format!("{k0s}\n").as_bytes()), &endless()).unwrap();
    assert_eq!(found.token.bearer().expose(), TOKEN);
}

/// A path that is written twice holds what was written last, or what both wrote.
#[test]
fn of_a_path_that_is_written_twice_the_last_counts() {
    let good = document();
    let other = good.replace("1790000000", "1790000001");
    let (head, tail) = good.split_at(good.find("cluster:").unwrap());
    let file = |path: &str, content: &str, more: &str| {
        format!("- {{path: {path}, content: {}{more}}}\n", serde_json::json!(content))
    };
    #[rustfmt::skip]
    let rows: [(&str, String, Result<u64, &str>); 11] = [
        ("replaced",       file("/run/x", &other, "") + &file("/run/x", &good, ""),                       Ok(0)),
        ("replaced, path", file("/run/x", &other, "") + &file("//run/./y/../x", &good, ""),               Ok(0)),
        ("by its last",    file("/run/x", &good, "") + &file("/run/x", &other, ""),                       Ok(1)),
        ("appended",       file("/run/x", head, "") + &file("/run/x", tail, ", append: true"),            Ok(0)),
        ("appended, yes",  file("/run/x", head, "") + &file("/run/x", tail, ", append: 'Yes'"),           Ok(0)),
        ("not appended",   file("/run/x", head, "") + &file("/run/x", tail, ", append: false"),           Err("unknown field write_files")),
        ("twice too much", file("/run/x", &good, "") + &file("/run/x", &good, ", append: true"),          Err("stands here twice")),
        ("two paths",      file("/run/x", &other, "") + &file("/run/y", &good, ""),                       Err("write_files[0] and write_files[1] hold different bootstraps")),
        ("deferred",       file("/run/x", &good, ", defer: true") + &file("/run/x", &other, ""),          Ok(0)),
        ("emptied",        file("/run/x", &other, "") + "- {path: /run/x}\n" + &file("/run/y", &good, ""), Ok(0)),
        ("mistake, then not", file("/run/x", &good.replace("kind: W", "kind: w"), "") + &file("/run/x", &good, ""), Ok(0)),
    ];
    for (name, entries, expected) in rows {
        let text = format!("#cloud-config\nwrite_files:\n{entries}");
        let found = with(text.as_bytes(), None, &Given::default());
        match (found, expected) {
            (Ok(found), Ok(more)) => {
                assert_eq!(found.document.expires_at, UnixSeconds::new(1_790_000_000 + more), "{name}");
            }
            (Err(failure), Err(says)) => assert!(failure.line().contains(says), "{name}: {}", failure.line()),
            (found, expected) => panic!("{name}: {found:?}, {expected:?}"),
        }
    }
    let token = k0s_token();
    let text = format!(
        "#cloud-config\nruncmd: [k0s worker --token-file /etc/k0s/./token]\nwrite_files:\n- {{path: /etc/k0s/token, content: old}}\n- {{path: /etc//k0s/token, content: '{token}'}}\n"
    );
    assert_eq!(with(text.as_bytes(), None, &endless()).unwrap().token.bearer().expose(), TOKEN);
}

/// Whether a join runs is not guessed: what plainly does is taken, what only a shell could tell is refused.
#[test]
fn a_join_counts_where_it_runs_for_certain() {
    let runcmd = |entries: &[&str]| {
        let entries: Vec<_> = entries.iter().map(|entry| serde_json::json!(entry)).collect();
        format!("#cloud-config\nruncmd: {}\n", serde_json::Value::from(entries))
    };
    let join = kubeadm().replace("\\\n", "");
    let script = |text: &str| format!("#!/bin/sh\n{}\n", text.replace("JOIN", &join));
    let taken: Vec<String> = [
        "JOIN || exit 1",
        "JOIN && touch /done",
        "if ! JOIN; then\n  exit 1\nfi",
        "until JOIN; do sleep 5; done",
        "while ! JOIN\ndo\n  sleep 5\ndone",
        "yes | JOIN 2>&1 | tee -a /var/log/join",
        "{ swapoff -a; JOIN; } >/log 2>&1",
        "( set -e\n JOIN\n)",
        "exec >>/log 2>&1\nJOIN",
        "exec > >(tee -a /log) 2>&1; JOIN",
        "exec {log}>/log\nJOIN",
        "exec JOIN",
        "[ -f /etc/kubernetes/kubelet.conf ] && exit 0\nJOIN",
        "if [[ $(id -u) != 0 && -z $X ]]; then echo 'no: exit' >&2; exit 1; fi\nJOIN",
        "die() { echo \"$*\"; exit 1; }\nswapoff -a || die swap\nJOIN",
        "function log {\n  echo x\n}\nlog\nJOIN",
        "log ( )\n{\n  echo x\n}\nlog; JOIN",
        "case $(uname -m) in\n  x86_64|amd64) a=1 ;;\n  (arm64)\n a=2;;\n *) exit 1\nesac\nJOIN",
        "for ((i = 0; i < 3; i++)); do echo $i; done; JOIN",
        "for i do echo; done\nfor m in a b\ndo modprobe $m; done < <(ls)\nJOIN",
        "A=(if then)\nB=()\nA+=( fi\n) ; JOIN",
        "x=$(if true; then echo 1; fi) && y=1\n((y > 1)) || true\nJOIN",
        "a &&\n  b ||\n  c\nJOIN",
        "(exit 1)\nexit | cat\n{ exit; } | cat\nexit &\nJOIN",
        "echo exit; echo { ; echo fi\nJOIN",
        "cat <<E >/x\nexit\nif\nE\nJOIN",
        "nohup sh -c \"until JOIN; do sleep 2; done\" >>/log 2>&1 &",
        "JOIN || { sleep 30; JOIN; }",
        "if test -f x; then JOIN; fi; JOIN",
        "JOIN\nexit 0",
        "((echo a; exit); JOIN)",
    ]
    .into_iter()
    .map(script)
    .chain([
        runcmd(&["swapoff -a", &join, "exit 1"]),
        runcmd(&["if true; then", "echo x", "fi", &join]),
        format!("#cloud-config\nruncmd:\n- [sh, -c, 'exit 1']\n- [echo, if]\n- ['{{', x]\n- {join}\n"),
        format!("#cloud-config\nbootcmd: [exit]\nruncmd:\n- {join}\n"),
    ])
    .collect();
    for text in taken {
        let found = with(text.as_bytes(), None, &endless());
        let found = found.unwrap_or_else(|failure| panic!("{text}: {}", failure.line()));
        assert_eq!(found.token.bearer().expose(), TOKEN, "{text}");
    }
    let refused: Vec<(String, &str)> = [
        ("main() {\n  JOIN\n}\nmain \"$@\"", "line 3, column 1: kubeadm join: stopped at the body of a function: "),
        ("function main {\n  JOIN\n}\nmain", "stopped at the body of a function: "),
        ("function main()\n(\n  JOIN\n)", "stopped at the body of a function: "),
        ("{ if main() {\n  JOIN\n}; then true; fi; }", "stopped at the body of a function: "),
        ("if [ -f x ]; then JOIN; fi", "kubeadm join: stopped at then: only a shell could tell"),
        ("if [ -f x ]\nthen\n  echo\nelse\n  JOIN\nfi", "stopped at else: "),
        ("if a; then b; elif JOIN; then c; fi", "stopped at elif: "),
        ("for i in 1 2 3; do JOIN && break || sleep 15; done", "stopped at do: "),
        ("while true; do if JOIN; then break; fi; done", "stopped at do: "),
        ("case $x in\n a) ;;\n b|c) JOIN ;;\nesac", "stopped at case: "),
        ("test -f x || JOIN", "stopped at ||: "),
        ("apt-get update &&\n\n  JOIN", "stopped at &&: "),
        ("test -f x && { swapoff -a\n JOIN\n}", "stopped at &&: "),
        ("test -f x || (JOIN)", "stopped at ||: "),
        ("test -f x || echo y | JOIN", "stopped at ||: "),
        ("test -f x && bash -c 'JOIN'", "stopped at &&: "),
        ("bash -c 'true || JOIN'", "stopped at ||: "),
        ("exit 0\nJOIN", "line 3, column 1: kubeadm join: stopped at exit: nothing behind it runs"),
        ("{ echo; exit; }\nJOIN", "stopped at exit: nothing"),
        ("exec reboot\nJOIN", "stopped at exec: nothing"),
        ("( exit 1; JOIN )", "stopped at exit: nothing"),
        ("CMD=(JOIN)\n\"${CMD[@]}\"", "stopped at an array: "),
        ("if ! JOIN; then exit 1", "stopped at if, which is not closed"),
        ("echo; fi; JOIN", "stopped at fi, which closes nothing"),
        ("echo )\nJOIN", "stopped at ), which closes nothing"),
    ]
    .into_iter()
    .map(|(text, says)| (script(text), says))
    .chain([
        (runcmd(&["exit 0", &join]), "runcmd[1]: line 1, column 1: kubeadm join: stopped at exit: "),
        (runcmd(&["if [ -f x ]; then", &join, "fi"]), "runcmd[1]: line 1, column 1: kubeadm join: stopped at then: "),
        (format!("#cloud-config\nruncmd:\n- [exit, 0]\n- {join}\n"), "runcmd[1]: line 1, column 1: kubeadm join: stopped at exit: "),
        (runcmd(&["f() {", &format!("true\n{join}"), "}"]), "runcmd[1]: line 2, column 1: kubeadm join: stopped at the body"),
        (runcmd(&[&join, "echo 'it"]), "runcmd[0]: line 1, column 1: kubeadm join: stopped at commands that together are no whole script"),
    ])
    .collect();
    for (text, says) in refused {
        let failure = with(text.as_bytes(), None, &endless()).expect_err(&text);
        assert!(failure.line().contains(says), "{text}: {}\nlacks {says}", failure.line());
        assert_eq!(failure.reason, Reason::DocumentInvalid, "{text}");
        assert_eq!(is_carried_by(text.as_bytes()), Ok(true), "{text}");
    }
    // A document of ours is what it is, wherever it stands.
    for text in ["f() {\nHERE}\n", "if x; then\nHEREfi\n", "exit 0\nHERE", "true || HERE", "( HERE"] {
        let here = format!("worker-bootstrap run --document - <<'E'\n{}E\n", document());
        let text = format!("#!/bin/sh\n{}", text.replace("HERE", &here));
        assert!(with(text.as_bytes(), None, &Given::default()).is_ok(), "{text}");
    }
}

#[test]
fn a_bare_token_needs_the_rest_said() {
    let given = Given {
        servers: vec![crate::document::ServerUrl::parse("https://203.0.113.10:6443").unwrap()],
        pins: vec![crate::document::Pin::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()],
        authorities: None,
        expires_at: Some(UnixSeconds::new(1_790_000_000)),
    };
    let bare = |text: &str, given: &Given| {
        read(Text { bytes: text.as_bytes(), is_token: true, token_file: None, given }, "t")
    };
    let found = bare(&format!("{TOKEN}\n"), &given).unwrap();
    assert!(found == with(document().as_bytes(), None, &Given::default()).unwrap());
    let k0s = k0s_token();
    assert_eq!(bare(&k0s, &endless()).unwrap().token.bearer().expose(), TOKEN);
    for (text, given, says) in [
        (TOKEN, Given { expires_at: None, ..given.clone() }, "expected --expires-at TIME, or --no-expiry"),
        (TOKEN, Given { servers: Vec::new(), ..given.clone() }, "expected --server beside"),
        (TOKEN, Given { pins: Vec::new(), ..given.clone() }, "with either --ca-cert-hash or --ca-file"),
        (TOKEN, endless(), "does not say where its cluster is"),
        (&k0s, given.clone(), "the k0s join token brings its cluster"),
        ("abcdef.canary", given.clone(), "expected a bootstrap token"),
    ] {
        let line = bare(text, &given).unwrap_err().line();
        assert!(line.contains(says), "{line}\nlacks {says}");
        assert!(!line.contains("0123456789") && !line.contains("canary"), "{line}");
    }
}

#[test]
fn what_a_bootstrap_says_itself_is_not_said_beside_it() {
    let server =
        Given { servers: vec![crate::document::ServerUrl::parse("https://x").unwrap()], ..Given::default() };
    for (text, given, says) in [
        (document(), endless(), "expected no --expires-at"),
        (block(), endless(), "expected no --expires-at"),
        (document(), server.clone(), "expected no --server"),
        (kubeadm(), server, "expected no --server"),
    ] {
        let line = with(text.as_bytes(), None, &given).unwrap_err().line();
        assert!(line.contains(says), "{line}\nlacks {says}");
    }
}

#[test]
fn what_is_meant_and_not_understood_is_refused_and_nothing_secret_is_shown() {
    let other = document().replace("1790000000", "1790000001");
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let join = kubeadm();
    let deep = (0..12).fold(document().into_bytes(), |bytes, _| gzip(&bytes));
    let leaves: Vec<_> = (0..300).map(|_| ("text/plain", "7bit", "x")).collect();
    let many = mime(&leaves);
    let rows: Vec<(&str, Vec<u8>, Reason, &str)> = vec![
        (
            "two in one",
            format!("{}- {{path: /y, content: {}}}\n", block(), serde_json::json!(other)).into(),
            Reason::TwoFound,
            "write_files[1] and write_files[2] hold different bootstraps",
        ),
        (
            "mistake inside",
            block().replace("expiresAt", "expires").into(),
            Reason::DocumentInvalid,
            "write_files[1]: line 3, column 1: expires: unknown field expires",
        ),
        (
            "mistake, MIME",
            mime(&[("text/cloud-config", "7bit", &block().replace("kind: W", "kind: w"))]).into(),
            Reason::DocumentInvalid,
            "part 1: write_files[1]: line 2, column 7: kind: expected WorkerBootstrap",
        ),
        (
            "cloud-config torn",
            format!("{}\n  }}: [", block()).into(),
            Reason::DocumentInvalid,
            "expected well-formed",
        ),
        (
            "here-document torn",
            heredoc().replace("END_OF_IT\n)", "").into(),
            Reason::DocumentInvalid,
            "expected the end of a here-document",
        ),
        (
            "unquoted",
            heredoc().replace("'END_OF_IT'", "END_OF_IT").into(),
            Reason::DocumentInvalid,
            "line 5, column 1: expected a here-document with its delimiter in quotes",
        ),
        ("gzip bomb", bomb.clone(), Reason::DocumentTooLarge, "unpack to at most 1048576 bytes"),
        ("gzip bomb, base64", base64(&bomb).into(), Reason::DocumentTooLarge, "unpack to at most"),
        (
            "gzip torn",
            gzip(document().as_bytes())[..150].to_vec(),
            Reason::DocumentInvalid,
            "cut off or damaged",
        ),
        ("gzip in gzip", deep, Reason::DocumentTooLarge, "at most 8 wrappings"),
        ("many parts", many.into(), Reason::DocumentInvalid, "200 parts of MIME"),
        (
            "cut off",
            mime(&[("text/cloud-config", "7bit", &block())]).replace("--==8==--", "").into(),
            Reason::DocumentInvalid,
            "cut off",
        ),
        (
            "odd encoding",
            mime(&[("text/plain", "x-uuencode", "canary")]).into(),
            Reason::DocumentInvalid,
            "expected a part in 7bit",
        ),
        (
            "bad base64",
            mime(&[("text/plain", "base64", "canary!")]).into(),
            Reason::DocumentInvalid,
            "expected base64",
        ),
        (
            "curl | bash",
            format!("curl -H 'x: {TOKEN}' x | bash").into(),
            Reason::DocumentInvalid,
            "line 1, column 1: expected a document, cloud-init user-data, or a join command (a here-document of ours, kubeadm join, k0s worker); stopped at curl",
        ),
        ("a token", TOKEN.into(), Reason::DocumentInvalid, "stopped at a word that is not shown"),
        (
            "control plane",
            format!("{join} --control-plane").into(),
            Reason::DocumentInvalid,
            "kubeadm join: stopped at --control-plane, which is not understood",
        ),
        (
            "certificate key",
            format!("{join} --certificate-key=canary").into(),
            Reason::DocumentInvalid,
            "stopped at --certificate-key,",
        ),
        (
            "no hash",
            join[..join.find("\\\n").unwrap()].into(),
            Reason::DocumentInvalid,
            "expected --discovery-token-ca-cert-hash",
        ),
        (
            "no token",
            join.replace("--token", "--node-name w --v").into(),
            Reason::DocumentInvalid,
            "expected --token",
        ),
        (
            "variable",
            join.replace(TOKEN, "$TOKEN").into(),
            Reason::DocumentInvalid,
            "only a shell could expand",
        ),
        (
            "substitution",
            join.replace(TOKEN, "\"$(cat /canary)\"").into(),
            Reason::DocumentInvalid,
            "only a shell could expand",
        ),
        (
            "two tokens",
            format!("{join} --discovery-token ghijkl.0123456789abcdef").into(),
            Reason::DocumentInvalid,
            "there are two",
        ),
        (
            "token twice",
            format!("{join} --token {TOKEN}").into(),
            Reason::DocumentInvalid,
            "expected --token once",
        ),
        (
            "no value",
            format!("kubeadm join x --token {TOKEN} --node-name").into(),
            Reason::DocumentInvalid,
            "expected a value after --node-name",
        ),
        (
            "no address",
            join.replace("203.0.113.10:6443", "http://canary").into(),
            Reason::DocumentInvalid,
            "expected HOST:PORT",
        ),
        (
            "quote",
            join.replace(TOKEN, "'abcdef").into(),
            Reason::DocumentInvalid,
            "expected the other quotation mark",
        ),
        (
            "k0s flag",
            "k0s worker --data-dir=/canary x".into(),
            Reason::DocumentInvalid,
            "k0s worker: stopped at --data-dir, which is not understood",
        ),
        (
            "k0s nothing",
            "k0s install worker".into(),
            Reason::DocumentInvalid,
            "expected a token or --token-file",
        ),
        (
            "k0s bootstrap token",
            format!("k0s worker {TOKEN}").into(),
            Reason::DocumentInvalid,
            "does not say where its cluster is",
        ),
    ];
    for (name, bytes, reason, says) in rows {
        let given = if bytes.starts_with(b"k0s") { endless() } else { Given::default() };
        let failure = with(&bytes, None, &given).expect_err(name);
        let line = failure.line();
        assert!(line.contains(says), "{name}: {line}\nlacks {says}");
        assert_eq!(failure.reason, reason, "{name}: {line}");
        assert!(!line.contains("0123456789") && !line.contains("canary"), "{name}: {line}");
    }
}

/// Cut off anywhere, and with bytes changed anywhere: it ends, and shows nothing of the token.
#[test]
fn damage_of_any_kind_is_survived() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let secret = &TOKEN[7..];
    let look = |bytes: &[u8], name: &str| {
        drop(is_carried_by(bytes));
        if let Err(failure) = with(bytes, None, &endless()) {
            assert!(!failure.line().contains(secret), "{name}: {}", failure.line());
        }
    };
    for (name, bytes) in whole_forms() {
        for _ in 0..40 {
            look(&bytes[..random(bytes.len())], name);
            let mut damaged = bytes.clone();
            for _ in 0..1 + random(4) {
                let at = random(damaged.len());
                damaged[at] = b"'\"\\\n$`<(){}:=-# \0\xff"[random(18)];
            }
            look(&damaged, name);
        }
    }
}
