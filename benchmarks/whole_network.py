"""One poll of the whole network, beside a straightforward client that does the same, in one run.

`python -m benchmarks.whole_network [records]`; 48,000 by default, the five minutes of the live feed.
Each client is a process of its own that asks the recording server over HTTP, publishes to one Kafka and
remembers in one Valkey. CPU and memory are of the whole process, from start to end.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import kafka
import requests
from kafka.structs import TopicPartition

from contracts.errors import UnavailableError
from contracts.topics import READINGS_RAW, TOPICS
from local_stack.ports import free_ports
from local_stack.provisioning import create_topics
from local_stack.recording_server.network import WHOLE_NETWORK_RECORDS, Network
from local_stack.recording_server.server import DATA_PATH
from local_stack.recording_server.timeline import WINDOW_S, Timeline
from local_stack.recordings import Recording
from local_stack.settings import LOOPBACK
from local_stack.single import Server, running_kafka, running_valkey

ROOT = Path(__file__).parents[1]
RECORDING = "aberdeen-2019-05-12"  # whose sensors are cloned
STRAIGHTFORWARD, OURS = "benchmarks.straightforward", "scraper"
LIMIT_S = 300.0
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the clients find what they need."""

    feed_url: str
    bootstrap_servers: str
    redis_url: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one client on the window of this number."""

    name: str
    module: str
    window: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run took, and how many records it left in Kafka."""

    cpu_s: float
    peak_mib: float
    wall_s: float
    records: int


# One after the other, on the same servers; the two clients know nothing of each other.
RUNS = (
    Run("straightforward, all new", STRAIGHTFORWARD, 0),
    Run("Luftstrom, the first poll ever", OURS, 0),
    Run("Luftstrom, all new", OURS, 1),
    Run("Luftstrom, all published before", OURS, 1),
)


def main(records: int) -> None:
    """Make the windows, run the clients, print a table."""
    windows = payloads_of(records)
    print(f"a window: about {records:,} records, {len(windows[0]) / MIB:.1f} MiB")
    print(f"{'client':<34}{'CPU s':>8}{'times less':>12}{'peak MiB':>10}{'wall s':>8}{'in Kafka':>10}")
    with tempfile.TemporaryDirectory() as folder, _running_servers(Path(folder)) as servers:
        straightforward_cpu_s = None
        for run in RUNS:
            figures = _measured(run.module, windows[run.window], servers)
            straightforward_cpu_s = straightforward_cpu_s or figures.cpu_s
            print(
                f"{run.name:<34}{figures.cpu_s:8.2f}{straightforward_cpu_s / figures.cpu_s:12.1f}"
                f"{figures.peak_mib:10.0f}{figures.wall_s:8.2f}{figures.records:10,}"
            )


def payloads_of(records: int = WHOLE_NETWORK_RECORDS) -> list[bytes]:
    """Two windows of so many records, one after the other: other readings of the same sensors."""
    recording, now_s = Recording.load(RECORDING), int(time.time())
    network = Network(recording, Timeline.of(recording, starts_at_s=now_s - 2 * WINDOW_S), records=records)
    return [b"[" + b",".join(network.window(now_s - age_s)) + b"]" for age_s in (WINDOW_S, 0)]


@contextmanager
def _running_servers(folder: Path) -> Iterator[Servers]:
    for name in ("kafka", "valkey"):
        (folder / name).mkdir()
    with (
        running_kafka(folder / "kafka") as broker,
        running_valkey(folder / "valkey") as valkey,
        _running_feed(folder) as feed_url,
    ):
        create_topics(broker.bootstrap_servers, TOPICS, lambda _line: None)
        yield Servers(feed_url, broker.bootstrap_servers, valkey.url)


@contextmanager
def _running_feed(folder: Path) -> Iterator[str]:
    (port,) = free_ports(1)
    url = f"http://{LOOPBACK}:{port}{DATA_PATH}"
    module = [sys.executable, "-m", "local_stack.recording_server"]
    command = [*module, "--recording", RECORDING, "--port", str(port)]
    server = Server(command, log=folder / "feed.log", require=lambda: _require_feed(url))
    server.start()
    try:
        yield url
    finally:
        server.stop()


def _require_feed(url: str) -> None:
    try:
        requests.get(urljoin(url, "/readyz"), timeout=LIMIT_S)
    except requests.ConnectionError as error:
        raise UnavailableError(f"no recording server at {url}: {error}") from error


def _measured(module: str, window: bytes, servers: Servers) -> Figures:
    """The figures of one process of the client, which is served this window."""
    inject_url = urljoin(servers.feed_url, "/recording/inject?mode=replace")
    requests.post(inject_url, data=window, timeout=LIMIT_S).raise_for_status()
    before, began_s = _records(servers), time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.measured", module, *_arguments(module, servers)],
        cwd=ROOT,
        env={**os.environ, **_environment(servers)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    wall_s = time.monotonic() - began_s
    if ended.returncode:
        raise RuntimeError(f"{module} failed: {ended.stderr}")
    return Figures(**json.loads(ended.stdout), wall_s=wall_s, records=_records(servers) - before)


def _arguments(module: str, servers: Servers) -> list[str]:
    if module == OURS:
        return []
    return [servers.feed_url, servers.bootstrap_servers, servers.redis_url]


def _environment(servers: Servers) -> dict[str, str]:
    return {
        "SCRAPER_SOURCE_URL": servers.feed_url,
        "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "SCRAPER_REDIS_URL": servers.redis_url,
    }


def _records(servers: Servers) -> int:
    """How many readings are in Kafka."""
    partitions = [TopicPartition(READINGS_RAW.name, number) for number in range(READINGS_RAW.partitions)]
    with closing(kafka.KafkaConsumer(bootstrap_servers=servers.bootstrap_servers)) as consumer:
        return sum(consumer.end_offsets(partitions).values())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else WHOLE_NETWORK_RECORDS)
