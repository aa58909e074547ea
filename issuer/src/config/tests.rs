//! What is taken, what is refused, and where the fault is said to be.

use super::*;

const SMALL: &str = "\
listen: 127.0.0.1:8080
clusters:
- id: clu_01
  workspace: ws_01
  kubernetes: {kubeconfig: /etc/kubernetes/admin.conf}
";

fn read(text: &str) -> Result<Config, Fault> {
    parse(text.as_bytes(), Path::new("/home/of"))
}

#[test]
fn five_lines_are_enough() {
    let config = read(SMALL).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.database, Path::new("/var/lib/bootstrap-issuer/issuer.db"));
    assert_eq!(config.master_key, Path::new("/var/lib/bootstrap-issuer/master.key"));
    assert!(matches!(&config.clusters[0].place, Place::Kubernetes(one) if !one.in_cluster));
}

#[test]
fn paths_begin_where_the_file_lies() {
    let config = read(
        "listen: '[::]:0'\ntls: {certificate: tls.crt, key: /x/tls.key}\ndatabase: state/issuer.db\n\
         clusters: [{id: clu_1, workspace: ws_1, embedded: {state: demo}}]\n",
    )
    .unwrap();
    let tls = config.tls.unwrap();
    assert_eq!((tls.certificate, tls.key), ("/home/of/tls.crt".into(), "/x/tls.key".into()));
    assert_eq!(config.database, Path::new("/home/of/state/issuer.db"));
    assert_eq!(config.master_key, Path::new("/home/of/state/master.key"));
    let Place::Embedded(embedded) = &config.clusters[0].place else { panic!("it is embedded") };
    assert_eq!(embedded.state, Path::new("/home/of/demo"));
}

#[test]
fn a_fault_has_a_place_a_field_and_an_expectation() {
    let clusters = "clusters: [{id: clu_1, workspace: ws_1, kubernetes: {inCluster: true}}]";
    let with = |line: &str| format!("listen: 127.0.0.1:1\n{line}\n{clusters}\n");
    let cluster =
        |line: &str| format!("listen: 127.0.0.1:1\nclusters:\n- id: clu_1\n  workspace: ws_1\n{line}");
    let parts = "  kubernetes: {inCluster: true}\n  document:\n";
    for (text, place, field, what) in [
        (
            format!("listen: 0.0.0.0:1\n{clusters}\n"),
            (1, 9),
            "listen",
            "expected an address of this machine's",
        ),
        (format!("listen: here\n{clusters}\n"), (1, 9), "listen", "expected ADDRESS:PORT"),
        ("listen: 127.0.0.1:1\nclusters: []\n".into(), (2, 11), "clusters", "expected at least one cluster"),
        (with("externalUrl: http://x.example"), (2, 14), "externalUrl", "expected https://HOST[:PORT]"),
        (with("external_url: x"), (2, 1), "external_url", "unknown field external_url; expected listen, "),
        (with("tls: {certificate: x}"), (2, 7), "", "the field key is missing"),
        (cluster("  kubernetes: {}\n"), (3, 3), "clusters[0]", "expected kubernetes.kubeconfig, or "),
        (cluster(""), (3, 3), "clusters[0]", "expected one of kubernetes and embedded"),
        (
            cluster("  embedded: {listen: x, state: y}\n"),
            (5, 22),
            "clusters[0].embedded.listen",
            "expected ADDR",
        ),
        (cluster("  kubernetes: {inCluster: 7}\n"), (5, 27), "clusters[0].kubernetes.inCluster", "expected "),
        (
            cluster("  kubernetes: {kubeconfig: x, servers: [http://x]}\n"),
            (3, 3),
            "clusters[0]",
            "expected kubernetes.servers of https://HOST:PORT",
        ),
        (
            cluster(
                "  kubernetes: {inCluster: true}\n- {id: clu_1, workspace: ws_2, embedded: {state: x}}\n",
            ),
            (6, 3),
            "clusters[1]",
            "expected another id: clu_1 stands here twice",
        ),
        (
            cluster("  kubernetes: {inCluster: true}\n- {id: x}\n"),
            (6, 8),
            "clusters[1].id",
            "expected clu_...",
        ),
        (
            cluster(&format!("{parts}    node: {{labels: {{'node-role.kubernetes.io/x': ''}}}}\n")),
            (7, 5),
            "clusters[0].document",
            "expected a document's part: node.labels: ",
        ),
        (cluster(&format!("{parts}    token: x\n")), (7, 5), "clusters[0].document", "unknown field token"),
        (
            cluster(&format!("{parts}    join: {{waitFor: never}}\n")),
            (7, 21),
            "clusters[0].document.join.waitFor",
            "expected credential, registered or ready",
        ),
    ] {
        let fault = read(&text).unwrap_err();
        assert_eq!(fault.at, Some(place), "{fault}\n{text}");
        assert!(fault.field.starts_with(field), "{fault}\n{text}");
        assert!(fault.what.starts_with(what), "{fault}\n{text}");
    }
}
