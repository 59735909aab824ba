"""Three real nodes on one machine: a network namespace each with its own containerd, kubelet and kube-proxy.

The control plane and CoreDNS stay in the machine's own namespace, at the bridge's address. Needs root.
All that is made is taken down again: pods, mounts, namespaces, cgroups, the bridge, what was set.
"""

import os
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.single import Server
from tests.kubernetes.binaries import install_control_plane
from tests.kubernetes.cluster import running_cluster
from tests.kubernetes.node_files import corefile, write_node_files

BRIDGE, GATEWAY = "lnbr0", "10.89.0.1"
SERVICES = "10.96.0.0/16"
NAMES = ("ln1", "ln2", "ln3")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
CGROUPS = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd",
               "net_cls", "net_prio", "perf_event", "hugetlb")  # fmt: skip
READY_LIMIT_S = 120
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "conntrack": "conntrack",
    "nft": "nftables",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "ip": "iproute2",
    "openssl": "openssl",
}
GIB = 1024**3
NODE_BYTES = 7 * GIB


@dataclass(frozen=True)
class Node:
    """A node, and where its things lie."""

    number: int
    folder: Path
    proxy_kubeconfig: Path

    @property
    def name(self):
        return NAMES[self.number - 1]

    @property
    def address(self):
        return f"10.89.0.1{self.number}"

    @property
    def pods(self):
        """Addresses of its pods."""
        return f"10.89.{128 + self.number}.0/24"

    @property
    def socket(self):
        return self.folder / "run" / "containerd.sock"

    def inside(self, *command):
        """The command in this node's network; mounts are the machine's, for containerd must see kubelet's."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *command]

    def ctr(self, *arguments, check=True):
        command = ["ctr", "-a", str(self.socket), "-n", "k8s.io", *arguments]
        return run(*command, check=check)


def run(*command, check=True, limit_s=120):
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit_s)
    if check and ended.returncode != 0:
        raise UnavailableError(f"{' '.join(command)}: {(ended.stderr or ended.stdout).strip()[-800:]}")
    return ended


def why_not():
    """Why there can be no nodes on this machine; None where there can."""
    if os.geteuid() != 0:
        return "three nodes need root: network namespaces, containerd, mounts"
    if not (CGROUPS / "memory").is_dir():
        return "three nodes need cgroup v1 at /sys/fs/cgroup: they were written and run on that"
    if any(Path(f"/run/netns/{name}").exists() for name in NAMES):
        return f"network namespaces {', '.join(NAMES)} are here already: another run has them"
    return None


@contextmanager
def running_nodes(folder, *, give_images):
    """A cluster of three nodes, all Ready; `give_images(node)` fills its containerd before."""
    binaries = install_control_plane()
    nodes = [Node(number, folder / name, folder / "kube-proxy.yaml") for number, name in enumerate(NAMES, 1)]
    with ExitStack() as stack:
        stack.callback(_remove_networks, _pod_networks())
        _make_networks(nodes, stack)
        accounts = {f"system:node:{node.name}": "system:nodes" for node in nodes}
        accounts |= {"system:kube-proxy": "", "coredns": "system:masters"}
        cluster = stack.enter_context(running_cluster(folder, address=GATEWAY, accounts=accounts))
        shutil.copy(folder / "system:kube-proxy.yaml", folder / "kube-proxy.yaml")
        (folder / "Corefile").write_text(corefile(folder / "coredns.yaml", gateway=GATEWAY))
        _start(stack, [binaries / "coredns", "-conf", folder / "Corefile"], folder / "coredns.log")
        for node in nodes:
            write_node_files(node, gateway=GATEWAY, reserved_memory=_reserved())
            stack.callback(_remove_cgroups, node)
            _make_cgroups(node)
            give_images(node)
            _start_node(stack, binaries, node)
        _wait_until_ready(cluster, folder)
        yield cluster


def _start(stack, command, log, require=lambda: None):
    server = Server([str(each) for each in command], log=log, require=require)
    server.start()
    stack.callback(server.kill)


def _start_node(stack, binaries, node):
    folder = node.folder
    stack.callback(_remove_mounts, folder)
    command = node.inside("containerd", "-c", folder / "containerd.toml")
    _start(stack, command, folder / "containerd.log", lambda: node.ctr("version"))
    stack.callback(_remove_containers, node)
    kubelet = node.inside(
        binaries / "kubelet", f"--config={folder / 'kubelet.yaml'}",
        f"--kubeconfig={folder.parent / f'system:node:{node.name}.yaml'}",
        f"--root-dir={folder / 'kubelet'}", f"--cert-dir={folder / 'kubelet' / 'pki'}",
        f"--hostname-override={node.name}", f"--node-ip={node.address}",
    )  # fmt: skip
    _start(stack, kubelet, folder / "kubelet.log")
    proxy = node.inside(binaries / "kube-proxy", f"--config={folder / 'proxy.yaml'}")
    _start(stack, proxy, folder / "kube-proxy.log")


def _wait_until_ready(cluster, folder):
    ends_at_s = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < ends_at_s:
        conditions = [
            condition for node in cluster.items("/api/v1/nodes")
            for condition in node["status"]["conditions"] if condition["type"] == "Ready"
        ]  # fmt: skip
        if [each["status"] for each in conditions] == ["True"] * len(NAMES):
            return
        time.sleep(0.2)
    logs = "\n".join((folder / name / "kubelet.log").read_text()[-1500:] for name in NAMES)
    raise UnavailableError(f"nodes are not ready: {conditions}\n{logs}")


def _reserved():
    """Memory that is kept from each node, so that it offers 7 GiB as one of a small cluster."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return str(max(total - NODE_BYTES, 0))


