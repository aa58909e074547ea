"""A real kubelet on a containerd of the measurement's own.

Each runs in a mount namespace in which the scratch machine's directories stand where it expects them.
"""

import signal
import socket
import subprocess
from pathlib import Path

from cluster import until
from process import ENVIRONMENT

# For every kubelet alike: one machine is every node in turn, and may lack cgroups and have swap. As flags,
# since kubeadm drops an empty list from the cluster's configuration. The ports are the usual ones: the
# network namespace is the measurement's own.
KUBELET_FLAGS = "--fail-swap-on=false --cgroups-per-qos=false --enforce-node-allocatable= --v=2"

ENTER = """
mount --bind "$1/etc/kubernetes" /etc/kubernetes
mount --bind "$1/var/lib/kubelet" /var/lib/kubelet
mount --bind "$1/etc/machine-id" /etc/machine-id
"""
KUBELET = ENTER + f"""
. /var/lib/kubelet/kubeadm-flags.env
exec "$2" --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml \
    $KUBELET_KUBEADM_ARGS --container-runtime=remote --container-runtime-endpoint="unix://$3" {KUBELET_FLAGS}
"""


class Containerd:
    """Started and ready."""

    def __init__(self, parent):
        base = Path(parent, "containerd")
        base.mkdir()
        self.socket = base / "sock"
        config = base / "config.toml"
        config.write_text(
            f'version = 2\nroot = "{base}/root"\nstate = "{base}/state"\n[grpc]\naddress = "{self.socket}"\n'
            f'[plugins."io.containerd.internal.v1.opt"]\npath = "{base}/opt"\n'
        )
        with open(base / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["containerd", "--config", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=ENVIRONMENT)
        until("containerd answers", self._answers)

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"containerd ended; see {self.socket.parent}/log")
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(str(self.socket)) == 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Kubelet:
    """A kubelet on a machine that has a credential and a configuration."""

    def __init__(self, program, machine, containerd):
        self.log = machine.root / "kubelet.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", "sh", "-euc", KUBELET, "sh",
                 machine.root, program, containerd.socket],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=ENVIRONMENT)

    def alive(self):
        """Fails where it has ended."""
        if self.process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
            raise RuntimeError(f"the kubelet ended with {self.process.returncode}:\n{tail}")

    def stop(self):
        self.process.kill()
        self.process.wait()
