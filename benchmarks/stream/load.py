"""The readings to measure on: three recorded days of a city, many times over as many cities at once."""

import itertools
import json
import lzma
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import confluent_kafka

from contracts.topics import READINGS_RAW, TOPICS
from local_stack.recordings import recording_path
from local_stack.single import running_kafka
from runtime.topic_setup import create_topics

RECORDING = "aberdeen-2019-05-12"
SENSORS_OF_CITY = 1_000_000
READINGS_OF_CITY = 10**12
REPEATED_EVERY = 20
# Of so many messages one more is broken, or holds a value that is to be doubted or set aside.
SPOILED_EVERY = 500
SPOILED_IDS = 5 * 10**11


@contextmanager
def broker_with_topics() -> Iterator[tuple[Path, str]]:
    """A folder that goes again, and the address of a broker in it that has every topic."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kafka").mkdir()
        with running_kafka(folder / "kafka") as broker:
            create_topics(broker.bootstrap_servers, TOPICS, lambda _line: None)
            yield folder, broker.bootstrap_servers


def fill(bootstrap_servers: str, given: Iterable[tuple[bytes, bytes, int]]) -> int:
    """Write messages to the raw log; how many bytes they are."""
    producer = confluent_kafka.Producer({
        "bootstrap.servers": bootstrap_servers, "compression.type": "lz4", "linger.ms": 50,
        "batch.size": 512 * 1024, "partitioner": "murmur2_random", "queue.buffering.max.messages": 500_000,
    })  # fmt: skip
    size = 0
    for body, key, at_s in given:
        while True:
            try:
                producer.produce(READINGS_RAW.name, body, key=key, timestamp=at_s * 1000)
                break
            except BufferError:
                producer.poll(0.1)
        size += len(body)
    if left := producer.flush(60):
        raise RuntimeError(f"{left} messages were not written")
    return size


def messages(count: int, *, spoiled_every: int = SPOILED_EVERY) -> Iterator[tuple[bytes, bytes, int]]:
    """Messages as the scraper writes them, in the order of their times: body, key, Unix second.

    One in twenty is a repeat; with `spoiled_every` 0 none is spoiled.
    """
    return itertools.islice(_spoiled(_readings(count), spoiled_every), count)


def _readings(count: int) -> Iterator[tuple[bytes, bytes, int]]:
    templates = list(_templates())
    cities = -(-count // (len(templates) + len(templates) // REPEATED_EVERY))
    for number, (start, middle, end, reading_id, sensor_id, at_s) in enumerate(templates):
        for city in range(cities):
            sensor = b"%d" % (sensor_id + city * SENSORS_OF_CITY)
            of_city = end.replace(b'"Aberdeen"', b'"Aberdeen %d"' % city)
            body = start + b"%d" % (reading_id + city * READINGS_OF_CITY) + middle + sensor + of_city
            for _ in range(2 if number % REPEATED_EVERY == 0 else 1):
                yield body, sensor, at_s


def _spoiled(good: Iterable[tuple[bytes, bytes, int]], every: int) -> Iterator[tuple[bytes, bytes, int]]:
    for number, (body, key, at_s) in enumerate(good, start=1):
        yield body, key, at_s
        if every and number % every == 0:
            spoil = _SPOILS[number // every % len(_SPOILS)]
            yield spoil(_ID.sub(b'{"id":%d' % (number + SPOILED_IDS), body, count=1)), key, at_s


_ID = re.compile(rb'^\{"id":\d+')

# Cut short; of another shape; no number; of no known measure; out of every range.
_SPOILS: tuple[Callable[[bytes], bytes], ...] = (
    lambda body: body[:-1],
    lambda body: body.replace(b'"sensordatavalues":', b'"values":'),
    lambda body: body.replace(b'"value":"', b'"value":"nan', 1),
    lambda body: body.replace(b'"value_type":"', b'"value_type":"x', 1),
    lambda body: body.replace(b'"value":"', b'"value":"-9999', 1),
)


def _templates() -> Iterator[tuple[bytes, bytes, bytes, int, int, int]]:
    """Each recorded reading cut at its id and its sensor's: three pieces, both ids, Unix second."""
    with lzma.open(recording_path(RECORDING), "rt") as lines:
        for line in lines:
            record = json.loads(line)
            at_s = int(datetime.fromisoformat(record["timestamp"]).replace(tzinfo=UTC).timestamp())
            place = {"country": "GB", "city": "Aberdeen", "geohash": "gfnt0ab"}
            fetched_at = datetime.fromtimestamp(at_s + 60, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            added = {"place": place, "fetched_at": fetched_at, "schema": 1}
            ids = {"id": record.pop("id"), "sensor": record.pop("sensor")}
            body = json.dumps(ids | record | added, separators=(",", ":")).encode()
            reading_id, sensor_id = b"%d" % ids["id"], b"%d" % ids["sensor"]["id"]
            start, _, rest = body.partition(reading_id)
            middle, _, end = rest.partition(sensor_id)
            yield start, middle, end, ids["id"], ids["sensor"]["id"], at_s
