//! The last step for real: Kubernetes' own kubelet, on Debian's containerd, registers the node with
//! the credential and the configuration that the agent made.
//!
//! The kubelet runs in a mount namespace of its own in which the machine's directories stand where it
//! expects them; nothing of this host's is touched but two empty directories, and perhaps an empty file, to mount on.

use crate::support::cluster::{Cluster, Kind};
use crate::support::machine::Machine;
use crate::support::token::{AUTO, Trust, document};
use serde_json::json;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

#[test]
#[ignore = "needs root, containerd and a control plane: tests/run"]
fn registers_with_what_the_agent_made() {
    crate::on(Kind::Real, registers);
}

async fn registers(cluster: Cluster) {
    assert!(nix::unistd::geteuid().is_root(), "a kubelet needs root");
    let (token, door, machine) = (cluster.issue(&AUTO).await, cluster.door(), Machine::ready());
    let kubelet = kubernetes().join("kubelet");
    machine.write("usr/bin/kubelet", &format!("#!/bin/sh\nexec {} \"$@\"\n", kubelet.display()), 0o755);
    let mut document = document(&token, &[door.url()], Trust::Ca(&cluster.ca));
    // Ports and cgroups that this machine may not have free; all else is as on any worker.
    document["kubelet"] = json!({"config": {
        "port": free_port(), "healthzPort": free_port(), "failSwapOn": false,
        "cgroupsPerQOS": false, "enforceNodeAllocatable": [],
    }});
    machine.deliver(&document);

    let containerd = Containerd::start(&machine).await;
    // Below a root that is not the machine's the agent starts nothing, and waits only where it is told to.
    let mut run = machine.start(&["--wait", "registered"]);
    run.waits_for("node_object").await;
    let log = machine.path("kubelet.log");
    let mut process = start_kubelet(&kubelet, &machine, &containerd.socket, &log);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let outcome = tokio::select! {
        outcome = run.end() => outcome,
        ended = process.wait() => panic!("the kubelet ended, {ended:?}; it said:\n{}", said()),
    };
    let said = said();
    process.kill().await.ok();
    drop(containerd);
    assert_eq!(outcome.exit, 0, "{:?}\nthe kubelet said:\n{said}", outcome.lines);
    outcome.must_join();

    let node = cluster.admin.node(&machine.name).await.expect("the node is registered");
    assert_eq!(node["status"]["nodeInfo"]["kubeletVersion"], "v1.20.2");
    let user = format!("system:node:{}", machine.name);
    let registered = cluster.requests_through(&door).into_iter().any(|request| {
        request.user == user
            && request.verb == "create"
            && request.path() == "/api/v1/nodes"
            && request.status == 201
    });
    assert!(registered, "the kubelet itself registered the node, with the agent's credential");
    assert_eq!(cluster.admin.csrs_of(&token).await.len(), 1, "the kubelet skipped its own bootstrap");
    cluster.admin.delete_node(&machine.name).await;
}

/// Where the programs of Kubernetes are.
fn kubernetes() -> PathBuf {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    if let Some(assets) = assets.filter(|assets| assets.join("kubelet").exists()) {
        return assets;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/build-kubernetes");
    let built = std::process::Command::new(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(built.status.success());
    String::from_utf8(built.stdout).unwrap().trim().into()
}

/// A port that nobody listens on and that the kernel gives to no connection by itself: a kubelet takes
/// seconds until it listens, and other tests connect meanwhile.
fn free_port() -> u16 {
    let free = |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok();
    let mut random = [0; 2];
    getrandom::fill(&mut random).unwrap();
    (0..1000).map(|step| 10_300 + (u16::from_ne_bytes(random) % 3000) + step).find(free).unwrap()
}

/// A containerd of this test's own.
struct Containerd {
    socket: PathBuf,
    _process: Child,
}

impl Containerd {
    async fn start(machine: &Machine) -> Self {
        assert!(
            Path::new("/usr/bin/containerd").exists(),
            "containerd is not here: apt-get install containerd"
        );
        let at = |name: &str| machine.path(&format!("containerd/{name}"));
        let config = format!(
            "version = 2\nroot = {:?}\nstate = {:?}\n[grpc]\naddress = {:?}\n[plugins.\"io.containerd.internal.v1.opt\"]\npath = {:?}\n",
            at("root"),
            at("state"),
            at("sock"),
            at("opt"),
        );
        machine.write("containerd/config.toml", &config, 0o644);
        let log = std::fs::File::create(at("log")).unwrap();
        let process = Command::new("/usr/bin/containerd")
            .arg("--config")
            .arg(at("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while tokio::net::UnixStream::connect(at("sock")).await.is_err() {
            let said = std::fs::read_to_string(at("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "containerd did not start: {said}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Containerd { socket: at("sock"), _process: process }
    }
}

/// Starts the kubelet as its unit does, with the flags that the agent wrote.
fn start_kubelet(kubelet: &Path, machine: &Machine, socket: &Path, log: &Path) -> Child {
    for directory in ["/etc/kubernetes", "/var/lib/kubelet"] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let script = r#"
        mount --bind "$1/etc/kubernetes" /etc/kubernetes
        mount --bind "$1/var/lib/kubelet" /var/lib/kubelet
        touch /etc/machine-id
        mount --bind "$1/etc/machine-id" /etc/machine-id
        . /var/lib/kubelet/kubeadm-flags.env
        exec setpriv --pdeathsig KILL -- "$2" --kubeconfig=/etc/kubernetes/kubelet.conf \
            --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS \
            --container-runtime=remote --container-runtime-endpoint="unix://$3" --v=2
    "#;
    let log = std::fs::File::create(log).unwrap();
    Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-euc", script, "sh"])
        .args([machine.root(), kubelet, socket])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}
