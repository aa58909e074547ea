use super::*;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;

const TOKEN: &str = "abcdef.0123456789abcdef";

fn authority() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    rcgen::CertificateParams::new(vec!["ca".into()]).unwrap().self_signed(&key).unwrap().pem()
}

fn native(more: &str) -> String {
    format!(
        "apiVersion: bootstrap.akua.dev/v1alpha1\nkind: WorkerBootstrap\nexpiresAt: 1790000000\ntoken: {TOKEN}\n\
         cluster:\n  servers: [\"https://203.0.113.10:6443\"]\n  caCertHashes: [\"sha256:{}\"]\n{more}",
        "ab".repeat(32)
    )
}

fn refusal(text: &str) -> Failure {
    match parse(text.as_bytes(), "a.yaml") {
        Ok(_) => panic!("accepted: {text}"),
        Err(failure) => failure,
    }
}

#[test]
fn only_five_fields_are_required() {
    let Bootstrap { document, token } = parse(native("").as_bytes(), "a.yaml").unwrap();
    assert_eq!(token.id().as_str(), "abcdef");
    assert_eq!(document.expires_at, UnixSeconds::new(1_790_000_000));
    assert!(matches!(&document.cluster.trust, Trust::Pins(pins) if pins.len() == 1));
    assert_eq!(document.join.wait_for, WaitFor::Registered);
    assert_eq!(document.join.timeout.as_secs(), 600);
    for field in ["apiVersion", "kind", "expiresAt", "token", "cluster"] {
        let cut: Vec<String> =
            native("").lines().map(str::to_owned).filter(|line| !line.starts_with(field)).collect();
        let cut = if field == "cluster" { cut[..4].to_vec() } else { cut };
        let failure = refusal(&cut.join("\n"));
        assert_eq!(failure.reason, Reason::DocumentInvalid);
        assert!(failure.line().contains(&format!("the field {field} is missing")), "{}", failure.line());
    }
}

#[test]
fn every_field_is_read() {
    let more = "metadata: {id: wbs_01, clusterId: clu_01}\n\
        node: {name: worker-1, ip: 203.0.113.20, providerId: 'cloud://r/i-1', labels: {zone: a, example.com/pool: b},\n  \
        taints: [{key: dedicated, value: gpu, effect: NoSchedule}]}\n\
        packages: {policy: verify, require: [{name: containerd, version: '>=1.6'}]}\n\
        kubelet: {version: '>=1.28', config: {maxPods: 42}, extraArgs: {v: '2'}}\n\
        join: {method: kubelet, waitFor: ready, timeout: 1h}\n";
    let report = format!(
        "report: {{url: 'https://issuer.example/v1/reports/wbs_01', certificateAuthorityData: {}}}\n",
        STANDARD.encode(authority())
    );
    let document = parse(native(&format!("{more}{report}")).as_bytes(), "a.yaml").unwrap().document;
    let report = document.report.unwrap();
    assert_eq!(report.url.to_string(), "https://issuer.example/v1/reports/wbs_01");
    assert_eq!(report.certificate_authority_data.der().len(), 1);
    assert_eq!(document.id.as_deref(), Some("wbs_01"));
    assert_eq!(document.cluster_id.as_deref(), Some("clu_01"));
    assert_eq!(document.node.name.unwrap().as_str(), "worker-1");
    let labels: Vec<String> = document.node.labels.iter().map(ToString::to_string).collect();
    assert_eq!(labels, ["example.com/pool=b", "zone=a"]);
    assert_eq!(document.node.taints[0].to_string(), "dedicated=gpu:NoSchedule");
    assert_eq!(document.packages[0].name.as_str(), "containerd");
    assert_eq!(document.kubelet.config["maxPods"], 42);
    assert_eq!(document.kubelet.extra_args["v"], "2");
    assert_eq!((document.join.wait_for, document.join.timeout.as_secs()), (WaitFor::Ready, 3600));
}

