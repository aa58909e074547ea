"""The sweep: how long it takes and how much memory, on what cloud-init leaves and on a gigabyte of logs."""

import base64
import gzip
import json
import os
import pickle

from copies import in_files
from machine import Machine
from process import measured
from table import spread

ROUNDS = 5
LOGS = 1_000_000_000  # bytes, in this many files
FILES = 8
LINE = "Jan 02 03:04:05 worker-7 kubelet[812]: I0102 03:04:05.678901 812 kubelet.go:2187] SyncLoop (PLEG): ok {}\n"


def _user_data(token):
    return "#cloud-config\nwrite_files:\n- path: /run/worker-bootstrap/bootstrap.yaml\n  content: |\n" \
        f"    token: {token.text}\nruncmd:\n- [systemctl, start, --no-block, worker-bootstrap.service]\n"


def _cloud_tree(machine, token):
    """What a cloud-init that has ended leaves of one user-data, with what else lies around it."""
    text, instance = _user_data(token), "var/lib/cloud/instances/i-0123456789abcdef0"
    packed = base64.b64encode(gzip.compress(text.encode())).decode()
    mime = "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b\nContent-Transfer-Encoding: base64\n\n" \
        f"{base64.encodebytes(text.encode()).decode()}\n--b--\n"
    machine.write(f"{instance}/user-data.txt", text)
    machine.write(f"{instance}/user-data.txt.i", mime)
    machine.write(f"{instance}/cloud-config.txt", json.dumps({"write_files": [{"content": text}]}))
    (machine.root / instance / "obj.pkl").write_bytes(pickle.dumps({"userdata_raw": text, "ud": mime.encode()}))
    os.symlink("instances/i-0123456789abcdef0", machine.root / "var/lib/cloud/instance")
    for module in range(60):
        machine.write(f"{instance}/sem/config_{module}", "1234: 1700000000.0\n")
    machine.write("run/cloud-init/instance-data-sensitive.json", json.dumps({"ds": {"user_data": packed}, "t": text}))
    machine.write("run/cloud-init/status.json", "{}")
    machine.write("run/cloud-init/result.json", "{}")
    noise = "2026-01-02 03:04:05,678 - util.py[DEBUG]: Running command ['systemctl', 'status'] with allowed return\n"
    machine.write("var/log/cloud-init.log", noise * 2000 + f"DEBUG: {text!r}\n" + noise * 2000)
    machine.write("var/log/cloud-init-output.log", noise * 200)
    machine.write("var/log/syslog", LINE.format(1) * 50_000)
    machine.write("root/.bash_history", "ls\n" * 500)


def _logs(machine, token):
    block = "".join(LINE.format(number) for number in range(10_000))
    for number in range(FILES):
        name = "var/log/syslog" if number == 0 else f"var/log/syslog.{number}"
        with open(machine.write(name, ""), "w") as file:
            for _ in range(LOGS // FILES // len(block)):
                file.write(block)
            if number == FILES - 1:
                file.write(f"kubeadm join --token {token.text}\n")


def _sweep(rig, machine, token):
    run = measured([rig.agent, "wipe", "--root", machine.root, "--token-id", token.id])
    if run.status != 0:
        raise RuntimeError(f"the sweep ended with {run.status}:\n{run.said}")
    return run


def _read(machine):
    """The same files, read once from their beginning to their end and thrown away."""
    run = measured(["find", machine.root, "-type", "f", "-exec", "cat", "{}", "+"])
    if run.status != 0:
        raise RuntimeError(f"reading them ended with {run.status}")
    return run


def _rows(table, what, swept, read, before, after):
    table.add(f"sweep: {what}, {before} copies", "-", spread([run.wall for run in swept], "s", digits=2),
              f"read once: {spread([run.wall for run in read], 's', digits=2)}")
    peak = max(run.peak for run in swept)
    table.add("... peak resident memory", "<= 8 MiB", f"{peak / 1024:.1f} MiB", "-", "-", peak <= 8 * 1024)
    table.add("... copies left", "0", str(after), "-", "-", after == 0)


def measure(rig, table):
    swept, read, before, after = [], [], 0, 0
    for _ in range(ROUNDS):
        machine, token = Machine(rig.scratch), rig.cluster.issue()
        _cloud_tree(machine, token)
        before = in_files(machine.root, token)
        read.append(_read(machine))
        swept.append(_sweep(rig, machine, token))
        after += in_files(machine.root, token)
        machine.remove()
    _rows(table, "what cloud-init leaves", swept, read, before, after)

    machine, token = Machine(rig.scratch), rig.cluster.issue()
    _logs(machine, token)
    before, swept, read = in_files(machine.root, token), [_sweep(rig, machine, token)], [_read(machine)]
    after = in_files(machine.root, token)
    # From here there is nothing to erase: each sweep is one reading.
    for _ in range(2):
        swept.append(_sweep(rig, machine, token))
        read.append(_read(machine))
    machine.remove()
    _rows(table, "1 GB of logs", swept, read, before, after)
