"""Programs, run to their end and measured."""

import os
import select
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

# What a program under measurement sees of the environment.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@dataclass
class Run:
    """One run of a program."""

    status: int
    said: str
    # Seconds.
    wall: float
    # User and system, of the program and of the children it waited for; seconds.
    cpu: float
    # Peak resident memory of the largest of them; KiB.
    peak: int


def measured(command, *, stdin=subprocess.DEVNULL, environment=None, timeout=300):
    """Runs a program to its end.

    A process begins its life with the peak of the one it was forked from, and this one is larger than
    the agent: so the fork is GNU time's, which is small. Its CPU is in the sum (about a millisecond);
    its own output rounds CPU to 10 ms and is used for the memory alone.
    """
    with tempfile.TemporaryDirectory(prefix="measured-") as scratch:
        peak, output = Path(scratch, "peak"), Path(scratch, "output")
        with open(output, "wb") as out:
            began = time.monotonic()
            child = subprocess.Popen(
                ["/usr/bin/time", "--quiet", "--format=%M", f"--output={peak}", *map(str, command)],
                stdin=stdin, stdout=out, stderr=out, env=environment or ENVIRONMENT, cwd="/",
                start_new_session=True,
            )
            status, usage = _wait(child.pid, began + timeout)
            wall = time.monotonic() - began
            child.returncode = status
        said = output.read_text(errors="replace")
        lines = peak.read_text().split() if peak.exists() else []
        return Run(status, said, wall, usage.ru_utime + usage.ru_stime, int(lines[-1]) if lines else 0)


def _wait(pid, deadline):
    """Waits as exactly as the kernel lets it; past the deadline the whole session is killed."""
    descriptor = os.pidfd_open(pid)
    try:
        left = max(0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            os.killpg(pid, 9)
        _, status, usage = os.wait4(pid, 0)
        return os.waitstatus_to_exitcode(status), usage
    finally:
        os.close(descriptor)