#[test]
fn json_is_a_form_of_it_too() {
    let json = format!(
        r#"{{"apiVersion": "bootstrap.akua.dev/v1alpha1", "kind": "WorkerBootstrap", "expiresAt": "2026-09-21T14:13:20Z",
            "token": "{TOKEN}", "cluster": {{"servers": ["https://a.example"], "certificateAuthorityData": "{}"}}}}"#,
        STANDARD.encode(authority())
    );
    let document = parse(json.as_bytes(), "a.json").unwrap().document;
    assert_eq!(document.expires_at, UnixSeconds::new(1_790_000_000));
    assert!(matches!(document.cluster.trust, Trust::Authorities(_)));
}

/// What is written, and what the failure's line must say: reason, place, and what was expected.
#[test]
fn a_fault_is_named_and_placed_and_nothing_of_the_text_is_quoted() {
    use Reason::{DocumentInvalid, DocumentTooLarge, DocumentUnsupported, LabelForbidden};
    let base = native("");
    let change = |from: &str, to: &str| {
        assert!(base.contains(from), "{from}");
        base.replacen(from, to, 1)
    };
    let deep = format!("kubelet: {{config: {{x: {}", "[".repeat(10_000));
    let huge = format!("{base}# {}", "x".repeat(2 << 20));
    let token_as_key = base.replacen(
        TOKEN,
        &format!(
            "abcdef.0123456789abcde
{TOKEN}: x"
        ),
        1,
    );
    let rows: Vec<(String, Reason, &str)> = vec![
        (String::new(), DocumentInvalid, "expected a document; the text is empty"),
        ("C4nary".into(), DocumentInvalid, "line 1, column 1: expected a document"),
        (base[..base.len() - 30].into(), DocumentInvalid, "line 7"),
        (
            change("v1alpha1", "v9"),
            DocumentInvalid,
            "line 1, column 13: apiVersion: expected bootstrap.akua.dev/v1alpha1",
        ),
        (change("WorkerBootstrap", "Pod"), DocumentInvalid, "kind: expected WorkerBootstrap"),
        (change("1790000000", "0"), DocumentInvalid, "line 3, column 12: expiresAt: expected Unix seconds"),
        (change("1790000000", "1790000000000"), DocumentInvalid, "not milliseconds"),
        (change("1790000000", "tomorrow"), DocumentInvalid, "RFC 3339"),
        (change("1790000000", "[1]"), DocumentInvalid, "expiresAt: expected"),
        (change(TOKEN, "ABCDEF.0123456789abcdef"), DocumentInvalid, "token: expected a bootstrap token"),
        (change(TOKEN, "canary"), DocumentInvalid, "token: expected a bootstrap token"),
        (
            change("https://", "http://"),
            DocumentInvalid,
            "line 6, column 13: cluster.servers[0]: expected https://HOST:PORT",
        ),
        (change("https://", "https://user:canary@"), DocumentInvalid, "without user, password"),
        (
            change("[\"https://203.0.113.10:6443\"]", "[]"),
            DocumentInvalid,
            "cluster: expected 1 to 32 servers",
        ),
        (
            change("sha256:abab", "sha256:ab"),
            DocumentInvalid,
            "cluster.caCertHashes[0]: expected sha256: and 64",
        ),
        (
            change("caCertHashes: [\"sha256:", "certificateAuthorityData: [\""),
            DocumentInvalid,
            "certificateAuthorityData",
        ),
        (format!("{base}  certificateAuthorityData: aGVsbG8="), DocumentInvalid, "CA certificates in PEM"),
        (
            base.replace("  caCertHashes", "  #"),
            DocumentInvalid,
            "cluster: expected either certificateAuthorityData or caCertHashes",
        ),
        (
            format!("{base}expires: 1\n"),
            DocumentInvalid,
            "line 8, column 1: expires: unknown field expires; expected",
        ),
        (
            format!("{base}node: {{nmae: x}}"),
            DocumentInvalid,
            "unknown field nmae; expected name, ip, providerId",
        ),
        (format!("{base}token: {TOKEN}\n"), DocumentInvalid, "the key token stands here twice"),
        (token_as_key, DocumentInvalid, "unknown field; expected apiVersion"),
        (
            format!("{base}node: {{name: Worker_1}}"),
            DocumentInvalid,
            "node.name: expected the name of a node",
        ),
        (format!("{base}node: {{ip: canary}}"), DocumentInvalid, "node.ip: expected an IPv4 or IPv6 address"),
        (
            format!("{base}node: {{labels: {{node-role.kubernetes.io/worker: ''}}}}"),
            LabelForbidden,
            "node-role.kubernetes.io/worker",
        ),
        (format!("{base}node: {{taints: [{{key: a, effect: Never}}]}}"), DocumentInvalid, "node.taints[0]"),
        (format!("{base}metadata: {{id: '{TOKEN}'}}"), DocumentInvalid, "metadata.id: expected an id"),
        (format!("{base}join: {{method: k0s}}"), DocumentUnsupported, "join.method: expected kubelet"),
        (format!("{base}join: {{method: canary}}"), DocumentInvalid, "join.method: expected kubelet or k0s"),
        (
            format!("{base}join: {{timeout: 2d}}"),
            DocumentInvalid,
            "join.timeout: expected a time from 1s to 24h",
        ),
        (
            format!("{base}packages: {{policy: install}}"),
            DocumentUnsupported,
            "packages.policy: expected verify",
        ),
        (
            format!("{base}packages: {{require: [{{name: '--canary'}}]}}"),
            DocumentInvalid,
            "packages.require[0].name",
        ),
        (
            format!("{base}kubelet: {{extraArgs: {{kubeconfig: /x}}}}"),
            DocumentInvalid,
            "kubelet.extraArgs.kubeconfig",
        ),
        (
            format!("{base}kubelet: {{extraArgs: {{v: '2 --canary'}}}}"),
            DocumentInvalid,
            "kubelet.extraArgs.v: expected a value without white space",
        ),
        (format!("{base}kubelet: {{version: canary}}"), DocumentInvalid, "kubelet.version: expected a range"),
        (
            format!("{base}report: {{url: 'https://x'}}"),
            DocumentInvalid,
            "the field certificateAuthorityData is missing",
        ),
        (
            format!("{base}report: {{url: 'http://x', certificateAuthorityData: x}}"),
            DocumentInvalid,
            "report.url: expected https://HOST/PATH",
        ),
        (
            format!("{base}report: {{url: 'https://canary@x', certificateAuthorityData: x}}"),
            DocumentInvalid,
            "report.url: expected https://HOST/PATH, without user",
        ),
        (
            format!("{base}report: {{url: 'https://x/{}', certificateAuthorityData: x}}", "x".repeat(2048)),
            DocumentInvalid,
            "of at most 2048 bytes",
        ),
        (
            format!("{base}report: {{url: 'https://x', certificateAuthorityData: aGVsbG8=}}"),
            DocumentInvalid,
            "report.certificateAuthorityData: expected 1 to 32 CA certificates",
        ),
        (format!("{base}{deep}"), DocumentTooLarge, "64 levels"),
        (huge, DocumentTooLarge, "1048576 bytes"),
    ];
    for (text, reason, says) in rows {
        let failure = refusal(&text);
        let line = failure.line();
        assert_eq!(failure.reason, reason, "{line}");
        assert!(
            line.starts_with("reading the document in a.yaml: ") && line.contains(says),
            "{line}\nlacks {says}"
        );
        assert!(!line.contains("0123456789") && !line.contains("canary"), "{line}");
    }
}

