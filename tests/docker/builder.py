"""Images built for real, without a daemon or a registry: by buildah, on a base of debootstrap.

Their store lies in the cache folder: what did not change is not built again, as with anybody's own engine.
"""

import fcntl
import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from local_stack.install.cache import cache_dir
from tests.debian_packages import require_tools

ROOT = Path(__file__).parents[2]
PACKAGES = ("buildah", "debootstrap", "runc")
BASE_PACKAGES = "ca-certificates,python3,python3-venv,openssl"
BASE = "localhost/base:bookworm"
CAS = "/etc/ssl/certs/ca-certificates.crt"
# Of no use in an image, and not in the slim ones either.
LEFT_OUT = (
    "var/cache/apt",
    "var/lib/apt/lists",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "var/log",
)
MB = 1000**2
# A change of the rooms adds about 45, and 0.12 GB; beyond, all is made anew.
IMAGES_MAX = 600


def install_tools():
    """What builds and runs images, as root."""
    require_tools({name: name for name in PACKAGES}, as_root=True)


@contextmanager
def shared_builder():
    """The store that every run and worker uses; too large a one is thrown away where nobody else is at it."""
    folder = cache_dir() / "images"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.lock").open("w") as users:
        builder = Builder(folder)
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            builder.make_room()
        except BlockingIOError:
            pass  # somebody is at it
        fcntl.flock(users, fcntl.LOCK_SH)
        with builder.building():
            builder.make_base()
        yield builder


class Builder:
    """A store of images in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self._store = [
            "--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "overlay",
        ]  # fmt: skip

    def buildah(self, *arguments, check=True):
        ended = subprocess.run(
            ["buildah", *self._store, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert not check or ended.returncode == 0, ended.stderr[-3000:]
        return ended

    @contextmanager
    def building(self):
        """One builds at a time: whoever waits finds it built."""
        with (self.folder / "building.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def make_room(self):
        """Containers of runs that were killed go, and everything where there is too much of it."""
        self.buildah("rm", "--all", check=False)
        if len(self.buildah("images", "--all", "--quiet", check=False).stdout.split()) > IMAGES_MAX:
            self.buildah("rmi", "--all", "--force", check=False)

    def make_base(self):
        """Debian with Python 3.11, as small as the slim images."""
        if self.buildah("inspect", "--type", "image", BASE, check=False).returncode == 0:
            return
        rootfs = self.folder / "base"
        shutil.rmtree(rootfs, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", str(rootfs)]
        subprocess.run(command, check=True, capture_output=True)
        for name in LEFT_OUT:
            shutil.rmtree(rootfs / name, ignore_errors=True)
            (rootfs / name).mkdir()
        container = self.buildah("from", "scratch").stdout.strip()
        self.buildah("copy", "-q", container, str(rootfs), "/")
        self.buildah("commit", "-q", "--rm", container, BASE)
        shutil.rmtree(rootfs)

    def build_service(self, service):
        """The image's name; built as a user would, but for the base and this network's CAs."""
        dockerfile = "flink.Dockerfile" if service == "flink-jobs" else "Dockerfile"
        name = f"luftstrom/{service}:test"
        cas = ["-v", f"{CAS}:{CAS}:ro"] if Path(CAS).exists() else []
        with self.building():
            self.buildah(
                "bud", "--format", "docker", "--isolation", "chroot", "--network", "host", "--layers", *cas,
                "--build-arg", f"BASE_IMAGE={BASE}", "--build-arg", f"SERVICE={service}",
                "-f", f"docker/{dockerfile}", "-t", name, ".",
            )  # fmt: skip
        return name

    def build_stand_in(self, dockerfile, base, name, context):
        """An image for tests alone, from a folder of its own."""
        with self.building():
            self.buildah(
                "bud", "-q", "--format", "docker", "--isolation", "chroot", "--network", "host", "--layers",
                "--build-arg", f"BASE_IMAGE={base}", "-f", str(dockerfile), "-t", name, str(context),
            )  # fmt: skip

    def image_id(self, name):
        """What changes with the image."""
        return self.buildah("images", "--no-trunc", "--quiet", name).stdout.strip()

    def size(self, name):
        """Bytes of the whole image."""
        (container,) = [self.buildah("from", "--pull-never", name).stdout.strip()]
        try:
            mounted = self.buildah("mount", container).stdout.strip()
            counted = subprocess.run(
                ["du", "-sxb", mounted], capture_output=True, text=True, check=True
            ).stdout
            return int(counted.split()[0])
        finally:
            self.buildah("rm", container)

    def configuration(self, name):
        """What the image says of itself, as of the OCI."""
        return json.loads(self.buildah("inspect", "--type", "image", name).stdout)["Docker"]["config"]

    def unpacked(self, name, folder):
        """The image's files in a folder."""
        container = self.buildah("from", "--pull-never", name).stdout.strip()
        mounted = self.buildah("mount", container).stdout.strip()
        subprocess.run(["cp", "-a", f"{mounted}/.", str(folder)], check=True)
        self.buildah("rm", container)
        return folder
