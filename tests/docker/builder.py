"""Images built for real, without a daemon or a registry: buildah, a base of debootstrap, a passing store."""

import json
import shutil
import subprocess
from pathlib import Path

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


def install_tools():
    """What builds and runs images, as root."""
    require_tools({name: name for name in PACKAGES}, as_root=True)


class Builder:
    """A store of images in a folder of its own."""

    def __init__(self, folder):
        self._folder = folder
        self._store = [
            "--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "overlay",
        ]  # fmt: skip

    def buildah(self, *arguments, check=True):
        ended = subprocess.run(
            ["buildah", *self._store, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert not check or ended.returncode == 0, ended.stderr[-3000:]
        return ended

    def make_base(self):
        """Debian with Python 3.11, as small as the slim images."""
        rootfs = self._folder / "base"
        command = ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", str(rootfs)]
        subprocess.run(command, check=True, capture_output=True)
        for name in LEFT_OUT:
            shutil.rmtree(rootfs / name, ignore_errors=True)
            (rootfs / name).mkdir()
        container = self.buildah("from", "scratch").stdout.strip()
        self.buildah("copy", "-q", container, str(rootfs), "/")
        self.buildah("commit", "-q", "--rm", container, BASE)
        shutil.rmtree(rootfs)

    def build(self, dockerfile, service):
        """The image's name; built as a user would, but for the base and this network's CAs."""
        name = f"luftstrom/{service}:test"
        cas = ["-v", f"{CAS}:{CAS}:ro"] if Path(CAS).exists() else []
        self.buildah(
            "bud", "--format", "docker", "--isolation", "chroot", "--network", "host", "--layers", *cas,
            "--build-arg", f"BASE_IMAGE={BASE}", "--build-arg", f"SERVICE={service}",
            "-f", f"docker/{dockerfile}", "-t", name, ".",
        )  # fmt: skip
        return name

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

    def close(self):
        """Remove everything."""
        self.buildah("rm", "--all", check=False)
        self.buildah("rmi", "--all", "--force", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)