#[test]
fn text_that_is_not_utf8_is_placed() {
    let failure = parse(b"apiVersion: x\nkind: \xff", "a.yaml").unwrap_err();
    assert!(failure.line().ends_with("line 2, column 7: expected UTF-8 text"), "{}", failure.line());
}

fn join_token(kubeconfig: &str) -> String {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(kubeconfig.as_bytes()).unwrap();
    STANDARD.encode(packed.finish().unwrap())
}

fn kubeconfig(user: &str) -> String {
    format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    server: https://198.51.100.7:6443\n  name: k0s\n\
         contexts:\n- context:\n    cluster: k0s\n    user: {user}\n  name: k0s\ncurrent-context: k0s\nkind: Config\npreferences: {{}}\n\
         users:\n- name: {user}\n  user:\n    token: {TOKEN}\n",
        STANDARD.encode(authority())
    )
}

fn response(token: &str) -> String {
    format!(
        r#"{{"id": "wbs_01", "cluster_id": "clu_01", "status": "active", "created_at": 1789996400, "updated_at": 1789996400,
            "etag": "x", "expires_at": 1790000000, "token": "{token}", "command": "bash {TOKEN}", "reconciling": false}}"#
    )
}

#[test]
fn the_answer_to_a_create_is_read_and_a_k0s_token_brings_its_cluster() {
    let text = response(&join_token(&kubeconfig("kubelet-bootstrap")));
    let Bootstrap { document, token } = parse(text.as_bytes(), "a.json").unwrap();
    assert_eq!(token.bearer().expose(), TOKEN);
    assert_eq!(document.cluster.servers[0].to_string(), "https://198.51.100.7:6443");
    assert_eq!(document.id.as_deref(), Some("wbs_01"));

    let later = text.replacen("\"token\": \"", "\"tokn\": \"", 1);
    assert!(refusal(&later).line().contains("only the answer to the create itself"));
    assert!(refusal(&response(TOKEN)).line().contains("the field cluster is missing"));
}

