"""CPU and wall time of a reading, from Kafka to Kafka and exactly once, each way in the same run.

`python -m benchmarks.stream [readings] [ways…]`: a million and all of them by default. What is measured lies
between the first 40 % of what a way reads in 150 s and the last, so that no start is in it.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.peer_python import PYFLINK_WITH_BEAM, QUIX_STREAMS, peer_python
from benchmarks.processes import python
from benchmarks.stream.floor import floor_us
from benchmarks.stream.load import broker_with_topics, fill
from benchmarks.stream.measuring import Contender, cost_of
from flink_jobs.class_path import CONNECTOR_JAR_GLOB
from flink_jobs.job import Job
from local_stack.install import Installed, install
from local_stack.install.java import java_home
from local_stack.ports import free_ports

READINGS = 1_000_000
FLOOR_READINGS = 100_000
HEAP_MB = 1024
CHECKPOINT_S = 5.0
PEERS = "benchmarks.stream.peers"


def main(readings: int, wanted: list[str]) -> None:
    """Fill a broker once, let each read it, print a table."""
    installed = install(lambda _line: None)
    with broker_with_topics() as (folder, brokers):
        size = fill(brokers, readings)
        floor = floor_us(FLOOR_READINGS)
        print(f"{readings:,} readings of {size / readings:.0f} bytes, checkpoints each {CHECKPOINT_S:.0f} s")
        print(f"{'':<34}{'CPU µs':>8}{'floors':>8}{'readings/s':>12}{'MiB':>7}{'readings':>12}{'values':>8}")
        print(f"{'floor: parse and numbers, one thread':<34}{floor:>6.1f}{1:>8}", flush=True)
        for way, contender in ways(brokers, folder, installed).items():
            if not wanted or way in wanted:
                print(
                    f"{way:<34}{_figures(contender(), brokers, folder, floor)}",
                    flush=True,
                )


def _figures(contender: Contender, brokers: str, folder: Path, floor: float) -> str:
    try:
        cost = cost_of(contender, brokers, folder / f"{contender.group}.log")
    except RuntimeError as error:
        return f" {error}"
    return (
        f"{cost.cpu_us:>8.1f}{cost.cpu_us / floor:>8.1f}{cost.readings_s:>12,.0f}{cost.peak_mib:>7.0f}"
        f"{cost.readings:>12,}{cost.values:>8.2f}"
    )


def ways(brokers: str, folder: Path, installed: Installed) -> dict[str, Callable[[], Contender]]:
    """Ours with and without the guard, and the others, by their names; made when their turn comes."""
    return {
        **{
            f"{job}{'' if guard else ' without guard'}": partial(
                ours, job, brokers, folder, installed, guard=guard
            )
            for job in (Job.SPLIT, Job.ALL)
            for guard in (False, True)
        },
        "naive SQL": lambda: Contender(
            "naive SQL", python("-m", f"{PEERS}.naive_sql"), "naive",
            _flink("naive", brokers, folder, installed),
        ),
        "PyFlink, Python functions": lambda: _pyflink_udf(brokers, folder, installed),
        "plain Python": lambda: Contender(
            "plain Python", python("-m", f"{PEERS}.plain_python", brokers, "plain"), "plain"
        ),
        "Quix Streams": lambda: Contender(
            "Quix Streams",
            [str(peer_python("quixstreams", *QUIX_STREAMS)), "-m", f"{PEERS}.quix", brokers, "quix",
             str(folder / "quix")],
            "quix",
        ),
    }  # fmt: skip


def ours(job: Job, brokers: str, folder: Path, installed: Installed, *, guard: bool) -> Contender:
    """One of our jobs, with what it takes for a back-fill."""
    prefix = f"{job}-{'guarded' if guard else 'bare'}"
    environment = _flink(prefix, brokers, folder, installed)
    return Contender(
        prefix, python("-m", "flink_jobs", job), f"{prefix}-{job}",
        {**environment, "FLINK_JOBS_GUARD": str(guard).lower()},
    )  # fmt: skip


def _pyflink_udf(brokers: str, folder: Path, installed: Installed) -> Contender:
    try:
        interpreter = peer_python("apache-flink-2.2.1", *PYFLINK_WITH_BEAM)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{' '.join(PYFLINK_WITH_BEAM)} cannot be installed: {error}") from error
    (jar,) = installed.connector_jars.rglob(CONNECTOR_JAR_GLOB)
    state = folder / "pyflink"
    (state / "logs").mkdir(parents=True)
    environment = {
        **java_home(installed.java),
        "JVM_ARGS": f"-Xmx{HEAP_MB}m -XX:+UseSerialGC",
        "FLINK_LOG_DIR": str(state / "logs"),
        "PATH": f"{interpreter.parent}:{os.environ['PATH']}",
    }
    command = [str(interpreter), "-m", f"{PEERS}.pyflink_udf", brokers, "pyflink", str(jar), str(state)]
    return Contender("PyFlink", command, "pyflink", environment)


def _flink(name: str, brokers: str, folder: Path, installed: Installed) -> dict[str, str]:
    rest_port, metrics_port = free_ports(2)
    return {
        "FLINK_JOBS_KAFKA_BOOTSTRAP_SERVERS": brokers,
        "FLINK_JOBS_STATE_DIR": str(folder / name),
        "FLINK_JOBS_CONNECTOR_JARS_DIR": str(installed.connector_jars),
        "FLINK_JOBS_CACHE_DIR": str(installed.flink_cache),
        "FLINK_JOBS_REST_PORT": str(rest_port),
        "FLINK_JOBS_METRICS_PORT": str(metrics_port),
        "FLINK_JOBS_CHECKPOINT_INTERVAL_S": str(CHECKPOINT_S),
        "FLINK_JOBS_PREFIX": name,
        "FLINK_JOBS_HEAP_MB": str(HEAP_MB),
        "FLINK_JOBS_IS_OPTIMIZING": "true",
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else READINGS, sys.argv[2:])
