"""The jars of the Java process, in a fixed order, with the planner on the class path itself.

PyFlink's own class path holds the planner inside a loader jar, behind a class loader that a class
archive (AppCDS) cannot serve; unpacked it starts in half the time.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from contracts.errors import UnavailableError

PLANNER_JAR = "flink-table-planner.jar"
CONNECTOR_JAR_GLOB = "flink-sql-connector-kafka-*.jar"


def pyflink_home() -> Path:
    """The installed package's folder, found without importing it."""
    spec = importlib.util.find_spec("pyflink")
    if spec is None or not spec.submodule_search_locations:
        raise UnavailableError("pyflink is not installed; install the extra flink-jobs")
    return Path(spec.submodule_search_locations[0])


def class_path(connector_jars_dir: Path, cache_dir: Path) -> list[Path]:
    """All jars; the same files in the same order at each start, as the class archive requires.

    Raises UnavailableError where the connector's jar is not there.
    """
    home = pyflink_home()
    libraries = sorted(home.glob("lib/*.jar"))
    loaders = [jar for jar in libraries if jar.name.startswith("flink-table-planner-loader")]
    connectors = sorted(connector_jars_dir.rglob(CONNECTOR_JAR_GLOB))
    if len(connectors) != 1:
        raise UnavailableError(
            f"{connector_jars_dir} holds {len(connectors)} jars {CONNECTOR_JAR_GLOB}, not one"
        )
    planner = _unpacked_planner(loaders[0], cache_dir)
    # Embedded, Flink does not look into its folder of plugins.
    reporter = sorted(home.glob("plugins/metrics-prometheus/*.jar"))
    python = sorted(home.glob("opt/flink-python-*.jar"))
    return [*(jar for jar in libraries if jar not in loaders), planner, *connectors, *reporter, *python]


def fingerprint(java: str, jars: list[Path]) -> str:
    """16 hexadecimal digits that change with the Java or any jar, not with where the jars are."""
    version = subprocess.run([java, "-XshowSettings:vm", "-version"], capture_output=True, check=True).stderr
    digest = hashlib.sha256(version)
    for jar in jars:
        stat = jar.stat()
        digest.update(f"{jar.name}:{stat.st_size}:{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def beside_archive(jars: list[Path], archive: Path) -> list[Path]:
    """The jars, linked into a folder of their archive: it serves only the paths that it was made with.

    So one archive, and the plans kept with it, serve every checkout of this machine.
    """
    folder = jars_dir(archive)
    folder.mkdir(parents=True, exist_ok=True)
    return [_linked(jar, folder) for jar in jars]


def jars_dir(archive: Path) -> Path:
    """Where the jars of this class archive are linked."""
    return archive.with_suffix(".jars")


def plans_dir(archive: Path) -> Path:
    """Where plans are kept that were made with the jars of this class archive."""
    return archive.with_suffix(".plans")


def java_executable() -> str:
    """The java of JAVA_HOME, or of PATH; raises UnavailableError where there is none."""
    java_home = os.environ.get("JAVA_HOME")  # Java's own convention, not a setting of ours
    java = shutil.which("java", path=f"{java_home}/bin") if java_home else shutil.which("java")
    if java is None:
        raise UnavailableError("no java found; put Java 17 or 21 on PATH or set JAVA_HOME")
    return java


def _unpacked_planner(loader: Path, cache_dir: Path) -> Path:
    planner = cache_dir / f"planner-{loader.stat().st_size}" / PLANNER_JAR
    if not planner.exists():
        planner.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(loader) as archive, tempfile.TemporaryDirectory(dir=planner.parent) as folder:
            Path(archive.extract(PLANNER_JAR, folder)).replace(planner)
    return planner


def _linked(jar: Path, folder: Path) -> Path:
    """A hard link outlives the checkout; on another disk a symbolic one must do, renewed where it hangs."""
    link = folder / jar.name
    if link.exists():
        return link
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / jar.name
        try:
            made.hardlink_to(jar)
        except OSError:
            made.symlink_to(jar.absolute())
        made.replace(link)  # others may do the same at this moment
    return link