def _make_networks(nodes, stack):
    before = FORWARDING.read_text()
    stack.callback(FORWARDING.write_text, before)
    FORWARDING.write_text("1")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    for node in nodes:
        _make_network(node, nodes)
    # By the first node's kube-proxy this machine, too, reaches Services.
    run("ip", "route", "add", SERVICES, "via", nodes[0].address)


def _make_network(node, nodes):
    name = node.name
    run("ip", "netns", "add", name)
    run("ip", "link", "add", f"v{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "link", "set", f"v{name}", "master", BRIDGE, "up")
    run("ip", "-n", name, "link", "set", "lo", "up")
    run("ip", "-n", name, "addr", "add", f"{node.address}/24", "dev", "eth0")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "route", "add", "default", "via", GATEWAY)
    run("ip", "route", "add", node.pods, "via", node.address)
    for other in nodes:
        if other is not node:
            run("ip", "-n", name, "route", "add", other.pods, "via", other.address)
    settings = ("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
    run(*node.inside("sysctl", "-qw", *settings))


def _pod_networks():
    return {path.name for path in Path("/run/netns").glob("cni-*")}


def _remove_networks(pods_of_others):
    for name in (*NAMES, *(_pod_networks() - pods_of_others)):
        run("ip", "netns", "del", name, check=False)
    run("ip", "link", "del", BRIDGE, check=False)


def _make_cgroups(node):
    for controller in CONTROLLERS:
        parent = CGROUPS / controller
        if not parent.is_dir():
            continue
        (parent / node.name).mkdir(exist_ok=True)
        if controller == "cpuset":
            for name in ("cpuset.cpus", "cpuset.mems"):
                (parent / node.name / name).write_text((parent / name).read_text())


def _remove_cgroups(node):
    for controller in CGROUPS.iterdir():
        for folder, _, _ in os.walk(controller / node.name, topdown=False):
            _remove_cgroup(Path(folder))


def _remove_cgroup(folder, limit_s=10):
    """A group goes once its last process is gone."""
    ends_at_s = time.monotonic() + limit_s
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > ends_at_s:
                raise
            time.sleep(0.1)
        else:
            return


def _remove_containers(node):
    """Everything that runs there, with -9; its data is of no use any more."""
    for name in node.ctr("tasks", "ls", "-q", check=False).stdout.split():
        node.ctr("tasks", "kill", "--signal", "KILL", "--all", name, check=False)
    for name in node.ctr("containers", "ls", "-q", check=False).stdout.split():
        node.ctr("tasks", "delete", "--force", name, check=False)
        node.ctr("containers", "rm", name, check=False)


def _remove_mounts(folder):
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for path in sorted((path for path in mounted if path.startswith(f"{folder}/")), reverse=True):
        run("umount", "--lazy", path, check=False)
