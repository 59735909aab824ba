"""A container as strict as on a cluster: not root, nothing writable but /tmp, no capabilities; by runc."""

import json
import subprocess
import uuid
from contextlib import contextmanager

UID = 10001
NAMESPACES = ("pid", "ipc", "uts", "mount")  # not the network: our servers are on the loopback interface
LIMIT_S = 400


class Containers:
    """Runs images of a builder."""

    def __init__(self, builder, folder):
        self._builder, self._folder = builder, folder
        self._state = str(folder / "runc")

    def run(self, image, *arguments, entrypoint=None, environment=(), mounts=(), uid=UID):
        """Run to its end."""
        with self._bundle(image, arguments, entrypoint, dict(environment), mounts, uid) as (bundle, name):
            return subprocess.run(
                self._command(bundle, name), capture_output=True, text=True, timeout=LIMIT_S, check=False
            )

    @contextmanager
    def running(self, image, *arguments, log, entrypoint=None, environment=(), mounts=(), uid=UID):
        """Run while the block does; then it is stopped with SIGTERM, as a cluster does."""
        with self._bundle(image, arguments, entrypoint, dict(environment), mounts, uid) as (bundle, name):
            with log.open("wb") as output:
                process = subprocess.Popen(self._command(bundle, name), stdout=output, stderr=output)
            try:
                yield process
                process.terminate()  # runc hands it on
                assert process.wait(LIMIT_S) == 0, log.read_text()[-3000:]
            finally:
                if process.poll() is None:
                    subprocess.run(["runc", "--root", self._state, "kill", name, "KILL"], check=False)
                    process.wait(LIMIT_S)

    def _command(self, bundle, name):
        return ["runc", "--root", self._state, "run", "--bundle", str(bundle), name]

    @contextmanager
    def _bundle(self, image, arguments, entrypoint, environment, mounts, uid):
        container = self._builder.buildah("from", "--pull-never", image).stdout.strip()
        rootfs = self._builder.buildah("mount", container).stdout.strip()
        told = self._builder.configuration(image)
        name = f"luftstrom-test-{uuid.uuid4().hex[:12]}"
        bundle = self._folder / name
        bundle.mkdir()
        arguments = [*(told["Entrypoint"] if entrypoint is None else entrypoint), *arguments]
        given = dict(each.split("=", 1) for each in told["Env"]) | environment
        specification = _specification(rootfs, arguments, given, told.get("WorkingDir", "/"), mounts, uid)
        (bundle / "config.json").write_text(json.dumps(specification))
        try:
            yield bundle, name
        finally:
            self._builder.buildah("rm", container)


def _specification(rootfs, arguments, environment, folder, mounts, uid):
    tmpfs = {"type": "tmpfs", "source": "tmpfs"}
    return {
        "ociVersion": "1.0.2",
        "hostname": "localhost",
        "root": {"path": rootfs, "readonly": True},
        "process": {
            "terminal": False,
            "user": {"uid": uid, "gid": uid},
            "args": arguments,
            "env": [f"{name}={value}" for name, value in environment.items()],
            "cwd": folder,
            "noNewPrivileges": True,
            "capabilities": {},
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/etc/hosts", "type": "bind", "source": "/etc/hosts", "options": ["bind", "ro"]},
            {"destination": "/dev", **tmpfs, "options": ["nosuid", "mode=755", "size=1m"]},
            {"destination": "/tmp", **tmpfs, "options": ["nosuid", "nodev", "mode=1777"]},
            *(
                {"destination": inside, "type": "bind", "source": str(outside), "options": ["rbind", how]}
                for outside, inside, how in mounts
            ),
        ],
        "linux": {"namespaces": [{"type": each} for each in NAMESPACES]},
    }
