"""Whole joins against the real control plane: memory, CPU, wall time, requests.

Both ask the same stand-in kubelet for its version, so that what is measured is their own; kubeadm starts
a real one, as it ends only when a kubelet has its certificate and its node.
"""

from statistics import median

import kubeadm
from machine import Machine, join
from process import measured
from table import spread, times

MIB = 1024  # KiB
OURS, THEIRS = 11, 3


def _agent(rig, hashes=False):
    machine, token, mark = Machine(rig.scratch), rig.cluster.issue(), rig.cluster.mark()
    run = measured(join(rig.agent, machine, machine.document(rig.cluster, token, hashes=hashes), "--no-start"))
    if run.status != 0:
        raise RuntimeError(f"the agent ended with {run.status}:\n{run.said}")
    requests = [request for request in rig.cluster.requests(mark) if request["agent"].startswith("worker-bootstrap/")]
    machine.remove()
    return run, requests


def _kubeadm(rig):
    machine, token, mark = Machine(rig.scratch), rig.cluster.issue(), rig.cluster.mark()
    try:
        run = rig.kubeadm.join(machine, token, rig.containerd.socket)
        if run.status != 0:
            raise RuntimeError(f"kubeadm ended with {run.status}:\n{run.said}")
    finally:
        kubeadm.stop_kubelet(machine)
    return run, rig.cluster.requests(mark), token


def measure(rig, table):
    _agent(rig), _agent(rig, hashes=True)
    pinned, ca = [], []
    for _ in range(OURS):
        ca.append(_agent(rig))
        pinned.append(_agent(rig, hashes=True))
    theirs = [_kubeadm(rig) for _ in range(THEIRS)]
    for name, runs in [("CA data", ca), ("CA hashes", pinned)]:
        _usage(table, name, [run for run, _ in runs], [run for run, _, _ in theirs])
    _requests(table, ca, pinned, theirs)


def _usage(table, name, ours, theirs):
    def row(what, figure, take, unit, scale, limit):
        us, them = [take(run) for run in ours], [take(run) for run in theirs]
        table.add(f"{what}, {name} ({len(us)} joins, {len(them)} of kubeadm)", figure, spread(us, unit, scale),
                  spread(them, unit, scale), "-" if limit is None else times(median(us), median(them)),
                  None if limit is None else median(us) * scale <= limit)

    row("peak resident memory", "<= 8 MiB", lambda run: run.peak, "MiB", 1 / MIB, 8)
    row("CPU, user and system", "<= 60 ms", lambda run: run.cpu, "ms", 1000, 60)
    # kubeadm's has the kubelet's own start in it; the row that compares like with like comes later.
    row("wall time", "-", lambda run: run.wall, "ms", 1000, None)


def _requests(table, ca, pinned, theirs):
    def ours(runs):
        configuration = [sum("/configmaps/kubelet-config" in r["path"] for r in requests) for _, requests in runs]
        credential = [len(requests) - more for (_, requests), more in zip(runs, configuration)]
        return max(credential), max(configuration)

    own, kubelet, after = [], [], []
    for _, requests, token in theirs:
        mine = [r for r in requests if r["agent"].startswith("kubeadm/")]
        own.append(sum(r["user"] in ("system:anonymous", token.user) for r in mine))
        after.append(len(mine) - own[-1])
        kubelet.append(sum(r["user"] == token.user and r["agent"].startswith("kubelet/") for r in requests))
    most = max(a + b for a, b in zip(own, kubelet))
    beside = f"{max(own)} + {max(kubelet)} of its kubelet (then {max(after)})"
    for name, runs, limit in [("CA data", ca, 4), ("CA hashes", pinned, 6)]:
        credential, configuration = ours(runs)
        table.add(f"requests until the credential is proven, {name}", f"<= {limit} (+1)",
                  f"{credential} + {configuration} for the configuration", beside, times(credential, most),
                  credential <= limit and configuration <= 1)
