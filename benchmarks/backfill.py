"""The back-fill of one large archive file: parsing alone, and the command, also killed half way.

`python -m benchmarks.backfill [rows]`; 3,000,000 by default, of 1,000 SDS011 sensors, 210 MB.
CPU is that of the process alone, all its threads, with its start; memory is the most that it ever held.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import redis

from contracts.topics import TOPICS
from local_stack.provisioning import create_topics
from local_stack.single import running_kafka, running_valkey
from runtime.redis_client import connect_redis
from scraper.backfill import archive_csv
from scraper.backfill.lines import stream_lines
from scraper.memory import totals_key

ROWS = 3_000_000
SENSORS = 1_000
HEADER = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2\n"
EVERY_S = 145
FROM = datetime(2019, 1, 1, tzinfo=UTC)
POLL_S = 0.05


class Figures(NamedTuple):
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def main(rows: int) -> None:
    """Make the file, measure, print a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "2019-01_sds011.csv"
        with path.open("w") as file:
            file.writelines(lines_of_a_month(rows))
        print(f"{rows:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        print(f"parsing and encoding alone: {parsing_us(path, rows):.1f} µs of CPU a row")
        for part in ("kafka", "valkey"):
            (Path(folder) / part).mkdir()
        with (
            running_kafka(Path(folder) / "kafka") as broker,
            running_valkey(Path(folder) / "valkey") as valkey,
            closing(connect_redis(valkey.url)) as client,
        ):
            create_topics(broker.bootstrap_servers, TOPICS, lambda _line: None)
            environment = {
                **os.environ,
                "LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                "LOCAL_STACK_REDIS_URL": valkey.url,
            }
            measure_commands(path, rows, environment, client)


def lines_of_a_month(rows: int) -> Iterator[str]:
    """The file's lines: each sensor in turn, each with values and a position of its own."""
    yield HEADER
    for number in range(rows):
        sensor = number % SENSORS
        at = (FROM + timedelta(seconds=number // SENSORS * EVERY_S)).strftime("%Y-%m-%dT%H:%M:%S")
        position = f"{47 + sensor / 150:.3f};{6 + sensor / 130:.3f}"
        values = f"{number % 5_000 / 100:.2f};;;{number % 3_000 / 100:.2f};;"
        yield f"{10_000 + sensor};SDS011;{sensor};{position};{at};{values}\n"


def parsing_us(path: Path, rows: int) -> float:
    """Microseconds of CPU a row from the file's bytes to readings with their records."""
    began_at_s = time.process_time()
    with path.open("rb") as file:
        lines = stream_lines(file, name=path.name)
        for _ in archive_csv.records_of(lines, name=path.name, is_indoor=None, latest_s=time.time()):
            pass
    return (time.process_time() - began_at_s) / rows * 1e6


def measure_commands(path: Path, rows: int, environment: dict[str, str], client: redis.Redis) -> None:
    """The command on the whole file, and killed half way and started again."""

    def published() -> int:
        return int(client.hget(totals_key("archive"), "published") or 0)  # type: ignore[arg-type]

    print(f"{'luftstrom backfill':<34}{'CPU s':>8}{'µs/row':>8}{'wall s':>8}{'rows/s':>8}{'peak MiB':>10}")
    show("places looked up", measured(path, environment), rows)
    print(f"  published, as counted: {published():,}")
    places = [key for key in client.scan_iter() if b"place" in key]
    client.delete(*(key for key in client.scan_iter() if key not in set(places)))
    killed = measured(path, environment, kill_when=lambda: published() >= rows // 2)
    before = published()
    show("places known, killed half way", killed, before)
    show("  and started again", measured(path, environment), rows - before)
    print(f"  published, as counted: {published():,}")


def show(name: str, figures: Figures, rows: int) -> None:
    """One line of the table."""
    cpu_us, rate = figures.cpu_s / rows * 1e6, rows / figures.wall_s
    print(
        f"{name:<34}{figures.cpu_s:8.1f}{cpu_us:8.1f}{figures.wall_s:8.1f}{rate:8,.0f}{figures.peak_mib:10.0f}"
    )


def measured(
    path: Path, environment: dict[str, str], *, kill_when: Callable[[], bool] = lambda: False
) -> Figures:
    """What the command takes, to its end or until it is killed."""
    began_at_s, peak_kib, cpu_s = time.monotonic(), 0, 0.0
    command = [sys.executable, "-m", "luftstrom", "backfill", str(path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak_kib, cpu_s = max(peak_kib, _peak_kib(process.pid)), max(cpu_s, _cpu_s(process.pid))
            if kill_when():
                process.send_signal(signal.SIGKILL)
                process.wait()
            else:
                time.sleep(POLL_S)
    return Figures(cpu_s, time.monotonic() - began_at_s, peak_kib / 1024)


def _peak_kib(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) if found else 0


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