/// The answer with user-data that carries this document.
fn response_with(document: &str) -> serde_json::Value {
    let content: String = document.lines().map(|line| format!("    {line}\n")).collect();
    let cloud_init = format!(
        "#cloud-config\nwrite_files:\n- path: /run/worker-bootstrap/bootstrap.yaml\n  content: |\n{content}"
    );
    let mut answer: serde_json::Value = serde_json::from_str(&response(TOKEN)).unwrap();
    answer["cloud_init"] = cloud_init.into();
    answer
}

#[test]
fn beside_a_bootstrap_token_the_user_data_says_where_the_cluster_is() {
    let document = native("metadata: {id: wbs_01, clusterId: clu_01}\nnode: {name: a}\n");
    let answer = response_with(&document);
    let read = parse(answer.to_string().as_bytes(), "a.json").unwrap();
    assert_eq!(read, parse(document.as_bytes(), "a.yaml").unwrap());

    let other = |from: &str, to: &str| response_with(&document.replace(from, to));
    let nested = {
        let mut outer = response_with("");
        outer["cloud_init"] = answer.to_string().into();
        outer
    };
    for (answer, says) in [
        (other("wbs_01", "wbs_02"), "the document of the same bootstrap"),
        (other("clu_01", "clu_02"), "the document of the same bootstrap"),
        (other("1790000000", "1790000001"), "the document of the same bootstrap"),
        (other(TOKEN, "abcdef.0123456789abcdee"), "the document of the same bootstrap"),
        (other("name: a", "nome: a"), "cloud_init: write_files[0]"),
        (response_with("a: b"), "one bootstrap document in it"),
        (nested, "cloud_init"),
    ] {
        let line = refusal(&answer.to_string()).line();
        assert!(line.contains(says), "{line}");
        assert!(!line.contains("0123456789"), "{line}");
    }
    // Where the command line says where the cluster is, that counts.
    let given = elsewhere();
    let bytes = answer.to_string();
    let text = Text { bytes: bytes.as_bytes(), is_token: false, token_file: None, given: &given };
    assert_eq!(read_servers(text), ["https://b.example"]);
}

/// What a command line says of the cluster.
fn elsewhere() -> Given {
    Given {
        servers: vec![ServerUrl::parse("https://b.example").unwrap()],
        pins: vec![Pin::parse(&format!("sha256:{}", "cd".repeat(32))).unwrap()],
        ..Given::default()
    }
}

fn read_servers(text: Text<'_>) -> Vec<String> {
    super::read(text, "a.json").unwrap().document.cluster.servers.iter().map(ToString::to_string).collect()
}

