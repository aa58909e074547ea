"""Copies of the token that are left after the wipe: files, arguments and environments, process memory.

Not looked at here: the raw disk below the file system, and the journal.
"""

import base64
import json
import os
import re
import subprocess
from pathlib import Path

import kubeadm
from cluster import until
from machine import Machine, join
from process import ENVIRONMENT


def needles(token):
    """What a usable copy holds: the secret half, as text or as base64 at each of three alignments."""
    found = {"plain": token.secret.encode()}
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + token.secret.encode())
        # Characters that depend on what stands before or behind are left off.
        first = -(-shift * 8 // 6)
        last = (shift + len(token.secret)) * 8 // 6
        found[f"base64+{shift}"] = encoded[first:last]
    return found


def count(data, token):
    return sum(len(re.findall(re.escape(needle), data)) for needle in needles(token).values())


def in_files(root, token):
    total = 0
    for folder, _, files in os.walk(root):
        for name in files:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                total += count(path.read_bytes(), token)
    return total


def in_proc(token):
    """In the arguments and the environment of any process but this one."""
    total = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            for name in ["cmdline", "environ"]:
                try:
                    total += count((process / name).read_bytes(), token)
                except OSError:
                    pass  # it has ended
    return total


def in_memory(pid, token):
    """In everything that is mapped and can be read; with the kinds of memory it was found in."""
    total, places = 0, []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            bounds, rights, *_, = line.split()
            name = line.split(maxsplit=5)[5] if len(line.split(maxsplit=5)) > 5 else "anonymous"
            if not rights.startswith("r") or name in ("[vvar]", "[vsyscall]"):
                continue
            start, end = (int(bound, 16) for bound in bounds.split("-"))
            data = b""
            try:
                memory.seek(start)
                while start + len(data) < end:
                    piece = memory.read(min(end - start - len(data), 1 << 24))
                    if not piece:
                        break
                    data += piece
            except OSError:
                pass  # the part that could be read is searched
            here = count(data, token)
            if here:
                total += here
                places.append(name.strip("[]"))
    return total, sorted(set(places))


def _agent(rig):
    """Looked at while it waits for a node that nobody registers: the wipe is behind it."""
    machine, token = Machine(rig.scratch), rig.cluster.issue()
    document = machine.document(rig.cluster, token)
    # The search must be able to find: the document is on disk now, and is told to the agent.
    if in_files(machine.root, token) != 1:
        raise RuntimeError("the search does not find the token in the document that holds it")
    process = subprocess.Popen(
        list(map(str, join(rig.agent, machine, document, "--wait", "registered"))), env=ENVIRONMENT, cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    status = machine.root / "run/worker-bootstrap/status.json"

    def waits():
        if process.poll() is not None:
            raise RuntimeError(f"the agent ended with {process.returncode} instead of waiting")
        try:
            waiting = json.loads(status.read_text()).get("waiting") or {}
        except (OSError, ValueError):
            return False
        return waiting.get("state") == "node_object"

    try:
        until("the agent waits for the node", waits)
        return in_files(machine.root, token), in_proc(token), in_memory(process.pid, token)
    finally:
        process.kill()
        process.wait()
        machine.remove()


def _kubeadm(rig):
    """Looked at when it has ended: the kubelet that it started lives on."""
    machine, token = Machine(rig.scratch), rig.cluster.issue()
    try:
        run = rig.kubeadm.join(machine, token, rig.containerd.socket)
        if run.status != 0:
            raise RuntimeError(f"kubeadm ended with {run.status}:\n{run.said}")
        return in_files(machine.root, token), in_proc(token), in_memory(kubeadm.kubelet_pid(machine), token)
    finally:
        kubeadm.stop_kubelet(machine)
        rig.cluster.delete_node(machine.name)


def measure(rig, table):
    ours, theirs = _agent(rig), _kubeadm(rig)
    table.add("token after the wipe: files below the root", "0", str(ours[0]), str(theirs[0]), held=ours[0] == 0)
    table.add("... arguments and environments", "0", str(ours[1]), f"{theirs[1]} (in its arguments while it runs)",
              held=ours[1] == 0)

    def memory(found):
        return str(found[0]) + (f" ({', '.join(found[1])})" if found[1] else "")

    table.add("... memory of the process that goes on", "0", memory(ours[2]), f"{memory(theirs[2])}, the kubelet's",
              held=ours[2][0] == 0)
