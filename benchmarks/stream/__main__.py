"""CPU and wall time of a reading, from Kafka to Kafka and exactly once, each way in the same run.

`python -m benchmarks.stream [readings] [ways…]`: 300,000 and all of them by default. What is measured lies
between the first 40 % of the readings and the last, so that no start is in it; give many.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.processes import python
from benchmarks.stream.floor import floor_us
from benchmarks.stream.load import create_topics, fill
from benchmarks.stream.measuring import Contender, cost_of
from flink_jobs.job import Job
from local_stack.install import Installed, install
from local_stack.ports import free_ports
from local_stack.single import running_kafka

READINGS = 300_000
FLOOR_READINGS = 100_000
HEAP_MB = 1024
CHECKPOINT_S = 5.0


def main(readings: int, wanted: list[str]) -> None:
    """Fill a broker once, let each read it, print a table."""
    installed = install(lambda _line: None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        with running_kafka(folder / "kafka") as broker:
            create_topics(broker.bootstrap_servers)
            size = fill(broker.bootstrap_servers, readings)
            print(
                f"{readings:,} readings of {size / readings:.0f} bytes, checkpoints each {CHECKPOINT_S:.0f} s"
            )
            print(f"{'':<34}{'CPU µs':>8}{'readings/s':>12}{'MiB':>7}{'start CPU-s':>13}")
            print(f"{'floor: parse and numbers, one thread':<34}{floor_us(FLOOR_READINGS):>8.1f}")
            for contender in _contenders(broker.bootstrap_servers, folder, installed):
                if wanted and contender.name not in wanted:
                    continue
                cost = cost_of(contender, broker.bootstrap_servers, folder / f"{contender.group}.log")
                print(
                    f"{contender.name:<34}{cost.cpu_us:>8.1f}{cost.readings_s:>12,.0f}{cost.peak_mib:>7.0f}"
                    f"{cost.start_cpu_s:>13.1f}",
                    flush=True,
                )


def _contenders(brokers: str, folder: Path, installed: Installed) -> list[Contender]:
    flink = _flink(brokers, folder, installed)
    naive = {**flink("naive"), "FLINK_JOBS_PREFIX": "naive"}
    peers = "benchmarks.stream.peers"
    return [
        *(
            Contender(
                f"{job}{'' if guard else ' without guard'}",
                python("-m", "flink_jobs", job),
                f"{_name(job, guard=guard)}-{job}",
                {**flink(_name(job, guard=guard)), "FLINK_JOBS_GUARD": str(guard).lower()},
            )
            for job, guard in ((Job.SPLIT, False), (Job.SPLIT, True), (Job.ALL, False), (Job.ALL, True))
        ),
        Contender("naive SQL", python("-m", f"{peers}.naive_sql"), "naive", naive),
        Contender("plain Python", python("-m", f"{peers}.plain_python", brokers, "plain"), "plain"),
    ]


def _name(job: Job, *, guard: bool) -> str:
    return f"{job}-{'guarded' if guard else 'bare'}"


def _flink(brokers: str, folder: Path, installed: Installed):  # type: ignore[no-untyped-def]  # noqa: ANN202
    def environment(name: str) -> dict[str, str]:
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

    return environment


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else READINGS, sys.argv[2:])
