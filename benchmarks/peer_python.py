"""Interpreters that have just what a contender needs, each made once in the cache."""

import subprocess
import venv
from collections.abc import Iterable
from pathlib import Path

from benchmarks.processes import ROOT
from local_stack.settings import cache_dir

# contracts needs msgspec.
QUIX_STREAMS = ("quixstreams[influxdb3]==3.28.1", "msgspec==0.22.0")
PYFLINK_WITH_BEAM = ("apache-flink==2.2.1", "msgspec==0.22.0")


def peer_python(name: str, *requirements: str) -> Path:
    """An interpreter with pins of its own; raises CalledProcessError where they cannot be installed."""
    return _python_with(name, requirements, installed="\n".join(requirements))


def room_python(room: str) -> Path:
    """An interpreter with what the room's image has, of its lock; raises as `peer_python` does."""
    lock = ROOT / "locks" / f"{room}.txt"
    return _python_with(room, ("--no-deps", "--require-hashes", "-r", str(lock)), installed=lock.read_text())


def _python_with(name: str, arguments: Iterable[str], *, installed: str) -> Path:
    folder = cache_dir() / "benchmarks" / name
    told = folder / "installed"
    if not told.exists() or told.read_text() != installed:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *arguments], check=True)
        told.write_text(installed)
    return folder / "bin" / "python"
