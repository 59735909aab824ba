"""Flink's configuration and the table environment inside the Java process."""

from pathlib import Path
from typing import TYPE_CHECKING

from flink_jobs.settings import Settings

if TYPE_CHECKING:
    from pyflink.table import TableEnvironment

PROMETHEUS = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"

# Nearly every id is new: without filters each file is asked for it, and whole ones drive each other out of
# the little memory.
_ROCKSDB = {
    "state.backend.rocksdb.use-bloom-filter": "true",
    "state.backend.rocksdb.memory.partitioned-index-filters": "true",
}

# Memory beside the heap; rocksdb keeps in it what it writes and reads.
MANAGED_MB = {"hashmap": 16, "rocksdb": 128}

# A reading comes again in overlapping polls for some minutes, and after an outage for an hour or so.
READING_ID_TTL = "2 h"


def planner_configuration() -> dict[str, str]:
    """What decides the plan, and with it whether a checkpoint fits."""
    return {
        "table.exec.state.ttl": READING_ID_TTL,
        "table.local-time-zone": "UTC",
        "pipeline.object-reuse": "true",
    }


def flink_configuration(name: str, settings: Settings, *, restore_from: Path | None) -> dict[str, str]:
    """The whole configuration of the continuous job in one process."""
    return (
        planner_configuration()
        | _checkpoints(settings)
        | _ports(settings)
        | _process(name, settings)
        | ({"execution.state-recovery.path": restore_from.as_uri()} if restore_from else {})
    )


def table_environment(configuration: dict[str, str]) -> "TableEnvironment":
    """A streaming table environment in the running Java process."""
    from pyflink.common import Configuration  # noqa: PLC0415 - needs Java to run
    from pyflink.table import EnvironmentSettings, TableEnvironment  # noqa: PLC0415

    flink = Configuration()
    for key, value in configuration.items():
        flink.set_string(key, value)
    return TableEnvironment.create(
        EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(flink).build()
    )


def checkpoints_dir(state_dir: Path) -> Path:
    """Where checkpoints lie, in one folder for each job id."""
    return state_dir / "checkpoints"


def savepoints_dir(state_dir: Path) -> Path:
    """Where a clean stop leaves its savepoint."""
    return state_dir / "savepoints"


def _checkpoints(settings: Settings) -> dict[str, str]:
    return {
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.interval": f"{round(settings.checkpoint_interval_s * 1000)} ms",
        "execution.checkpointing.min-pause": "500 ms",
        "execution.checkpointing.timeout": "2 min",
        "execution.checkpointing.tolerable-failed-checkpoints": "10",
        "execution.checkpointing.num-retained": "2",
        "execution.checkpointing.dir": checkpoints_dir(settings.state_dir).absolute().as_uri(),
        "execution.checkpointing.savepoint-dir": savepoints_dir(settings.state_dir).absolute().as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "state.backend.type": settings.state_backend,
        **_ROCKSDB,
        # What is on disk is not written anew at each checkpoint; the heap always is.
        "execution.checkpointing.incremental": "true",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "15 s",
    }


def _ports(settings: Settings) -> dict[str, str]:
    return {
        "rest.port": str(settings.rest_port),
        "rest.bind-port": str(settings.rest_port),
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "web.submit.enable": "false",
        "web.cancel.enable": "false",
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": PROMETHEUS,
        "metrics.reporter.prom.port": str(settings.metrics_port),
    }


def _process(name: str, settings: Settings) -> dict[str, str]:
    return {
        "parallelism.default": str(settings.parallelism),
        "pipeline.name": name,
        # Little managed memory and few channels, of which `all` asks for 21 MB: the defaults take 200 MB.
        # Each copy of a step has a channel to each of the next.
        "taskmanager.memory.network.min": f"{32 * settings.parallelism**2} mb",
        "taskmanager.memory.network.max": f"{32 * settings.parallelism**2} mb",
        "taskmanager.memory.managed.size": f"{MANAGED_MB[settings.state_backend]} mb",
    }
