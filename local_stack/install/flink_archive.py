"""The Flink process's class archive, made ahead of its first start, which would else make it itself."""

import shutil
import subprocess
import sys
from pathlib import Path

from flink_jobs.class_path import jars_dir, plans_dir
from local_stack.install.cache import Tell
from local_stack.install.java import java_home
from local_stack.settings import environment_of_children

LIMIT_S = 300
# One for each Flink and Java in use; an archive has some 135 MB.
ARCHIVES_KEPT = 3


def install_flink_archive(java: Path, connector_jars: Path, flink_cache: Path, tell: Tell) -> None:
    """Make the archive where it is missing (some 20 s) and throw away old ones."""
    known = set(flink_cache.glob("classes-*.jsa"))
    tell("making sure of Flink's class archive")
    environment = {
        **environment_of_children(),
        **java_home(java),
        "FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": "none",
        "FLINK_JOBS_STATE_DIR": str(flink_cache),
        "FLINK_JOBS_CONNECTOR_JARS_DIR": str(connector_jars),
        "FLINK_JOBS_CACHE_DIR": str(flink_cache),
    }
    command = [sys.executable, "-m", "flink_jobs.class_archive"]
    ended = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    if ended.returncode != 0:
        tell(f"no class archive for Flink ({ended.stderr.strip()[-300:]}); its first start tries again")
    made = set(flink_cache.glob("classes-*.jsa")) - known
    by_age = sorted(known, key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[ARCHIVES_KEPT:] if made else ():
        old.unlink()
        for folder in (plans_dir(old), jars_dir(old)):
            shutil.rmtree(folder, ignore_errors=True)
