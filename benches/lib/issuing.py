"""The issuer: creates per second, reads at a hundred thousand bootstraps, and its memory at that size."""

import http.client
import json
import re
import signal
import subprocess
import threading
import time

from process import ENVIRONMENT
from table import spread

CONFIG = """\
listen: 127.0.0.1:0
operations: 127.0.0.1:0
database: {name}.db
masterKey: {name}.key
rate: {{perSecond: 1000000, burst: 1000000}}
clusters:
- {{id: clu_01, workspace: ws_01, embedded: {{state: {name}}}}}
"""
PATH = "/v1/clusters/clu_01/worker_bootstraps"
MANY = 100_000
# Clients at a time, and how long they create.
CLIENTS = 8
CREATE = 5.0
READS = 300


class Issuer:
    """One that serves in a directory of its own, over plain HTTP on loopback."""

    def __init__(self, program, scratch, name):
        self.program, self.directory, self.name = program, scratch, name
        self.config = scratch / f"{name}.yaml"
        self.config.write_text(CONFIG.format(name=name))
        self.log = scratch / f"{name}.log"
        made = self.run("token", "create", "--config", self.config, "--workspace", "ws_01")
        self.headers = {"authorization": f"Bearer {made.strip()}", "content-type": "application/json"}
        self.process = None

    def run(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], check=True, text=True, env=ENVIRONMENT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=self.directory).stdout

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "serve", "--config", self.config], stderr=log,
                                            env=ENVIRONMENT, cwd=self.directory)
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            if found := re.search(r'"the API is served","address":"([^"]+)"', self.log.read_text()):
                self.address = found[1]
                return
            time.sleep(0.02)
        raise RuntimeError(f"the issuer did not start: {self.log.read_text()[-2000:]}")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def connect(self):
        return http.client.HTTPConnection(self.address, timeout=60)

    def memory(self, field):
        """In bytes, of the process."""
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1]) * 1024

    def ask(self, connection, method, path, body=None):
        """The answer's object, and how long it took to come."""
        began = time.monotonic()
        connection.request(method, path, body=body, headers=self.headers)
        answer = connection.getresponse()
        text = answer.read()
        took = time.monotonic() - began
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]}")
        return json.loads(text), took


def measure(rig, table, many=MANY):
    creates(rig, table)
    store(rig, table, many)


def creates(rig, table):
    """Through the whole API: row, Secret in the embedded cluster, proof that it authenticates, row."""
    issuer = Issuer(rig.issuer, rig.scratch, "creating")
    issuer.start()
    try:
        times, faults = [], []
        until = time.monotonic() + CREATE

        def client():
            try:
                connection = issuer.connect()
                while time.monotonic() < until:
                    times.append(issuer.ask(connection, "POST", PATH, "{}")[1])
            except Exception as error:  # told by the one who waits
                faults.append(error)

        clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
        began = time.monotonic()
        for one in clients:
            one.start()
        for one in clients:
            one.join()
        took = time.monotonic() - began
        if faults:
            raise faults[0]
        table.add(f"issuer: creates a second, {CLIENTS} clients, embedded cluster", "-",
                  f"{len(times) / took:.0f} /s", "-")
        table.add("... one create", "-", spread(times, "ms", 1000), "-")
    finally:
        issuer.stop()


def store(rig, table, many):
    """The store alone, then what reads cost when it is full."""
    issuer = Issuer(rig.issuer, rig.scratch, "full")
    fill = rig.issuer.parent / "examples" / "fill"
    for together in [1, 64]:
        count = 1000 if together == 1 else many
        seconds = float(subprocess.run([fill, issuer.config, str(count), str(together)], check=True, text=True,
                                       stdout=subprocess.PIPE, env=ENVIRONMENT).stdout)
        table.add(f"issuer: durable creates a second, the store alone, {together} at a time", "-",
                  f"{count / seconds:.0f} /s", "-")
    issuer.start()
    try:
        idle = issuer.memory("VmRSS")
        connection = issuer.connect()
        lists, gets, ids, cursor = [], [], [], ""
        for _ in range(READS):
            page, took = issuer.ask(connection, "GET", f"{PATH}?limit=100{cursor}")
            lists.append(took)
            ids += [one["id"] for one in page["data"]]
            cursor = f"&cursor={page['next_cursor']}" if page["has_more"] else ""
        for id in ids[:: max(1, len(ids) // READS)]:
            gets.append(issuer.ask(connection, "GET", f"{PATH}/{id}")[1])
        size = f"{many:,} bootstraps"
        table.add(f"issuer: get, {size}", "-", spread(gets, "ms", 1000, 2), "-")
        table.add(f"issuer: list, a page of 100, {size}", "-", spread(lists, "ms", 1000, 2), "-")
        table.add(f"issuer: resident memory, {size}", "-",
                  f"{idle / 2**20:.1f} MiB; {issuer.memory('VmHWM') / 2**20:.1f} MiB after these reads", "-")
    finally:
        issuer.stop()
