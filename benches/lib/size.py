"""The size of the program, and whether it needs anything of the machine it runs on."""

import os
import subprocess

from process import ENVIRONMENT
from table import times

MIB = 1 << 20


def _verdict(program):
    run = subprocess.run(["ldd", program], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    said = (run.stdout + run.stderr).strip()
    for words in ["statically linked", "not a dynamic executable"]:
        if words in said:
            return words
    return "dynamic"


def measure(rig, table):
    ours, theirs = os.path.getsize(rig.agent), os.path.getsize(rig.kubeadm.program)
    table.add("binary", "<= 5 MiB", f"{ours / MIB:.2f} MiB", f"{theirs / MIB:.2f} MiB", times(ours, theirs),
              ours <= 5 * MIB)
    # ldd has two ways to say it: one for position-independent programs, one for others.
    table.add("ldd", "static", _verdict(rig.agent), _verdict(rig.kubeadm.program), "-",
              _verdict(rig.agent) != "dynamic")
