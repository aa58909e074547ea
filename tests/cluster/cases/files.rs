//! What the join leaves on disk: exactly what the kubelet itself would have written, so that it goes
//! on from there.

use crate::support::admin::http_client;
use crate::support::cluster::Cluster;
use crate::support::machine::{DOCUMENT, Machine, files_of};
use crate::support::token::{AUTO, Trust, document};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

const PKI: &str = "/var/lib/kubelet/pki";

pub async fn what_the_kubelet_will_find(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();

    let pem = credential(&machine);
    let kubeconfig = kubeconfig(&machine, &door.url(), &cluster.ca);
    assert_eq!(kubeconfig, format!("{PKI}/kubelet-client-current.pem"));
    accepted(&cluster, &machine, &pem).await;
    configuration(&machine);
    assert_eq!(machine.read("run/cluster-api/bootstrap-success.complete"), "success");
    assert!(!machine.has(DOCUMENT));
    assert!(!machine.has("etc/kubernetes/bootstrap-kubelet.conf"));
}

/// The PEM, its link, and nothing else; gives back its text.
fn credential(machine: &Machine) -> String {
    let files: Vec<String> = files_of(machine).into_iter().filter(|file| file.starts_with(PKI)).collect();
    assert_eq!(files.len(), 1, "the key of the request is gone, the PEM is there: {files:?}");
    let name = files[0].strip_prefix(&format!("{PKI}/kubelet-client-")).unwrap();
    let shape: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00-00-00-00.pem");
    let link = std::fs::read_link(machine.path(&format!("{PKI}/kubelet-client-current.pem"))).unwrap();
    assert_eq!(link.to_str().unwrap(), files[0], "as the machine itself will see it");
    assert_eq!(machine.mode(&files[0]), 0o600);
    assert_eq!(machine.mode(PKI), 0o755);
    let pem = machine.read(&files[0]);
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"), "the certificate comes first");
    assert!(pem.trim_end().ends_with(" PRIVATE KEY-----"), "the key comes last");
    pem
}

/// kubelet.conf as the kubelet writes it; gives back where it says the credential is.
fn kubeconfig(machine: &Machine, server: &str, ca: &str) -> String {
    assert_eq!(machine.mode("etc/kubernetes/kubelet.conf"), 0o600);
    let config: Value = serde_yaml::from_str(&machine.read("etc/kubernetes/kubelet.conf")).unwrap();
    assert_eq!(config["apiVersion"], "v1");
    assert_eq!(config["kind"], "Config");
    assert_eq!(config["current-context"], "default-context");
    let cluster = &config["clusters"][0];
    assert_eq!(cluster["name"], "default-cluster");
    assert_eq!(cluster["cluster"]["server"], server);
    let authority = match cluster["cluster"]["certificate-authority-data"].as_str() {
        Some(data) => String::from_utf8(STANDARD.decode(data).unwrap()).unwrap(),
        None => machine.read(cluster["cluster"]["certificate-authority"].as_str().unwrap()),
    };
    let der = |pem: &str| x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap().1.contents;
    assert_eq!(der(&authority), der(ca));
    assert_eq!(config["contexts"][0]["name"], "default-context");
    assert_eq!(config["contexts"][0]["context"]["cluster"], "default-cluster");
    assert_eq!(config["contexts"][0]["context"]["user"], "default-auth");
    assert_eq!(config["contexts"][0]["context"]["namespace"], "default");
    let user = &config["users"][0];
    assert_eq!(user["name"], "default-auth");
    assert_eq!(user["user"]["client-certificate"], user["user"]["client-key"]);
    assert_eq!(user["user"].as_object().unwrap().len(), 2, "no token, no password");
    user["user"]["client-certificate"].as_str().unwrap().to_owned()
}

/// Another client than the agent, with the same credential.
async fn accepted(cluster: &Cluster, machine: &Machine, pem: &str) {
    let http = http_client(&cluster.ca, Some((pem, pem)));
    let node = |name: &str| format!("https://{}/api/v1/nodes/{name}", cluster.address);
    let own = http.get(node(&machine.name)).send().await.unwrap().status().as_u16();
    assert_eq!(own, 404, "its own node it may read, and that is not there yet");
    let other = http.get(node("another-one")).send().await.unwrap().status().as_u16();
    assert!(matches!(other, 403 | 404), "{other}");
    let secrets = format!("https://{}/api/v1/namespaces/kube-system/secrets", cluster.address);
    assert_eq!(
        http.get(secrets).send().await.unwrap().status().as_u16(),
        403,
        "a node, not an administrator"
    );
}

/// The kubelet's configuration: the cluster's, with what must hold on a worker.
fn configuration(machine: &Machine) {
    let config: Value = serde_yaml::from_str(&machine.read("var/lib/kubelet/config.yaml")).unwrap();
    assert_eq!(config["kind"], "KubeletConfiguration");
    assert_eq!(config["apiVersion"], "kubelet.config.k8s.io/v1beta1");
    assert_eq!(config["clusterDNS"][0], "10.96.0.10");
    assert_eq!(config["clusterDomain"], "cluster.local");
    assert_eq!(config["rotateCertificates"], true);
    assert!(matches!(config["staticPodPath"].as_str(), None | Some("")), "no static pods on a worker");
    assert_eq!(config["authentication"]["anonymous"]["enabled"], false);
    let authority = config["authentication"]["x509"]["clientCAFile"].as_str().unwrap();
    assert!(machine.read(authority).contains("BEGIN CERTIFICATE"));
}

/// A machine full of files does not hold up its join: what a run does not come to it leaves to the sweep, and
/// says so.
pub async fn many_files_are_left_to_the_sweep(cluster: Cluster) {
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let dir = machine.path("var/lib/cloud/data/many");
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("0"), "x").unwrap();
    for number in 1..21_000 {
        std::fs::hard_link(dir.join("0"), dir.join(number.to_string())).unwrap();
    }
    let ended = machine.join(&document(&token, &[door.url()], Trust::Ca(&cluster.ca))).await.must_join();
    let later = &ended.result["custody"]["deferred"];
    assert_eq!(later.as_array().map(Vec::len), Some(1), "{later}");
    assert_eq!(later[0]["path"], dir.display().to_string(), "{later}");
    assert!(later[0]["why"].as_str().unwrap().contains("20000 names"), "{later}");
    assert!(ended.says("1 left to the sweep that follows"), "{:?}", ended.lines);
    assert!(ended.says("worker-bootstrap wipe"), "{:?}", ended.lines);
}
