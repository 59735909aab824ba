"""Reads topics of Kafka as they lie there, in no group."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kafka
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from contracts.errors import UnavailableError
from runtime.kafka_security import OPEN, KafkaSecurity
from runtime.log_interfaces import Partition, Progress, Record

BOOTSTRAP_TIMEOUT_MS = 5_000
POLL_MS = 500
POLLED_RECORDS_MAX = 500
# Bounds what is in memory, with the client's own double.
FETCH_BYTES = 8 * 1024 * 1024
SILENCE_LIMIT_S = 60.0


class KafkaLogReader:
    """A LogReader; each call has a connection of its own."""

    def __init__(self, bootstrap_servers: str, *, security: KafkaSecurity = OPEN) -> None:
        self._bootstrap_servers, self._security = bootstrap_servers, security

    def records(
        self, topic: str, *, since_ms: int | None = None, on_progress: Progress | None = None
    ) -> Iterator[tuple[Partition, Record]]:
        """Every record up to the end that the topic has now; a topic that is not there has none."""
        with self._consumer(topic) as consumer:
            numbers = consumer.partitions_for_topic(topic) or ()
            partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
            if partitions:
                starts, ends = _starts(consumer, partitions, since_ms), consumer.end_offsets(partitions)
                yield from _read(consumer, starts, ends, on_progress)

    def record(self, partition: Partition, offset: int) -> Record | None:
        """One record; None where there is none at the offset."""
        wanted = TopicPartition(*partition)
        with self._consumer(partition.topic) as consumer:
            if partition.number not in (consumer.partitions_for_topic(partition.topic) or ()):
                return None
            first, end = consumer.beginning_offsets([wanted])[wanted], consumer.end_offsets([wanted])[wanted]
            if not first <= offset < end:
                return None
            _, found = next(_read(consumer, {wanted: offset}, {wanted: end}, None), (None, None))
        return found if found is not None and found.offset == offset else None

    @contextmanager
    def _consumer(self, topic: str) -> Iterator[Any]:
        try:
            consumer = kafka.KafkaConsumer(
                bootstrap_servers=self._bootstrap_servers.split(","),
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
                max_poll_records=POLLED_RECORDS_MAX,
                fetch_max_bytes=FETCH_BYTES,
                allow_auto_create_topics=False,
                **self._security.for_kafka_python(),
            )
            try:
                yield consumer
            finally:
                consumer.close()
        except KafkaError as error:
            raise UnavailableError(
                f"{topic} cannot be read from {self._bootstrap_servers}: {error!r}"
            ) from error


def _starts(
    consumer: Any, partitions: list[TopicPartition], since_ms: int | None
) -> dict[TopicPartition, int]:
    if since_ms is None:
        return dict(consumer.beginning_offsets(partitions))
    found = consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
    return {partition: at.offset for partition, at in found.items() if at is not None}


def _read(
    consumer: Any,
    starts: dict[TopicPartition, int],
    ends: dict[TopicPartition, int],
    on_progress: Progress | None,
) -> Iterator[tuple[Partition, Record]]:
    consumer.assign(list(starts))
    for partition, start in starts.items():
        consumer.seek(partition, start)
    total = sum(ends[each] - start for each, start in starts.items())
    heard_at_s, left = time.monotonic(), total
    while left > 0:
        for partition, records in consumer.poll(timeout_ms=POLL_MS).items():
            for each in records:
                if each.offset < ends[partition]:
                    record = Record(each.offset, each.key, each.value, each.timestamp)
                    yield Partition(partition.topic, partition.partition), record
        # The position passes what is no record, too: marks of transactions.
        before, left = left, sum(max(0, ends[each] - consumer.position(each)) for each in starts)
        if on_progress is not None:
            on_progress(total - left, total)
        if left < before:
            heard_at_s = time.monotonic()
        elif time.monotonic() - heard_at_s > SILENCE_LIMIT_S:
            raise UnavailableError(f"Kafka answers, and gave no record for {SILENCE_LIMIT_S:.0f} s")
