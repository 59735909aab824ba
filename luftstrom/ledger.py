"""Reads the counts that the reconciliation compares: Redis, the dead letters, InfluxDB."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import redis
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from contracts.dead_letters import DeadLetter, Reason
from contracts.errors import UnavailableError
from contracts.measures import MEASURES
from contracts.stored import AIR, LIVE_BUCKET
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS
from luftstrom.reconciliation import Door, Reconciliation
from runtime.influx_store import InfluxReader
from runtime.redis_client import redis_errors

DOORS = ("live", "archive")
BOOTSTRAP_TIMEOUT_MS = 5_000
REASONS_OF_WHOLE_MESSAGES = frozenset({Reason.NOT_JSON, Reason.NOT_A_READING})
READ_LIMIT_S = 60.0
MEASURE_TOPIC_NAMES = frozenset(topic.name for topic in MEASURE_TOPICS.values())


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the counts are."""

    kafka_bootstrap_servers: str
    redis_client: redis.Redis
    influx: InfluxReader

    def reconciliation(self) -> Reconciliation:
        """Both ends as they are now.

        The store is read first: what arrives meanwhile then shows as on the way, never as doubled.
        """
        stored = stored_by_measure(self.influx)
        set_aside = Counter(
            letter.reason for letter in self.dead_letters() if is_value_of_published_reading(letter)
        )
        return Reconciliation(door=self.door(), stored_by_measure=stored, set_aside_by_reason=set_aside)

    def door(self) -> Door:
        """What both doors of the scraper counted."""
        total = Door()
        for name in DOORS:
            with redis_errors():
                totals: Mapping[bytes, bytes] = self.redis_client.hgetall(f"scraper:totals:{name}")  # type: ignore[assignment]
            total += Door.from_totals(totals)
        return total

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Every dead letter there is, committed ones only, each once."""
        yield from without_repeats(read_dead_letters(self.kafka_bootstrap_servers))


def is_value_of_published_reading(letter: DeadLetter) -> bool:
    """Whether the letter is one value set aside after the door.

    The scraper's own letters (no source topic) are refused readings, which the door counts;
    a whole message of the raw log that is no reading was not written by the scraper.
    """
    return letter.source_topic is not None and letter.reason not in REASONS_OF_WHOLE_MESSAGES


def without_repeats(letters: Iterable[DeadLetter]) -> Iterator[DeadLetter]:
    """The letters without the ones that the collector wrote again after a crash.

    It reads a message again then, so its letter has the same source. The split job writes exactly once,
    and one message of its may hold two bad values.
    """
    seen: set[tuple[str, int | None, int | None]] = set()
    for letter in letters:
        if letter.source_topic in MEASURE_TOPIC_NAMES:
            source = (letter.source_topic, letter.source_partition, letter.source_offset)
            if source in seen:
                continue
            seen.add(source)
        yield letter


def read_dead_letters(bootstrap_servers: str) -> Iterator[DeadLetter]:
    """Every dead letter from the first to the end of the topic as it is now.

    Raises UnavailableError where the broker does not answer.
    """
    try:
        yield from _read_dead_letters(bootstrap_servers)
    except KafkaError as error:
        raise UnavailableError(
            f"the dead letters cannot be read from {bootstrap_servers}: {error!r}"
        ) from error


def _read_dead_letters(bootstrap_servers: str) -> Iterator[DeadLetter]:
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
    )
    try:
        partitions = [TopicPartition(DEAD_LETTERS.name, number) for number in range(DEAD_LETTERS.partitions)]
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        ends = consumer.end_offsets(partitions)
        ends_at_s = time.monotonic() + READ_LIMIT_S
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            if time.monotonic() > ends_at_s:
                raise UnavailableError(f"{DEAD_LETTERS.name} could not be read within {READ_LIMIT_S:.0f} s")
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    yield DEAD_LETTERS.decode(record.value)
    finally:
        consumer.close()


def stored_by_measure(influx: InfluxReader) -> dict[str, int]:
    """Values in the live bucket by measure; measures without any are left out."""
    counts = ", ".join(f'count("{measure.field}") AS "{measure.name}"' for measure in MEASURES)
    # Without an upper bound InfluxQL stops at now, and a sensor's clock may be a little ahead.
    rows = influx.query(LIVE_BUCKET, f"SELECT {counts} FROM {AIR} WHERE time < now() + 1d")  # noqa: S608
    return {name: int(count) for row in rows for name, count in row.items() if name != "time" and count}
