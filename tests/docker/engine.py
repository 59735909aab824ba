"""Docker's own engine, for tests alone: in a network of its own, with its folder beside the builder's store.

What it was handed stays there: an image that did not change is not handed over again. Needs root.
"""

import fcntl
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.single import Server
from tests.debian_packages import require_tools

PACKAGES = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "docker-compose": "docker-compose",
    "iptables": "iptables",
    "ip": "iproute2",
}
NETWORK = "luftengine"
LIMIT_S = 600


def install_engine():
    """The engine and its client, and compose, as root."""
    require_tools(PACKAGES, as_root=True)


@dataclass(frozen=True)
class Engine:
    """A running engine; everything that it publishes is in its own network."""

    folder: Path

    @property
    def address(self):
        return f"unix://{self.folder}/docker.sock"

    def run(self, *command, environment=(), check=True, text=None):
        """Run a command that talks to it, from within its network."""
        given = {**os.environ, "DOCKER_HOST": self.address, **dict(environment)}
        ended = subprocess.run(
            [*inside(), *command], input=text, env=given, capture_output=True, text=True, check=False,
            timeout=LIMIT_S,
        )  # fmt: skip
        assert not check or ended.returncode == 0, f"{' '.join(command)}: {ended.stderr[-3000:]}"
        return ended

    def hand_over(self, builder, name):
        """An image of the builder's, where it is not the one that is there."""
        if self.run("docker", "images", "--no-trunc", "--quiet", name).stdout.strip() == builder.image_id(
            name
        ):
            return
        archive = self.folder / "image.tar"
        try:
            builder.buildah("push", "--quiet", name, f"docker-archive:{archive}:{name}")
            self.run("docker", "load", "--quiet", "--input", str(archive))
        finally:
            archive.unlink(missing_ok=True)


def inside(*command):
    """The command in the engine's network."""
    return ["nsenter", f"--net=/run/netns/{NETWORK}", *command]


@contextmanager
def running_engine(folder):
    """The engine, with its images of before and nothing else; UnavailableError where it cannot start."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _ip("add", NETWORK)
        try:
            subprocess.run(inside("ip", "link", "set", "lo", "up"), check=True)
            with _started(folder) as engine:
                yield engine
        finally:
            _ip("del", NETWORK)


@contextmanager
def _started(folder):
    engine, log = Engine(folder), folder / "log"
    log.unlink(missing_ok=True)
    command = [
        "dockerd", "--host", engine.address, "--data-root", str(folder / "data"),
        "--exec-root", str(folder / "run"), "--pidfile", str(folder / "pid"),
    ]  # fmt: skip
    server = Server(inside(*command), log=log, require=lambda: _require_answer(engine))
    try:
        server.start()
    except (OSError, UnavailableError) as error:
        raise UnavailableError(f"Docker's engine does not start here: {log.read_text()[-600:]}") from error
    try:
        _forget_containers(engine)
        yield engine
        _forget_containers(engine)
        engine.run("docker", "image", "prune", "--force")
    finally:
        server.stop()
        shutil.rmtree(folder / "run", ignore_errors=True)


def _forget_containers(engine):
    names = engine.run("docker", "ps", "--all", "--quiet").stdout.split()
    if names:
        engine.run("docker", "rm", "--force", "--volumes", *names)
    for kind in ("volume", "network"):
        engine.run("docker", kind, "prune", "--force")


def _require_answer(engine):
    if engine.run("docker", "version", check=False).returncode != 0:
        raise UnavailableError("it does not answer")


def _ip(*arguments):
    ended = subprocess.run(["ip", "netns", *arguments], capture_output=True, text=True, check=False)
    if ended.returncode != 0 and "File exists" not in ended.stderr:
        raise UnavailableError(f"ip netns {' '.join(arguments)}: {ended.stderr.strip()}")
