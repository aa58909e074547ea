"""From a certificate request to its approval: by the issuer, which binds the token first, beside Kubernetes'
own approving controller, which binds nothing. Both seen on one watch of the same API server, in turns.
"""

import base64
import contextlib
import datetime
import http.client
import json
import subprocess
import time
import urllib.parse
from statistics import median

from cluster import GROUP, RBAC, Token, subjects, random_word, until
from table import spread

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SECRETS = "/api/v1/namespaces/kube-system/secrets"
OURS = "system:bootstrappers:worker-bootstrap"
ROUNDS = 31


def measure(rig, table):
    rig.cluster.must("POST", f"{RBAC}/clusterrolebindings", {
        "metadata": {"name": "benches:worker-bootstrap"}, "subjects": subjects(OURS),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                    "name": "system:node-bootstrapper"},
    })
    with _issuer(rig):
        watch = _Watch(rig.cluster)
        for group in (OURS, GROUP):
            _approval(rig, watch, group)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(_approval(rig, watch, OURS))
            theirs.append(_approval(rig, watch, GROUP))
        watch.close()
    ratio = f"{median(ours) / median(theirs):.1f} : 1" if median(theirs) > 0 else "-"
    table.add(f"request to approval, the issuer beside Kubernetes' approver ({ROUNDS} each)", "-",
              spread(ours, "ms", 1000), spread(theirs, "ms", 1000), ratio)


@contextlib.contextmanager
def _issuer(rig):
    """The issuer, enforcing as administrator."""
    home = rig.scratch / "issuer"
    home.mkdir()
    contract = json.loads((rig.control_plane / "cluster.json").read_text())
    (home / "kubeconfig").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": contract["server"], "certificate-authority": contract["ca"]}}],
        "users": [{"name": "c", "user": {"client-certificate": contract["adminCert"],
                                         "client-key": contract["adminKey"]}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }))
    (home / "config.yaml").write_text(json.dumps({
        "listen": "127.0.0.1:0", "database": str(home / "issuer.db"), "masterKey": str(home / "master.key"),
        "clusters": [{"id": "clu_bench", "workspace": "ws_bench",
                      "kubernetes": {"kubeconfig": str(home / "kubeconfig")}}],
    }))
    with open(home / "log", "wb") as log:
        issuer = subprocess.Popen([rig.issuer, "serve", "--config", home / "config.yaml"], stdout=log, stderr=log)
    try:
        yield
        if issuer.poll() is not None:
            raise RuntimeError(f"the issuer ended: {(home / 'log').read_text()[-400:]}")
    finally:
        issuer.kill()
        issuer.wait()


class _Watch:
    """All certificate requests from now on."""

    def __init__(self, cluster):
        version = cluster.must("GET", CSRS)["metadata"]["resourceVersion"]
        address = urllib.parse.urlsplit(cluster.server)
        self._connection = http.client.HTTPSConnection(address.hostname, address.port, context=cluster.admin_tls,
                                                       timeout=30)
        self._connection.request("GET", f"{CSRS}?watch=true&resourceVersion={version}")
        self._lines = self._connection.getresponse()

    def next(self):
        """The next event, and when it came."""
        line = self._lines.readline()
        return time.perf_counter(), json.loads(line)["object"]

    def close(self):
        self._connection.close()


def _approval(rig, watch, group):
    """Seconds from the sight of a request to the sight of its approval."""
    token, name = _token(rig.cluster, group), f"bench-{random_word(10)}"
    csr = subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-keyout", "/dev/null", "-subj", f"/O=system:nodes/CN=system:node:{name}"],
        check=True, capture_output=True).stdout
    status, answer = rig.cluster.ask("POST", CSRS, {
        "metadata": {"name": name},
        "spec": {"request": base64.b64encode(csr).decode(), "signerName": "kubernetes.io/kube-apiserver-client-kubelet",
                 "usages": ["digital signature", "key encipherment", "client auth"]},
    }, bearer=token.text)
    if status != 201:
        raise RuntimeError(f"POST {CSRS}: {status} {answer}")
    made = None
    while True:
        at, seen = watch.next()
        if seen["metadata"]["name"] != name:
            continue
        made = made or at
        conditions = [one["type"] for one in seen["status"].get("conditions", [])]
        if "Denied" in conditions:
            raise RuntimeError(f"denied: {seen['status']['conditions']}")
        if "Approved" in conditions:
            return at - made


def _token(cluster, group):
    """A fresh token that the API server accepts already. The issuer writes the same beside its label."""
    token = Token(random_word(6), random_word(16))
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    cluster.must("POST", SECRETS, {
        "type": "bootstrap.kubernetes.io/token",
        "metadata": {
            "name": f"bootstrap-token-{token.id}",
            "labels": {"app.kubernetes.io/managed-by": "bootstrap-issuer"} if group == OURS else {},
            "annotations": {"bootstrap.akua.dev/bootstrap-id": f"wbs_{token.id}"} if group == OURS else {},
        },
        "stringData": {"token-id": token.id, "token-secret": token.secret, "usage-bootstrap-authentication": "true",
                       "auth-extra-groups": group, "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")},
    })
    until("a fresh token is accepted", lambda: cluster.ask("GET", "/api", bearer=token.text)[0] == 200)
    return token
