"""Interpreters for peers whose pins are not ours, each made once in the cache."""

import subprocess
import venv
from pathlib import Path

from local_stack.settings import cache_dir

# contracts needs msgspec.
QUIX_STREAMS = ("quixstreams[influxdb3]==3.28.1", "msgspec==0.22.0")
PYFLINK_WITH_BEAM = ("apache-flink==2.2.1", "msgspec==0.22.0")


def peer_python(name: str, *requirements: str) -> Path:
    """An interpreter of its own that has them; raises CalledProcessError where they cannot be installed."""
    folder = cache_dir() / "benchmarks" / name
    installed = folder / "installed"
    wanted = "\n".join(requirements)
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *requirements], check=True)
        installed.write_text(wanted)
    return folder / "bin" / "python"
