"""Measures everything and prints the table. Called by benches/run, which has made the surroundings."""

import argparse
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import approval
import copies
import faults
import issuing
import joins
import registration
import size
import sweep
from cluster import Cluster
from kubeadm import Kubeadm
from node import Containerd
from table import Table


@dataclass
class Rig:
    """What everything is measured with."""

    scratch: Path
    agent: Path
    issuer: Path
    kubelet: Path
    kubeadm: Kubeadm
    cluster: Cluster
    control_plane: Path
    containerd: Containerd


def main():
    parser = argparse.ArgumentParser()
    for name in ["scratch", "agent", "issuer", "kubernetes", "control-plane"]:
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    cluster = Cluster(options.control_plane)
    cluster.seed()
    kubelet = options.kubernetes / "kubelet"
    rig = Rig(options.scratch, options.agent, options.issuer, kubelet,
              Kubeadm(options.kubernetes / "kubeadm", kubelet, cluster), cluster, options.control_plane,
              Containerd(options.scratch))
    table = Table()

    def attempt(what, measure, *more):
        """One that fails takes no other with it."""
        print(f"benches: {what}", file=sys.stderr, flush=True)
        try:
            return measure(rig, *more)
        except Exception as error:  # whatever it is, it is told at the end
            traceback.print_exc()
            table.failures.append(f"{what}: {error}")

    began = time.monotonic()
    attempt("size", size.measure, table)
    attempt("request to approval", approval.measure, table)
    attempt("the issuer", issuing.measure, table)
    attempt("whole joins", joins.measure, table)
    attempt("start to registration", registration.measure, table)
    attempt("copies of the token", copies.measure, table)
    attempt("the sweep", sweep.measure, table)
    begun = attempt("faults, as kubeadm meets them (up to 120 s)", faults.begin)
    if begun:
        attempt("faults", faults.measure, table, begun)
    rig.containerd.stop()
    print(table.text())
    print(f"\nMeasured in {time.monotonic() - began:.0f} s. Medians, with least and most in brackets.")
    for failure in table.failures:
        print(f"NOT MEASURED: {failure}")
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
