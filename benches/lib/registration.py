"""From start to the node's registration: a kubelet alone, the agent before it, kubeadm around it.

The moment of registration is the API server's own, from its audit log. The three alternate, so that a slow
moment of the machine meets all of them.
"""

import time
from statistics import median

import kubeadm
from machine import Machine, join
from node import Kubelet
from process import measured
from table import spread, times

ROUNDS = 7


def _prepare(rig):
    machine = Machine(rig.scratch, kubelet=rig.kubelet)
    return machine, machine.document(rig.cluster, rig.cluster.issue())


def _join(rig, machine, document):
    run = measured(join(rig.agent, machine, document, "--no-start"))
    if run.status != 0:
        raise RuntimeError(f"the agent ended with {run.status}:\n{run.said}")
    return run.wall


def _registered(rig, machine, mark, began):
    kubelet = Kubelet(rig.kubelet, machine, rig.containerd)
    try:
        return rig.cluster.registration(mark, machine.name, kubelet.alive) - began
    finally:
        kubelet.stop()
        rig.cluster.delete_node(machine.name)
        machine.remove()


def _bare(rig):
    machine, document = _prepare(rig)
    _join(rig, machine, document)
    return _registered(rig, machine, rig.cluster.mark(), time.time())


def _agent(rig):
    machine, document = _prepare(rig)
    mark, began = rig.cluster.mark(), time.time()
    run = _join(rig, machine, document)
    return _registered(rig, machine, mark, began), run


def _kubeadm(rig):
    machine, token = Machine(rig.scratch), rig.cluster.issue()
    mark, began = rig.cluster.mark(), time.time()
    try:
        run = rig.kubeadm.join(machine, token, rig.containerd.socket, kubelet_in_path=rig.kubelet)
        if run.status != 0:
            raise RuntimeError(f"kubeadm ended with {run.status}:\n{run.said}")
        registered = rig.cluster.registration(mark, machine.name, lambda: None) - began
    finally:
        kubeadm.stop_kubelet(machine)
    rig.cluster.delete_node(machine.name)
    return registered


def measure(rig, table):
    _bare(rig)
    bare, ours, runs, theirs, asked = [], [], [], [], []
    for _ in range(ROUNDS):
        bare.append(_bare(rig))
        registered, run = _agent(rig)
        ours.append(registered)
        runs.append(run)
        theirs.append(_kubeadm(rig))
        asked.append(measured([rig.kubelet, "--version"]).wall)
    us, them = [[it - alone for it, alone in zip(all_, bare)] for all_ in (ours, theirs)]
    table.add(f"start to registration, {ROUNDS} rounds; kubelet alone {spread(bare, 's', digits=2)}", "-",
              spread(ours, "s", digits=2), spread(theirs, "s", digits=2), times(median(ours), median(theirs)))
    table.add("... over the kubelet alone, round by round", "<= 0.15 s", spread(us, "s", digits=2),
              spread(them, "s", digits=2), times(median(us), median(them)), median(us) <= 0.15)
    table.add("... of it the agent's whole run, the real kubelet asked for its version", "-",
              spread(runs, "s", digits=3), "-")
    table.add("... and what that kubelet takes to answer, asked alone", "-", spread(asked, "s", digits=3), "-")
