"""Machines to join, as directories; and what the agent is told there."""

import base64
import json
import os
import shutil
import tempfile
import time
import uuid
from pathlib import Path

from cluster import random_word

VERSION_ONLY = "#!/bin/sh\necho 'Kubernetes v1.20.2'\n"


class Machine:
    """A machine that is ready to join. Its kubelet is a text, or a program to link or copy."""

    def __init__(self, parent, kubelet=VERSION_ONLY):
        self.name = f"worker-{random_word(8)}"
        self.root = Path(tempfile.mkdtemp(prefix="machine-", dir=parent))
        self.write("etc/machine-id", uuid.uuid4().hex + "\n", 0o444)
        self.write("etc/hostname", self.name + "\n")
        self.write("run/systemd/timesync/synchronized", "")
        for directory in ["etc/kubernetes", "var/lib/kubelet", "usr/bin"]:
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        if isinstance(kubelet, Path):
            _link(kubelet, self.root / "usr/bin/kubelet")
        elif kubelet is not None:
            self.write("usr/bin/kubelet", kubelet, 0o755)

    def write(self, below, text, mode=0o644):
        path = self.root / below
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def document(self, cluster, token, *, hashes=False, **more):
        """Puts a document there and returns its path."""
        trust = {"caCertHashes": [cluster.ca_hash]} if hashes else {
            "certificateAuthorityData": base64.b64encode(cluster.ca.encode()).decode()}
        document = {
            "apiVersion": "bootstrap.akua.dev/v1alpha1", "kind": "WorkerBootstrap",
            "metadata": {"id": f"wbs_{token.id}", "clusterId": "clu_bench"},
            "expiresAt": int(time.time()) + 3600, "token": token.text,
            "cluster": {"servers": [cluster.server], **trust},
            "join": {"waitFor": "credential", "timeout": "2m"}, **more,
        }
        path = self.root / "run/worker-bootstrap/bootstrap.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file)
        return path

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)


def join(agent, machine, document, *more):
    """The command that joins the machine."""
    return [agent, "run", "--root", machine.root, "--document", document, *more]


def _link(program, place):
    try:
        os.link(program, place)
    except OSError:
        shutil.copy2(program, place)
