"""Prometheus and promtool: those on PATH, else of Debian's package, unpacked into the cache folder."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.install.cache import Tell, install_lock, put_in_place, scratch_beside

PACKAGE = "prometheus"
PROGRAMS = ("prometheus", "promtool")
LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class PrometheusPrograms:
    """The server, and the tool that checks rules."""

    server: Path
    promtool: Path


def install_prometheus(tell: Tell) -> PrometheusPrograms:
    """Find them or unpack them: needs no root, and starts no service.

    Raises UnavailableError naming the remedy where neither works.
    """
    on_path = [shutil.which(name) for name in PROGRAMS]
    if all(on_path):
        return PrometheusPrograms(*(Path(str(each)) for each in on_path))
    with install_lock(tell) as cache:
        target = cache / PACKAGE
        if not target.is_dir():
            with scratch_beside(target) as scratch:
                _unpack(scratch, tell)
                put_in_place(scratch / "unpacked", target)
    return PrometheusPrograms(*(target / "usr" / "bin" / name for name in PROGRAMS))


def _unpack(scratch: Path, tell: Tell) -> None:
    tell("fetching Debian's package of Prometheus")
    try:
        _download(scratch, tell)
        (package,) = scratch.glob("*.deb")
        _run(["dpkg-deb", "--extract", str(package), str(scratch / "unpacked")], scratch)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UnavailableError(
            f"prometheus and promtool are not on PATH, and Debian's package cannot be fetched ({error}). "
            "Install Prometheus so that both are on PATH (Debian: apt install prometheus)."
        ) from error


def _download(scratch: Path, tell: Tell) -> None:
    """A machine that was just made knows no packages until it asks, which only root may."""
    command = ["apt-get", "download", "--quiet", PACKAGE]
    try:
        _run(command, scratch)
    except subprocess.CalledProcessError:
        if os.geteuid() != 0:
            raise
        tell("asking Debian which packages there are")
        _run(["apt-get", "update", "--quiet"], scratch)
        _run(command, scratch)


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=LIMIT_S)