#[test]
fn what_a_k0s_token_may_not_hold() {
    let good = kubeconfig("kubelet-bootstrap");
    let bomb = "x: 1 # ".to_owned() + &"a".repeat(10 << 20);
    for (kubeconfig, says) in [
        (kubeconfig("controller-bootstrap"), "for another role"),
        (good.replace("    token:", "    exec: {command: /bin/sh}\n    token:"), "unknown field exec"),
        (
            good.replace("  user:\n    token", "  user:\n    auth-provider: {}\n    token"),
            "unknown field auth-provider",
        ),
        (good.replace("server: https", "insecure-skip-tls-verify: true\n    server: https"), "unknown field"),
        (good.replace("server: https", "server: http"), "expected https://HOST:PORT"),
        (format!("{good}- name: second\n  user:\n    token: x\n"), "one cluster, one context and one user"),
        (good.replace("current-context: k0s", "current-context: other"), "whose context names"),
        (good.replace(TOKEN, "canary"), "a bootstrap token inside"),
        (bomb, "unpacks to more"),
    ] {
        let line = refusal(&response(&join_token(&kubeconfig))).line();
        assert!(line.contains(says), "{line}\nlacks {says}");
        assert!(!line.contains("0123456789") && !line.contains("canary"), "{line}");
    }
    let whole = join_token(&good);
    let cut = STANDARD.encode(&STANDARD.decode(&whole).unwrap()[..200]);
    assert!(refusal(&response(&cut)).line().contains("cut off or damaged"));
}

#[test]
fn the_schema_knows_the_fields() {
    let schema = serde_json::to_value(schema()).unwrap();
    let properties = schema["properties"].as_object().unwrap();
    for field in [
        "apiVersion",
        "kind",
        "metadata",
        "expiresAt",
        "token",
        "cluster",
        "node",
        "packages",
        "kubelet",
        "join",
    ] {
        assert!(properties.contains_key(field), "{field}");
    }
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["required"], serde_json::json!(["apiVersion", "kind", "expiresAt", "token"]));
}

/// Written sealed, read with its token, and of no use to anybody else.
#[test]
fn a_credential_comes_with_its_token_and_opens_with_it_alone() {
    let secret = "header.payload.signature";
    let pinned = native("metadata: {id: wbs_01, clusterId: clu_01}\n");
    let with_ca = pinned.replacen(
        &format!("caCertHashes: [\"sha256:{}\"]", "ab".repeat(32)),
        &format!("certificateAuthorityData: {}", STANDARD.encode(authority())),
        1,
    );
    let plain = parse(with_ca.as_bytes(), "a.yaml").unwrap();
    assert_eq!(plain.token.bearer().expose(), TOKEN);
    let token = plain.token.standing_for(Secret::new(secret.to_owned()));
    let text = write(&plain.document, &token);
    assert!(!text.expose().contains(secret) && !text.expose().contains(&STANDARD.encode(secret)));
    let read = parse(text.expose().as_bytes(), "a.yaml").unwrap();
    assert_eq!((read.token.bearer().expose(), read.token.text().expose()), (secret, TOKEN));

    // So does the answer of the API that carries it; the token beside it does not join by itself.
    let answer = response_with(text.expose()).to_string();
    assert_eq!(parse(answer.as_bytes(), "a.json").unwrap().token.bearer().expose(), secret);
    let given = elsewhere();
    let beside = Text { bytes: answer.as_bytes(), is_token: false, token_file: None, given: &given };
    assert!(super::read(beside, "a.json").unwrap_err().line().contains("leave out --server"));

    let other = text.expose().replacen(TOKEN, "abcdef.0123456789abcdee", 1);
    assert!(refusal(&other).line().contains("credential: expected one that was sealed for this token"));
    let with_pins = format!("{pinned}credential: {}\n", token.sealed_credential().unwrap());
    assert!(refusal(&with_pins).line().contains("credential: expected certificateAuthorityData"));
}
