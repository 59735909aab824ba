"""CPU and wall time of a reading, from Kafka to Kafka and exactly once, each way in the same run.

`python -m benchmarks.stream [readings] [ways…]`: 800,000 and all of them by default. Each way has a broker of
its own with the same messages. The first half, which it reads whole, pays for start and compilation; the
second half is measured. What each wrote is compared with what the first wrote.
"""

import argparse
import itertools
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.peer_python import PYFLINK_WITH_BEAM, QUIX_STREAMS, peer_python
from benchmarks.processes import python
from benchmarks.stream.floor import floor_us
from benchmarks.stream.load import broker_with_topics, fill, messages
from benchmarks.stream.measuring import Contender, cost_of, running
from benchmarks.stream.outcome import Outcome, difference, written
from flink_jobs.class_path import CONNECTOR_JAR_GLOB
from flink_jobs.job import Job
from local_stack.install import Installed, install
from local_stack.install.java import java_home
from local_stack.ports import free_ports

READINGS = 800_000
FLOOR_READINGS = 100_000
HEAP_MB = 1024
CHECKPOINT_S = 5.0
PEERS = "benchmarks.stream.peers"

# What a way is on a broker: its address, and a folder for its state.
Way = Callable[[str, Path], Contender]


def main(readings: int, wanted: list[str]) -> None:
    """Let each way read its own copy of the log, print a line for each."""
    installed = install(lambda _line: None)
    known = ways(installed)
    if unknown := [name for name in wanted if name not in known]:
        raise SystemExit(f"no such way: {', '.join(unknown)}; there are: {', '.join(known)}")
    print(f"{readings:,} readings, half of them measured, checkpoints each {CHECKPOINT_S:.0f} s")
    print(f"{'':<30}{'CPU µs':>8}{'floor':>7}{'floors':>8}{'readings/s':>12}{'MiB':>7}  what it wrote")
    expected: Outcome | None = None
    for name, way in known.items():
        if wanted and name not in wanted:
            continue
        try:
            line, found = _measured(way, readings)
        except RuntimeError as error:
            print(f"{name:<30} {error}", flush=True)
            continue
        # What a job writes beside values and letters is not compared.
        expected = expected or found
        print(f"{name:<30}{line}  {difference(expected, found) if found else 'entries alone'}", flush=True)


def _measured(way: Way, readings: int) -> tuple[str, Outcome]:
    given = messages(readings)
    with broker_with_topics() as (folder, brokers):
        fill(brokers, itertools.islice(given, readings // 2))
        contender = way(brokers, folder)
        with running(contender, brokers, folder / "log") as at_work:
            cost = cost_of(at_work, fill_more=lambda: fill(brokers, given))
            floor = floor_us(FLOOR_READINGS)
            found = written(brokers)
    return (
        f"{cost.cpu_us:>8.1f}{floor:>7.2f}{cost.cpu_us / floor:>8.1f}{cost.readings_s:>12,.0f}"
        f"{cost.peak_mib:>7.0f}",
        found,
    )


def ways(installed: Installed) -> dict[str, Way]:
    """Ours with and without the guard, and the others, by their names."""
    return {
        **{
            f"{job}{'' if guard else ' without guard'}": partial(ours, job, installed, guard=guard)
            for job in (Job.SPLIT, Job.ALL)
            for guard in (True, False)
        },
        "bare SQL": partial(_sql, "bare", installed),
        "naive SQL": partial(_sql, "naive", installed),
        "PyFlink, Python functions": partial(_pyflink_udf, installed),
        "plain Python": lambda brokers, _folder: Contender(
            "plain Python", python("-m", f"{PEERS}.plain_python", brokers, "plain"), ("plain",)
        ),
        "Quix Streams": _quix,
    }


def ours(job: Job, installed: Installed, brokers: str, folder: Path, *, guard: bool) -> Contender:
    """One of our jobs, with what it takes for a back-fill."""
    environment = _flink("ours", brokers, folder, installed) | {"FLINK_JOBS_GUARD": str(guard).lower()}
    group = f"ours-{job}"
    groups = (group, f"{group}-guard") if guard else (group,)
    return Contender(f"{job}", python("-m", "flink_jobs", job), groups, environment)


def _sql(name: str, installed: Installed, brokers: str, folder: Path) -> Contender:
    environment = _flink(name, brokers, folder, installed)
    groups = (name, f"{name}-guard") if name == "naive" else (name,)
    return Contender(f"{name} SQL", python("-m", f"{PEERS}.{name}_sql"), groups, environment)


def _quix(brokers: str, folder: Path) -> Contender:
    interpreter = peer_python("quixstreams", *QUIX_STREAMS)
    command = [str(interpreter), "-m", f"{PEERS}.quix", brokers, "quix", str(folder / "quix")]
    return Contender("Quix Streams", command, ("quix",))


def _pyflink_udf(installed: Installed, brokers: str, folder: Path) -> Contender:
    try:
        interpreter = peer_python("apache-flink-2.2.1", *PYFLINK_WITH_BEAM)
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{' '.join(PYFLINK_WITH_BEAM)} cannot be installed: {error}") from error
    (jar,) = installed.connector_jars.rglob(CONNECTOR_JAR_GLOB)
    state = folder / "pyflink"
    for each in ("logs", "tmp"):
        (state / each).mkdir(parents=True)
    environment = {
        **java_home(installed.java),
        "JVM_ARGS": f"-Xmx{HEAP_MB}m -XX:+UseSerialGC -Djava.io.tmpdir={state / 'tmp'}",
        "FLINK_LOG_DIR": str(state / "logs"),
        "PATH": f"{interpreter.parent}:{os.environ['PATH']}",
    }
    command = [str(interpreter), "-m", f"{PEERS}.pyflink_udf", brokers, "pyflink", str(jar), str(state)]
    return Contender("PyFlink", command, ("pyflink", "pyflink-guard"), environment)


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
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stream", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "readings", nargs="?", type=int, default=READINGS, help="how many, half of them measured"
    )
    parser.add_argument("ways", nargs="*", help='which alone, as "naive SQL"; all where none is named')
    given = parser.parse_args()
    main(given.readings, given.ways)
