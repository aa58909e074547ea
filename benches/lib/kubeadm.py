"""`kubeadm join`, on a machine without systemd: a stand-in `systemctl` starts the real kubelet."""

import os
import signal
import time
from pathlib import Path

from machine import VERSION_ONLY
from node import ENTER, KUBELET_FLAGS
from process import ENVIRONMENT, measured

# What this machine may lack and a join does without. All else must pass.
IGNORED = [
    "Swap", "Port-10250", "IsDockerSystemdCheck", "SystemVerification", "FileContent--proc-sys-net-ipv4-ip_forward",
    "FileContent--proc-sys-net-bridge-bridge-nf-call-iptables", "CRI", "Hostname",
    *(f"FileExisting-{name}" for name in
      ["crictl", "conntrack", "ip", "iptables", "ebtables", "ethtool", "socat", "tc", "nsenter"]),
]

SYSTEMCTL = """#!/bin/sh
# Stands in for systemd: knows the kubelet's unit, as kubeadm's package writes it, and no other.
case "$1 $2" in
    "is-active kubelet"*) [ -e {machine}/kubelet.pid ] && kill -0 "$(cat {machine}/kubelet.pid)" ;;
    "is-active "*) exit 3 ;;
    "stop kubelet"*) ! [ -e {machine}/kubelet.pid ] || kill -KILL "$(cat {machine}/kubelet.pid)" 2>/dev/null; exit 0 ;;
    "start kubelet"* | "restart kubelet"*)
        . /var/lib/kubelet/kubeadm-flags.env
        setsid {kubelet} --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
            --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml \\
            $KUBELET_KUBEADM_ARGS {flags} >{machine}/kubelet.log 2>&1 </dev/null &
        echo $! >{machine}/kubelet.pid
        ;;
esac
"""


class Kubeadm:
    """The program, and the kubelet it is to start."""

    def __init__(self, program, kubelet, cluster):
        self.program, self.kubelet, self.cluster = program, kubelet, cluster

    def join(self, machine, token, socket, *, kubelet_in_path=VERSION_ONLY, timeout=200):
        """One whole join. The kubelet it asks for its version is the same stand-in that the agent asks,
        unless said otherwise; the one it starts is real."""
        tools = machine.root / "tools"
        machine.write("tools/systemctl", SYSTEMCTL.format(machine=machine.root, kubelet=self.kubelet, flags=KUBELET_FLAGS), 0o755)
        if isinstance(kubelet_in_path, Path):
            (tools / "kubelet").symlink_to(kubelet_in_path)
        elif kubelet_in_path is not None:
            machine.write("tools/kubelet", kubelet_in_path, 0o755)
        command = [
            "unshare", "--mount", "--propagation", "private", "sh", "-euc", ENTER + 'shift; exec "$@"', "sh",
            machine.root, self.program, "join", self.cluster.server.removeprefix("https://"),
            "--token", token.text, "--discovery-token-ca-cert-hash", self.cluster.ca_hash,
            "--node-name", machine.name, "--cri-socket", f"unix://{socket}",
            "--ignore-preflight-errors", ",".join(IGNORED),
        ]
        environment = {**ENVIRONMENT, "PATH": f"{tools}:{ENVIRONMENT['PATH']}", "HOME": str(machine.root)}
        return measured(command, environment=environment, timeout=timeout)


def kubelet_pid(machine):
    """The kubelet that the stand-in started."""
    file = machine.root / "kubelet.pid"
    return int(file.read_text()) if file.exists() else None


def stop_kubelet(machine):
    pid = kubelet_pid(machine)
    if pid is None:
        return
    # Not a child of this process: the first process of the namespace inherits it, and buries it.
    try:
        while True:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
    except ProcessLookupError:
        pass
