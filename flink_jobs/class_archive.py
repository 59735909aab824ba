"""The class archive (AppCDS): Java's classes made ready once, so that each start takes half the CPU.

`python -m flink_jobs.class_archive` builds it ahead of the first start, which else does it itself.
"""

import json
import tempfile
import time
from pathlib import Path

import structlog

from flink_jobs.class_path import beside_archive, class_path, fingerprint, java_executable, plans_dir
from flink_jobs.connectors import FolderConnectors
from flink_jobs.environment import planner_configuration, table_environment
from flink_jobs.java_process import JavaOptions, running_java
from flink_jobs.job import Job, continuous_text, job_text
from flink_jobs.planning import planned, submit
from flink_jobs.settings import JobSettings, Settings
from runtime.logs import configure_logs
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings

log = structlog.get_logger()

NOBODY = "127.0.0.1:9"  # the port "discard": no broker answers there
DUMP_TIMEOUT_S = 120.0
FEW_LETTERS_READING = {
    "id": 1,
    "sensor": {"id": 71, "sensor_type": {"name": "SDS011"}},
    "location": {"latitude": "57.1", "longitude": "-2.1", "indoor": 0},
    "place": {"country": "GB", "city": "Aberdeen"},
    "fetched_at": "2026-01-01T00:00:00Z",
    "event_time_ms": 1767225600000,
    "sensordatavalues": [{"value": "12.4", "value_type": "P1"}, {"value": "nan", "value_type": "P2"}],
}


def class_archive(connector_jars_dir: Path, cache_dir: Path) -> tuple[list[Path], Path]:
    """The class path and the archive that fits it, built if it is not there (some 20 s)."""
    installed = class_path(connector_jars_dir, cache_dir)
    archive = cache_dir / f"classes-{fingerprint(java_executable(), installed)}.jsa"
    jars = beside_archive(installed, archive)
    if not archive.exists():
        _build(jars, archive)
    return jars, archive


def _build(jars: list[Path], archive: Path) -> None:
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        root = Path(folder)
        fresh = root / "classes.jsa"
        flags = (
            f"-XX:ArchiveClassesAtExit={fresh}",
            "-Xlog:cds=off",
            "-Xlog:cds+dynamic=off",
            "-XX:+UseSerialGC",
        )
        with running_java(
            JavaOptions(jars, flags, root / "logs", root / "tmp"), exit_timeout_s=DUMP_TIMEOUT_S
        ):
            _use_classes(root, plans_dir(archive))
        fresh.replace(archive)
    log.info("class_archive_built", path=str(archive), seconds=round(time.monotonic() - started_s, 1))


def _use_classes(root: Path, plans: Path) -> None:
    """Run the job once on two lines, and plan it for Kafka: what is loaded now is in the archive."""
    (root / "readings").mkdir()
    (root / "readings" / "lines.json").write_text(json.dumps(FEW_LETTERS_READING) + "\n{\n")
    configuration = planner_configuration() | {"parallelism.default": "1", "restart-strategy.type": "none"}
    submit(table_environment(configuration), job_text(FolderConnectors(root), job=Job.ALL)).wait()
    text = continuous_text(Job.ALL, JobSettings(kafka_bootstrap_servers=NOBODY))
    planned(table_environment(configuration), text, plans_dir=plans).explain()


def main() -> None:
    """Build the archive if it is not there."""
    configure_logs("flink_jobs")
    try:
        settings = read_settings(Settings)
    except SettingsError as error:
        exit_on_bad_settings(error)
    class_archive(settings.connector_jars_dir, settings.cache_dir)


if __name__ == "__main__":
    main()
