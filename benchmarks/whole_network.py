"""One poll of the whole network, beside a straightforward client that does the same.

`python -m benchmarks.whole_network [records]`; 48,000 by default, the five minutes of the live feed.
Both read the same payload, publish to the same broker of their own and remember in the same Valkey.
CPU is that of the client's process alone, all its threads; each client runs in a process of its own.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import kafka
import redis
import reverse_geocode
from prometheus_client import CollectorRegistry

from contracts.topics import READINGS_RAW, TOPICS
from local_stack.provisioning import create_topics
from local_stack.recording_server.network import WHOLE_NETWORK_RECORDS, Network
from local_stack.recording_server.timeline import WINDOW_S, Timeline
from local_stack.recordings import Recording
from local_stack.single import running_kafka, running_valkey
from runtime.clock import SystemClock
from runtime.kafka_log import KafkaPublisher
from runtime.redis_client import connect_redis
from scraper.lease import Lease
from scraper.memory import Memory
from scraper.metrics import Metrics
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.shared_memory import SharedMemory

RECORDING = "aberdeen-2019-05-12"  # whose sensors are cloned
MIB = 1024 * 1024

Client = Callable[[bytes, str, str], None]


class FixedSource:
    """Gives one payload each time it is asked."""

    origin = None

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def fetch(self) -> bytes:
        """The payload."""
        return self._payload

    def accept(self) -> None:
        """Nothing to remember."""


def main(records: int) -> None:
    """Make the payloads, run the clients, print a table."""
    payloads = payloads_of(records)
    print(f"payload: about {records:,} records, {len(payloads[0]) / MIB:.1f} MiB")
    print(f"{'client':<34}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kafka").mkdir()
        (Path(folder) / "valkey").mkdir()
        with (
            running_kafka(Path(folder) / "kafka") as broker,
            running_valkey(Path(folder) / "valkey") as valkey,
        ):
            create_topics(broker.bootstrap_servers, TOPICS, lambda _line: None)
            for name, client, poll in CLIENTS:
                figures = _measured(client, payloads[poll], broker.bootstrap_servers, valkey.url)
                print(f"{name:<34}{figures[0]:8.2f}{figures[1]:8.2f}{figures[2]:10.0f}")


def payloads_of(records: int = WHOLE_NETWORK_RECORDS) -> list[bytes]:
    """Two windows of so many records, one after the other: other readings of the same sensors."""
    recording, now_s = Recording.load(RECORDING), int(time.time())
    network = Network(recording, Timeline.of(recording, starts_at_s=now_s - 2 * WINDOW_S), records=records)
    return [b"[" + b",".join(network.window(now_s - age_s)) + b"]" for age_s in (WINDOW_S, 0)]


def luftstrom(payload: bytes, bootstrap_servers: str, redis_url: str) -> None:
    """Our poll."""
    _poller(payload, bootstrap_servers, redis_url).poll()


def straightforward(payload: bytes, bootstrap_servers: str, redis_url: str) -> None:
    """What one writes first: json, one look-up, one geocode, one produce a record."""
    client = redis.Redis.from_url(redis_url)
    producer = kafka.KafkaProducer(
        bootstrap_servers=bootstrap_servers, value_serializer=lambda record: json.dumps(record).encode()
    )
    for record in json.loads(payload):
        if client.set(f"seen:{record['id']}", 1, nx=True, ex=900):
            location = record["location"]
            position = (float(location["latitude"]), float(location["longitude"]))
            record["place"] = reverse_geocode.get(position)
            producer.send(READINGS_RAW.name, record, key=str(record["sensor"]["id"]).encode())
    producer.flush()
    producer.close()


# One after the other, on the same broker and Valkey: name, client, number of the poll it gets.
CLIENTS: tuple[tuple[str, Client, int], ...] = (
    ("straightforward, all new", straightforward, 0),
    ("Luftstrom, all new, sensors too", luftstrom, 0),
    ("Luftstrom, all new", luftstrom, 1),
    ("Luftstrom, all published before", luftstrom, 1),
)


def _poller(payload: bytes, bootstrap_servers: str, redis_url: str) -> Poller:
    client, clock, metrics = connect_redis(redis_url), SystemClock(), Metrics(CollectorRegistry())
    lease = Lease(client, holder="benchmark", seconds=60.0, kept_s=0.0, clock=clock, metrics=metrics)
    return Poller(
        FixedSource(payload),
        KafkaPublisher(bootstrap_servers, client_id="benchmark"),
        SharedMemory(Memory(client), lease, metrics),
        places=Places(),
        clock=clock,
        metrics=metrics,
        rules=Rules(future_s_max=300.0),
    )


def _measured(
    client: Client, payload: bytes, bootstrap_servers: str, redis_url: str
) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of one run in a fresh process, imports left out of the times."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(client, payload, bootstrap_servers, redis_url, theirs))
    process.start()
    figures: tuple[float, float, float] = ours.recv()
    process.join()
    return figures


def _run(client: Client, payload: bytes, bootstrap_servers: str, redis_url: str, answer: object) -> None:
    cpu_s, wall_s = time.process_time(), time.monotonic()
    client(payload, bootstrap_servers, redis_url)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.send((time.process_time() - cpu_s, time.monotonic() - wall_s, peak_mib))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else WHOLE_NETWORK_RECORDS)
