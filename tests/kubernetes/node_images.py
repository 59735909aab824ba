"""Images for the nodes without a registry: unpacked once, and linked into each node's containerd."""

import json
import shutil
import tempfile
from pathlib import Path

from local_stack.single import Server
from tests.docker.server_images import build_node_servers
from tests.kubernetes.binaries import install_control_plane
from tests.kubernetes.node_files import PAUSE_IMAGE
from tests.kubernetes.nodes import run

SERVICES = ("scraper", "collector", "app-predict", "flink-jobs")
TAG = "test"
# What containerd writes to; everything else only comes and goes.
WRITTEN = ("io.containerd.metadata.v1.bolt/meta.db", "io.containerd.snapshotter.v1.overlayfs/metadata.db")


def build_images(builder):
    """Every image that a pod of ours needs; their names."""
    names = [builder.build_service(service) for service in SERVICES]
    return [*names, build_node_servers(builder), _pause(builder)]


def unpacked(builder, names):
    """A containerd's folder that has them, beside the builder's store; what did not change is there."""
    folder = builder.folder / "unpacked"
    folder.mkdir(exist_ok=True)
    there = folder / "images.json"
    with builder.building():
        found = json.loads(there.read_text()) if there.exists() else {}
        wanted = {name: builder.image_id(name) for name in names}
        changed = [name for name in names if found.get(name) != wanted[name]]
        if changed:
            _unpack(builder, names, changed, folder)
        there.write_text(json.dumps(wanted))
    return folder / "root"


def _unpack(builder, wanted, changed, folder):
    socket, configuration = folder / "containerd.sock", folder / "containerd.toml"
    configuration.write_text(
        'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
        f'root = "{folder}/root"\nstate = "{folder}/state"\n[grpc]\n address = "{socket}"\n'
    )
    ctr = ("ctr", "-a", str(socket), "-n", "k8s.io")
    command = ["containerd", "-c", str(configuration)]
    server = Server(command, log=folder / "log", require=lambda: run(*ctr, "version"))
    server.start()
    try:
        kept = {_full(name) for name in wanted if name not in changed}
        for name in set(run(*ctr, "images", "ls", "-q").stdout.split()) - kept:
            # At once, for containerd's own time to forget layers would come after its end.
            run(*ctr, "images", "rm", "--sync", name)
        for name in changed:
            _hand_over(builder, name, ctr, folder)
    finally:
        server.stop()


def _full(name):
    return name if name.startswith("localhost/") else f"docker.io/{name}"


def linked(root, node):
    """The same for a node's containerd: links to what none writes, copies of what each does."""
    target = node.folder / "containerd"
    run("cp", "-al", f"{root}/.", str(target), limit_s=300)
    for name in WRITTEN:
        (target / name).unlink()
        shutil.copy2(root / name, target / name)


def _hand_over(builder, name, ctr, folder):
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        archive = f"{scratch}/image.tar"
        full = _full(name)
        builder.buildah("push", "-q", name, f"docker-archive:{archive}:{full}")
        run(*ctr, "images", "import", archive, limit_s=600)


def _pause(builder):
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copy(install_control_plane() / "pause", scratch)
        (Path(scratch) / "Dockerfile").write_text('FROM scratch\nCOPY pause /pause\nENTRYPOINT ["/pause"]\n')
        builder.build_stand_in(Path(scratch) / "Dockerfile", "scratch", PAUSE_IMAGE, Path(scratch))
    return PAUSE_IMAGE
