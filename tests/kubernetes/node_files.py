"""What each node's programs are told: containerd, kubelet, kube-proxy, the network of pods, and the names."""

import json

import yaml

PAUSE_IMAGE = "localhost/pause:1"
CLUSTER_DOMAIN = "cluster.local"
PODS = "10.89.128.0/17"
# Cut off from what else this machine does: a busy one is no fault of a node.
EVICTION = {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"}


def write_node_files(node, *, gateway, reserved_memory):
    """All of a node's files, into its folder."""
    folder = node.folder
    for name in ("cni", "containerd", "kubelet", "run", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(_pod_network(node)))
    (folder / "containerd.toml").write_text(_containerd(folder))
    (folder / "resolv.conf").write_text(f"nameserver {gateway}\n")
    (folder / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(node, gateway, reserved_memory)))
    (folder / "proxy.yaml").write_text(yaml.safe_dump(_proxy(node)))


def corefile(kubeconfig, *, gateway):
    """Names of the cluster, and no others: in one block with the cluster's a catch-all would answer first."""
    return f"""\
{CLUSTER_DOMAIN}:53 in-addr.arpa:53 {{
 bind {gateway}
 errors
 kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{
  kubeconfig {kubeconfig} test
 }}
}}
.:53 {{
 bind {gateway}
 template ANY ANY {{
  rcode NXDOMAIN
 }}
}}
"""


def _pod_network(node):
    ranges = [[{"subnet": node.pods}]]
    ipam = {"type": "host-local", "dataDir": str(node.folder / "addresses"), "ranges": ranges,
            "routes": [{"dst": "0.0.0.0/0"}]}  # fmt: skip
    point_to_point = {"type": "ptp", "mtu": 1450, "ipMasq": False, "ipam": ipam}
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [point_to_point]}


def _containerd(folder):
    # An unprivileged machine may not lower a score of the out-of-memory killer.
    return f"""\
version = 2
root = "{folder}/containerd"
state = "{folder}/run/containerd"
[grpc]
 address = "{folder}/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
 sandbox_image = "{PAUSE_IMAGE}"
 restrict_oom_score_adj = true
 [plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{folder}/cni"
 [plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
   runtime_type = "io.containerd.runc.v2"
"""


def _kubelet(node, gateway, reserved_memory):
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "readOnlyPort": 0,
        "healthzPort": 0,
        # The bridge is this machine's alone; logs are fetched without a certificate.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "clusterDNS": [gateway],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(node.folder / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "localStorageCapacityIsolation": False,
        "enforceNodeAllocatable": [],
        "systemReserved": {"memory": reserved_memory},
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "maxPods": 60,
        "evictionHard": EVICTION,
        "imageGCHighThresholdPercent": 100,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "podLogsDir": str(node.folder / "log"),
    }


def _proxy(node):
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clusterCIDR": PODS,
        "hostnameOverride": node.name,
        "clientConnection": {"kubeconfig": str(node.proxy_kubeconfig)},
        # Limits of the whole machine are not a node's to change.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "healthzBindAddress": f"{node.address}:10256",
        "metricsBindAddress": f"{node.address}:10249",
    }
