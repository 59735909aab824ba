"""Records of the log on Kafka, by kafka-python."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kafka
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata, TopicPartition

from contracts.errors import UnavailableError
from runtime.kafka_reach import require_reachable
from runtime.kafka_security import OPEN, KafkaSecurity
from runtime.log_interfaces import Partition, Records

FETCH_BYTES = 8 * 1024 * 1024
SESSION_TIMEOUT_MS = 9_000
RECONNECT_CAP_MS = 2_000
# Stopping takes at most 10 s in all; kafka-python's own limits are longer.
BOOTSTRAP_TIMEOUT_MS = 3_000
COMMIT_TIMEOUT_MS = 2_000
CLOSE_TIMEOUT_MS = 1_000
LAG_TIMEOUT_MS = 1_000


class KafkaRecordSource:
    """A RecordSource that reads committed transactions only and never commits by itself.

    With `member_id` its membership is static: a member that is back within the session's time gets its
    partitions back, without a rebalance.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        topics: Sequence[str],
        group_id: str,
        client_id: str,
        member_id: str | None = None,
        security: KafkaSecurity = OPEN,
    ) -> None:
        self._consumer = _connected(
            lambda: _subscribed(
                kafka.KafkaConsumer(
                    bootstrap_servers=bootstrap_servers.split(","),
                    group_id=group_id,
                    client_id=client_id,
                    group_instance_id=member_id,
                    isolation_level="read_committed",
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    fetch_max_bytes=FETCH_BYTES,
                    max_partition_fetch_bytes=FETCH_BYTES // 4,
                    session_timeout_ms=SESSION_TIMEOUT_MS,
                    heartbeat_interval_ms=SESSION_TIMEOUT_MS // 5,
                    reconnect_backoff_max_ms=RECONNECT_CAP_MS,
                    bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
                    allow_auto_create_topics=False,
                    **security.for_kafka_python(),
                ),
                topics,
            ),
            bootstrap_servers,
        )

    def poll(self, timeout_s: float, *, max_records: int) -> Mapping[Partition, Records]:
        """The next records by partition; raises UnavailableError where the broker refuses."""
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        except KafkaError as error:
            raise UnavailableError(f"Kafka cannot be read: {error!r}") from error
        return {
            Partition(partition.topic, partition.partition): Records(
                [record.offset for record in records], [record.value for record in records]
            )
            for partition, records in polled.items()
        }

    def commit(self, next_offset_by_partition: Mapping[Partition, int]) -> None:
        """Commit for the group; raises UnavailableError where the broker did not take it."""
        offsets = {
            TopicPartition(*partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in next_offset_by_partition.items()
        }
        try:
            self._consumer.commit(offsets, timeout_ms=COMMIT_TIMEOUT_MS)
        except KafkaError as error:
            raise UnavailableError(f"Kafka did not take the offsets: {error!r}") from error

    def pause(self) -> None:
        """Fetch nothing until `resume`."""
        self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """Fetch again."""
        self._consumer.resume(*self._consumer.paused())

    def assigned(self) -> frozenset[Partition]:
        """The partitions that this member holds now."""
        return frozenset(Partition(p.topic, p.partition) for p in self._consumer.assignment())

    def lag(self) -> int:
        """Records behind the ends of the assigned partitions; raises UnavailableError without a broker."""
        partitions = list(self._consumer.assignment())
        try:
            ends = self._consumer.end_offsets(partitions, timeout_ms=LAG_TIMEOUT_MS) if partitions else {}
            positions = {p: self._consumer.position(p, timeout_ms=0) for p in partitions}
        except KafkaError as error:
            raise UnavailableError(f"Kafka does not tell the ends of partitions: {error!r}") from error
        return sum(max(0, end - positions[p]) for p, end in ends.items() if positions[p] is not None)

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close(timeout_ms=CLOSE_TIMEOUT_MS)


def _subscribed(consumer: Any, topics: Sequence[str]) -> Any:
    try:
        # kafka-python 3.0 may join the group before it knows the topics, join again when it does, and
        # never collect the answer: it then holds no partition for ever. So it learns the topics first.
        consumer.partitions_for_topic(topics[0])
        consumer.subscribe(topics=list(topics))
    except KafkaError:
        consumer.close(timeout_ms=CLOSE_TIMEOUT_MS)
        raise
    return consumer


def _connected(connect: Callable[[], Any], bootstrap_servers: str) -> Any:
    require_reachable(bootstrap_servers)
    try:
        return connect()
    except KafkaError as error:
        raise UnavailableError(f"no Kafka at {bootstrap_servers}: {error!r}") from error
