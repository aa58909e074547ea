"""The control plane, as its administrator sees it, and its audit log."""

import base64
import datetime
import hashlib
import json
import secrets
import ssl
import string
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

GROUP = "system:bootstrappers:demo:auto"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass
class Token:
    """A bootstrap token that nobody else has."""

    id: str
    secret: str

    @property
    def text(self):
        return f"{self.id}.{self.secret}"

    @property
    def user(self):
        return f"system:bootstrap:{self.id}"


def random_word(length):
    letters = string.ascii_lowercase + string.digits
    return "".join(secrets.choice(letters) for _ in range(length))


class Cluster:
    """What `control-plane start` left in this directory."""

    def __init__(self, directory):
        contract = json.loads(Path(directory, "cluster.json").read_text())
        self.server = contract["server"]
        self.ca = Path(contract["ca"]).read_text()
        self.audit_log = Path(contract["auditLog"])
        self._anyone = ssl.create_default_context(cadata=self.ca)
        self.admin_tls = ssl.create_default_context(cadata=self.ca)
        self.admin_tls.load_cert_chain(contract["adminCert"], contract["adminKey"])
        der = subprocess.run(
            ["openssl", "x509", "-in", contract["ca"], "-noout", "-pubkey"], check=True, capture_output=True
        ).stdout
        key = subprocess.run(
            ["openssl", "pkey", "-pubin", "-outform", "DER"], input=der, check=True, capture_output=True
        ).stdout
        self.ca_hash = "sha256:" + hashlib.sha256(key).hexdigest()

    def ask(self, method, path, body=None, bearer=None):
        """Status and body of an answer; as the administrator, or as whoever bears a token."""
        headers = {"Content-Type": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.server + path, data, headers, method=method)
        try:
            context = self._anyone if bearer else self.admin_tls
            with urllib.request.urlopen(request, context=context, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def must(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path}: {status} {answer}")
        return answer

    def issue(self):
        """A fresh token that the API server accepts already and has signed cluster-info with."""
        token = Token(random_word(6), random_word(16))
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        self.must("POST", "/api/v1/namespaces/kube-system/secrets", {
            "apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
            "metadata": {"name": f"bootstrap-token-{token.id}", "namespace": "kube-system"},
            "stringData": {
                "token-id": token.id, "token-secret": token.secret,
                "usage-bootstrap-authentication": "true", "usage-bootstrap-signing": "true",
                "auth-extra-groups": GROUP, "expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        })
        signature = f"jws-kubeconfig-{token.id}"
        info = "/api/v1/namespaces/kube-public/configmaps/cluster-info"
        until("a fresh token is accepted", lambda: self.ask("GET", "/version", bearer=token.text)[0] == 200)
        until("cluster-info is signed", lambda: signature in self.must("GET", info)["data"])
        return token

    def delete_node(self, name):
        self.ask("DELETE", f"/api/v1/nodes/{name}")

    def seed(self):
        """What `kubeadm init` leaves for those who join, beyond what control-plane has made."""
        configuration = (
            "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nclusterName: kubernetes\n"
            "certificatesDir: /etc/kubernetes/pki\nimageRepository: k8s.gcr.io\nkubernetesVersion: v1.20.2\n"
            f"controlPlaneEndpoint: {self.server.removeprefix('https://')}\n"
            "networking:\n  dnsDomain: cluster.local\n  serviceSubnet: 10.96.0.0/16\n"
        )
        proxy = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
        maps = "/api/v1/namespaces/kube-system/configmaps"
        for name, data in [
            ("kubeadm-config", {"ClusterConfiguration": configuration}),
            ("kube-proxy", {"config.conf": proxy}),
        ]:
            self.must("POST", maps, {"metadata": {"name": name}, "data": data})
            self._readable(name)
        self.must("POST", f"{RBAC}/clusterroles", {
            "metadata": {"name": "kubeadm:get-nodes"},
            "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}],
        })
        self.must("POST", f"{RBAC}/clusterrolebindings", {
            "metadata": {"name": "kubeadm:get-nodes"}, "subjects": subjects(GROUP),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "kubeadm:get-nodes"},
        })

    def _readable(self, config_map):
        role = {"name": f"kubeadm:{config_map}"}
        path = f"{RBAC}/namespaces/kube-system"
        self.must("POST", f"{path}/roles", {"metadata": role, "rules": [
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [config_map], "verbs": ["get"]},
        ]})
        self.must("POST", f"{path}/rolebindings", {
            "metadata": role, "subjects": subjects(GROUP, "system:nodes"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", **role},
        })

    def mark(self):
        """Where the audit log ends now."""
        return self.audit_log.stat().st_size

    def requests(self, mark):
        """The requests since then, in order. A watch has several entries and is one request."""
        with open(self.audit_log, "rb") as log:
            log.seek(mark)
            lines = log.read().split(b"\n")[:-1]
        found = {}
        for event in map(json.loads, lines):
            found[event["auditID"]] = {
                "user": event["user"].get("username", ""),
                "agent": event.get("userAgent", ""),
                "verb": event["verb"],
                "path": event["requestURI"].split("?")[0],
                "status": event.get("responseStatus", {}).get("code", 0),
                "ended": _unix(event["stageTimestamp"]),
            }
        return list(found.values())

    def registration(self, mark, name, alive, patience=90):
        """When the API server had made the node's object: Unix time, by its own audit log."""
        def look():
            for request in self.requests(mark):
                if (request["verb"], request["path"], request["status"], request["user"]) == (
                        "create", "/api/v1/nodes", 201, f"system:node:{name}"):
                    return request["ended"]
            alive()
            return None
        return until(f"{name} is registered", look, patience)


def subjects(*groups):
    return [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group} for group in groups]


def _unix(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def until(what, look, patience=30):
    """The first answer that is one; asked every 20 ms."""
    deadline = time.monotonic() + patience
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {patience} s: {what}")
        time.sleep(0.02)
