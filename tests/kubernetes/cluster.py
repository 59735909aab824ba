"""A real etcd, kube-apiserver, controller-manager and scheduler on free ports.

Its nodes are `fake_nodes`, or real ones: `nodes`.
"""

import json
import secrets
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from contracts.errors import UnavailableError
from local_stack.ports import free_ports
from local_stack.single import Server
from tests.kubernetes.binaries import install_control_plane, install_tools

HOST = "127.0.0.1"
ADMIN, CONTROLLERS, SCHEDULER = "admin", "system:kube-controller-manager", "system:kube-scheduler"
TIMEOUT_S = 60


@dataclass(frozen=True)
class Cluster:
    """A running control plane and how to reach it as its administrator."""

    url: str
    session: requests.Session
    kubeconfig: Path
    kubectl_path: Path

    def kubectl(self, *arguments, text=None, limit_s=120):
        """Run kubectl; the finished process."""
        command = [str(self.kubectl_path), "--kubeconfig", str(self.kubeconfig), *arguments]
        return subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=limit_s
        )

    def ask(self, method, path, body=None, *, patch="application/strategic-merge-patch+json", **parameters):
        """One request; the answer, None where nothing is there."""
        headers = {"Content-Type": patch if method == "PATCH" else "application/json"}
        answer = self.session.request(
            method, f"{self.url}{path}", data=None if body is None else json.dumps(body),
            headers=headers, params=parameters, timeout=TIMEOUT_S,
        )  # fmt: skip
        if answer.status_code == requests.codes.not_found:
            return None
        if not answer.ok:
            raise UnavailableError(f"{method} {path}: {answer.status_code} {answer.text[:600]}")
        return answer.json()

    def items(self, path, **parameters):
        """What a list has."""
        return (self.ask("GET", path, **parameters) or {"items": []})["items"]

    def define(self, *paths, limit_s=TIMEOUT_S):
        """Apply definitions of resources, and wait until the server knows each."""
        ended = self.kubectl("apply", "--server-side", *(f"--filename={path}" for path in paths))
        assert ended.returncode == 0, ended.stderr
        ends_at_s = time.monotonic() + limit_s
        # At first one may have no conditions at all, which kubectl takes for an error of the server.
        while self._wait_for_definitions() != 0:
            assert time.monotonic() < ends_at_s, "not every definition is known to the server"
            time.sleep(0.2)

    def _wait_for_definitions(self):
        wait = ("wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
        return self.kubectl(*wait).returncode

    def may(self, account, verb, resource, *, namespace, group="", name=""):
        """Whether a service account may do that."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{namespace}:{account}",
                "groups": ["system:serviceaccounts", "system:authenticated"],
                "resourceAttributes": {
                    "namespace": namespace, "verb": verb, "resource": resource, "group": group, "name": name,
                },
            },
        }  # fmt: skip
        return self.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)["status"][
            "allowed"
        ]


@contextmanager
def running_cluster(folder, *, address=None, accounts=None):
    """A control plane without nodes.

    With an `address` real nodes reach it there, each by a token of its own: `accounts` has their groups.
    """
    binaries = install_control_plane()
    ports = dict(zip(("etcd", "peer", "api", "controllers", "scheduler"), free_ports(5), strict=True))
    tokens = _credentials(folder, accounts or {})
    url = f"https://{address or HOST}:{ports['api']}"
    session = requests.Session()
    session.trust_env = False  # a bundle or proxy of the environment is not of this cluster
    session.headers["Authorization"] = f"Bearer {tokens[ADMIN]}"
    session.verify = str(folder / "certificates" / "apiserver.crt")
    for user, token in tokens.items():
        _kubeconfig(folder, user, token, url)

    def require_api():
        try:
            answer = session.get(f"{url}/readyz", timeout=5)
        except (requests.RequestException, OSError) as error:
            raise UnavailableError(str(error)) from error
        if not answer.ok:
            raise UnavailableError(answer.text)

    with ExitStack() as stack:
        for name, command, require in (
            ("etcd", _etcd(folder, ports), lambda: _require_etcd(ports["etcd"])),
            ("kube-apiserver", _apiserver(folder, ports, address), require_api),
            ("kube-controller-manager", _controllers(folder, ports, address), lambda: None),
            ("kube-scheduler", _scheduler(folder, ports), lambda: None),
        ):
            server = Server([str(binaries / name), *command], log=folder / f"{name}.log", require=require)
            server.start()
            stack.callback(server.kill)  # nothing is left to be kept
        yield Cluster(url, session, folder / f"{ADMIN}.yaml", install_tools().kubectl)


def _credentials(folder, accounts):
    """A token for each, and the key of service accounts' tokens."""
    group_by_user = {ADMIN: "system:masters", CONTROLLERS: "", SCHEDULER: "", **accounts}
    tokens = {user: secrets.token_hex(16) for user in group_by_user}
    lines = [f'{token},{user},{user},"{group_by_user[user]}"' for user, token in tokens.items()]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
    command = [
        "openssl",
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        str(folder / "accounts.key"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return tokens


def _kubeconfig(folder, user, token, url):
    server = {"server": url, "certificate-authority": str(folder / "certificates" / "apiserver.crt")}
    configuration = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": server}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user}}],
        "current-context": "test",
    }  # fmt: skip
    (folder / f"{user}.yaml").write_text(yaml.safe_dump(configuration))


def _etcd(folder, ports):
    client, peer = f"http://{HOST}:{ports['etcd']}", f"http://{HOST}:{ports['peer']}"
    return [
        "--data-dir", str(folder / "etcd"), "--listen-client-urls", client, "--advertise-client-urls", client,
        "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
        "--initial-cluster", f"default={peer}", "--unsafe-no-fsync", "--log-level", "warn",
    ]  # fmt: skip


def _apiserver(folder, ports, address):
    # Without real nodes nobody would take the taint of a new one away again.
    of_nodes = (
        [f"--advertise-address={address}", "--endpoint-reconciler-type=lease", "--allow-privileged=true",
         "--kubelet-preferred-address-types=InternalIP", "--enable-admission-plugins=NodeRestriction"]
        if address
        else ["--endpoint-reconciler-type=none", "--disable-admission-plugins=TaintNodesByCondition"]
    )  # fmt: skip
    return [
        f"--etcd-servers=http://{HOST}:{ports['etcd']}",
        f"--bind-address={address or HOST}", f"--secure-port={ports['api']}",
        f"--cert-dir={folder / 'certificates'}", f"--token-auth-file={folder / 'tokens.csv'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
        "--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC", *of_nodes,
    ]  # fmt: skip


def _controllers(folder, ports, address):
    kubeconfig = folder / f"{CONTROLLERS}.yaml"
    # Nodes without a kubelet do not say that they live. Pods know the server by its own certificate.
    of_nodes = (
        [f"--root-ca-file={folder / 'certificates' / 'apiserver.crt'}"]
        if address
        else ["--controllers=*,-node-lifecycle-controller,-taint-eviction-controller"]
    )
    return [
        f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}", "--leader-elect=false", f"--bind-address={HOST}",
        f"--secure-port={ports['controllers']}",
        f"--service-account-private-key-file={folder / 'accounts.key'}",
        "--use-service-account-credentials", *of_nodes,
    ]  # fmt: skip


def _scheduler(folder, ports):
    kubeconfig = folder / f"{SCHEDULER}.yaml"
    return [
        f"--kubeconfig={kubeconfig}", f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}", "--leader-elect=false", f"--bind-address={HOST}",
        f"--secure-port={ports['scheduler']}",
    ]  # fmt: skip


def _require_etcd(port):
    try:
        answer = requests.get(f"http://{HOST}:{port}/health", timeout=2)
    except requests.RequestException as error:
        raise UnavailableError(str(error)) from error
    if not answer.ok:
        raise UnavailableError(answer.text)
