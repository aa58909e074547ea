//! What is written by hand for operators is what the program accepts.

#![expect(clippy::unwrap_used, reason = "what fails here is the test")]

use bootstrap_issuer::config;
use std::path::Path;

#[expect(clippy::disallowed_methods, reason = "a test reads the repository")]
fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The lines below `head`, without their indent.
fn block(text: &str, head: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim() != head);
    let outer = indent(lines.next().unwrap());
    let inner: Vec<&str> = lines.take_while(|line| indent(line) > outer).collect();
    let depth = inner.iter().map(|line| indent(line)).min().unwrap();
    inner.iter().map(|line| format!("{}\n", &line[depth..])).collect()
}

/// Every value of `key`, in the order of the file.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    text.lines()
        .filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix(key))
        .map(str::trim)
        .collect()
}

#[test]
fn the_examples_are_configurations() {
    let example = read("packaging/issuer/config.example.yaml");
    // With every cluster that stands there as a comment, too.
    let whole = example.replace("\n# - {", "\n- {");
    assert_ne!(example, whole);
    let deployed = block(&read("packaging/issuer/kubernetes.yaml"), "config.yaml: |");
    for (name, text, clusters) in [("example", &example, 1), ("whole", &whole, 3), ("deployed", &deployed, 1)]
    {
        let config = config::parse(text.as_bytes(), Path::new("/etc/bootstrap-issuer"));
        let config = config.unwrap_or_else(|fault| panic!("{name}: {fault}"));
        assert_eq!(config.clusters.len(), clusters, "{name}");
    }
    let config = config::parse(example.as_bytes(), Path::new("/")).unwrap();
    let config::Rate { per_second, burst } = config::Rate::default();
    assert_eq!(
        (config.rate.per_second, config.rate.burst),
        (per_second, burst),
        "the example names the defaults"
    );
}

#[test]
fn the_ends_are_given_enough_time() {
    let grace = bootstrap_issuer::listen::GRACE.as_secs();
    let unit = read("packaging/issuer/bootstrap-issuer.service");
    let stop: u64 = values(&unit, "TimeoutStopSec=")[0].trim_end_matches('s').parse().unwrap();
    let deployment = read("packaging/issuer/kubernetes.yaml");
    let pod: u64 = values(&deployment, "terminationGracePeriodSeconds:")[0].parse().unwrap();
    assert!(stop >= grace + 10 && pod >= grace + 10, "{stop} s and {pod} s for {grace} s");
}

#[test]
fn the_deployment_is_what_the_manifest_allows() {
    let deployment = read("packaging/issuer/kubernetes.yaml");
    let rights = read("issuer/manifests/rbac.yaml");
    let namespaces = values(&deployment, "namespace:");
    assert!(!namespaces.is_empty() && namespaces.iter().all(|name| *name == "bootstrap-issuer"));
    assert_eq!(values(&deployment, "serviceAccountName:"), ["bootstrap-issuer"]);
    assert!(rights.contains(
        "kind: ServiceAccount\nmetadata:\n  name: bootstrap-issuer\n  namespace: bootstrap-issuer"
    ));
    assert_eq!(values(&deployment, "replicas:"), ["1"], "one process serves from one database");
}
