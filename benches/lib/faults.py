"""How long it takes to name a host that cannot join."""

import threading

import kubeadm
from machine import VERSION_ONLY, Machine, join
from process import measured
from table import spread, times

# Beyond this kubeadm is not waited for.
PATIENCE = 120
CASES = [
    # What is wrong, the kubelet, what the document asks of it, the exit. What hangs may answer another time: 75.
    ("no kubelet", None, {}, 8),
    ("a kubelet that hangs", "#!/bin/sh\nexec sleep 1000\n", {}, 75),
    ("a kubelet of a wrong version", "#!/bin/sh\necho 'Kubernetes v1.10.0'\n", {"version": ">=1.19"}, 8),
]
# It answers when asked for its version and ends when it is started: kubeadm's own worst.
BROKEN = "#!/bin/sh\nexit 1\n"


class Kubeadm(threading.Thread):
    """One fault met by kubeadm; it mostly sleeps, so others may be measured meanwhile."""

    def __init__(self, rig, kubelet, starts=None):
        super().__init__(daemon=True)
        self.machine, self.token, self.kubelet = Machine(rig.scratch), rig.cluster.issue(), kubelet
        self.rig, self.starts = rig, starts
        self.run_ = None
        self.start()

    def run(self):
        program = self.rig.kubeadm
        if self.starts:
            program = kubeadm.Kubeadm(program.program, self.machine.write("broken", self.starts, 0o755), program.cluster)
        self.run_ = program.join(self.machine, self.token, self.rig.containerd.socket,
                                 kubelet_in_path=self.kubelet, timeout=PATIENCE)

    def text(self):
        """Wall time, and its seconds."""
        self.join()
        if self.run_ is None:
            raise RuntimeError("kubeadm could not be run")
        if self.run_.status == 0:
            raise RuntimeError("kubeadm joined a host that cannot")
        if self.run_.wall >= PATIENCE:
            return f"> {PATIENCE} s, still silent", PATIENCE
        return f"{self.run_.wall:.2f} s", self.run_.wall


def begin(rig):
    """Starts kubeadm's worst cases."""
    return {"hangs": Kubeadm(rig, CASES[1][1]), "broken": Kubeadm(rig, VERSION_ONLY, BROKEN)}


def measure(rig, table, begun):
    for index, (what, kubelet, wanted, status) in enumerate(CASES):
        walls = []
        for _ in range(3):
            machine = Machine(rig.scratch, kubelet=kubelet)
            document = machine.document(rig.cluster, rig.cluster.issue(), **({"kubelet": wanted} if wanted else {}))
            run = measured(join(rig.agent, machine, document, "--no-start"))
            if run.status != status:
                raise RuntimeError(f"{what}: expected exit {status}, seen {run.status}:\n{run.said}")
            walls.append(run.wall)
            machine.remove()
        text, seconds = (begun["hangs"] if index == 1 else Kubeadm(rig, kubelet)).text()
        ours = sorted(walls)[1]
        table.add(f"time to name {what}", "<= 2 s", spread(walls, "s", digits=2), text, times(ours, seconds), max(walls) <= 2)
    text, _ = begun["broken"].text()
    table.add("time to name a kubelet that ends at its start", "-", "not measured: below --root nothing is started", text)
