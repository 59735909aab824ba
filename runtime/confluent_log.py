"""The log on Kafka, by confluent-kafka (librdkafka): the reader for much in little time."""

import logging
import threading
from collections.abc import Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from contracts.errors import UnavailableError
from runtime.kafka_reach import require_reachable
from runtime.kafka_security import OPEN, KafkaSecurity
from runtime.log_interfaces import Partition, Records

log = logging.getLogger(__name__)

SESSION_TIMEOUT_MS = 9_000
REQUEST_TIMEOUT_MS = 3_000
# Stopping takes at most 10 s in all.
COMMIT_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 2.0
RECONNECT_CAP_MS = 2_000
# What is fetched ahead of `poll`; librdkafka would take 64 MiB. A fetch comes on top, several times as large
# once it is unpacked.
PREFETCHED_KIB = 2 * 1024
PREFETCHED_RECORDS = 10_000
FETCH_BYTES = 512 * 1024
METADATA_TIMEOUT_S = 3.0
LAG_TIMEOUT_S = 1.0
# A question to the broker waits behind a fetch that waits for records.
FETCH_WAIT_MS = 100
# How long a full queue is left alone; in librdkafka's second one as small as this runs empty.
FULL_QUEUE_WAIT_MS = 10

_READING: dict[str, str | int | bool] = {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "socket.timeout.ms": REQUEST_TIMEOUT_MS,
    "reconnect.backoff.max.ms": RECONNECT_CAP_MS,
    "queued.max.messages.kbytes": PREFETCHED_KIB,
    "queued.min.messages": PREFETCHED_RECORDS,
    "fetch.wait.max.ms": FETCH_WAIT_MS,
    "fetch.queue.backoff.ms": FULL_QUEUE_WAIT_MS,
    "fetch.max.bytes": FETCH_BYTES,
    # librdkafka wants fetches to be no smaller than this; a larger record comes anyway.
    "message.max.bytes": FETCH_BYTES,
    "fetch.message.max.bytes": FETCH_BYTES // 4,
    # Tells where a partition ends behind marks of transactions, which are no records.
    "enable.partition.eof": True,
    "allow.auto.create.topics": False,
    # Outages are told by `lag`; librdkafka would tell each attempt to connect, dozens a second.
    "log_level": 2,
}


class ConfluentRecordSource:
    """A RecordSource that reads committed transactions only and never commits by itself.

    Its membership is cooperative: a rebalance takes only the partitions that move. With `member_id` it is
    static too: a member that is back within the session's time gets its partitions back, without a rebalance.
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
        require_reachable(bootstrap_servers)
        self._position: dict[Partition, int] = {}
        # As we were told: librdkafka does not answer `assignment` while a commit waits for a broker.
        self._assigned: set[Partition] = set()
        self._asked_topic = topics[0]
        self._is_paused = False
        self._is_change_due = False
        self._commit: _Commit | None = None
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "client.id": client_id,
                **_membership(group_id, member_id),
                **_READING,
                **security.for_librdkafka(),
            },
            logger=log,
        )
        self._join(bootstrap_servers, topics)

    def poll(self, timeout_s: float, *, max_records: int) -> Mapping[Partition, Records]:
        """The next records by partition; raises UnavailableError where the broker refuses.

        None while a commit waits for its broker: librdkafka may not answer anything else meanwhile.
        """
        if not self._is_free(timeout_s):
            return {}
        try:
            messages = self._consumer.consume(max_records, timeout_s)
            self._change()
        except KafkaException as error:
            raise UnavailableError(f"Kafka cannot be read: {error}") from error
        polled: dict[Partition, Records] = {}
        failure: KafkaError | None = None
        for message in messages:
            bad = message.error()
            if bad is not None:
                failure = failure or self._noted(message, bad)
                continue
            columns = polled.get((message.topic(), message.partition()))  # type: ignore[call-overload]
            if columns is None:
                columns = polled[_partition(message)] = Records([], [])
            columns.offsets.append(message.offset())
            columns.values.append(message.value())
        return self._told(polled, failure)

    def commit(self, next_offset_by_partition: Mapping[Partition, int]) -> None:
        """Commit for the group; raises UnavailableError where the broker did not take it in time."""
        if not self._is_free(COMMIT_TIMEOUT_S):
            raise UnavailableError("Kafka has not taken the offsets before these yet")
        self._commit = _Commit(self._consumer, next_offset_by_partition)
        self._commit.require_taken(COMMIT_TIMEOUT_S)

    def pause(self) -> None:
        """Fetch nothing until `resume`."""
        self._is_paused = self._is_change_due = True
        self._change()

    def resume(self) -> None:
        """Fetch again."""
        self._is_paused, self._is_change_due = False, True
        self._change()

    def assigned(self) -> frozenset[Partition]:
        """The partitions that this member holds now."""
        return frozenset(self._assigned)

    def lag(self) -> int:
        """Records behind the ends of the assigned partitions; raises UnavailableError without a broker."""
        if not self._is_free(0):
            raise UnavailableError("Kafka has not taken the last offsets yet")
        assigned = self.assigned()
        try:
            # The ends come with each fetch; only a question of its own tells that nobody answers,
            # and a member that waits for its partitions wants to know that too.
            self._consumer.list_topics(self._asked_topic, LAG_TIMEOUT_S)
            return sum(self._behind(partition) for partition in assigned)
        except KafkaException as error:
            raise UnavailableError(f"Kafka does not tell the ends of partitions: {error}") from error

    def close(self) -> None:
        """Leave the group, if the broker is there; a static member keeps its place for the session's time."""
        if self._is_free(0):
            # librdkafka takes its time to find out that nobody can be told.
            closing = threading.Thread(target=self._consumer.close, daemon=True)
            closing.start()
            closing.join(CLOSE_TIMEOUT_S)

    def _told(self, polled: dict[Partition, Records], failure: KafkaError | None) -> dict[Partition, Records]:
        for partition, records in polled.items():
            # The end of the partition, where it came along, lies behind marks of transactions.
            self._position[partition] = max(self._position.get(partition, 0), records.offsets[-1] + 1)
        if failure is not None and not polled:
            raise UnavailableError(f"Kafka cannot be read: {failure}")
        return polled

    def _noted(self, message: Message, error: KafkaError) -> KafkaError | None:
        """None for the end of a partition, which is no failure."""
        if error.code() != KafkaError._PARTITION_EOF:
            return error
        self._position[_partition(message)] = int(message.offset() or 0)
        return None

    def _behind(self, partition: Partition) -> int:
        wanted = TopicPartition(*partition)
        _, end = self._consumer.get_watermark_offsets(wanted, timeout=LAG_TIMEOUT_S, cached=True)
        if end < 0:  # nothing was fetched yet
            _, end = self._consumer.get_watermark_offsets(wanted, timeout=LAG_TIMEOUT_S)
        if partition not in self._position:
            return self._uncommitted(partition, end)
        if end > self._position[partition]:
            # That end counts records of open transactions, too, which nobody may read yet; this one does not.
            _, end = self._consumer.get_watermark_offsets(wanted, timeout=LAG_TIMEOUT_S)
        return max(0, end - self._position[partition])

    def _uncommitted(self, partition: Partition, end: int) -> int:
        [committed] = self._consumer.committed([TopicPartition(*partition)], LAG_TIMEOUT_S)
        start, _ = self._consumer.get_watermark_offsets(TopicPartition(*partition), timeout=LAG_TIMEOUT_S)
        self._position[partition] = max(committed.offset, start)
        return max(0, end - self._position[partition])

    def _note_new(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        self._assigned.update(Partition(each.topic, each.partition) for each in partitions)
        # They are assigned once this has returned; one that was lost while it was paused comes back paused.
        self._is_change_due = True

    def _change(self) -> None:
        """Pause or resume what is assigned, where that is due and librdkafka can be asked."""
        if self._is_change_due and self._is_free(0):
            self._is_change_due = False
            change = self._consumer.pause if self._is_paused else self._consumer.resume
            change([TopicPartition(*each) for each in self._assigned])

    def _is_free(self, timeout_s: float) -> bool:
        """Whether no commit waits for its broker, now or within the time."""
        return self._commit is None or self._commit.is_over(timeout_s)

    def _forget(self, _consumer: Consumer, partitions: Sequence[TopicPartition]) -> None:
        for each in partitions:
            self._assigned.discard(Partition(each.topic, each.partition))
            self._position.pop(Partition(each.topic, each.partition), None)

    def _join(self, bootstrap_servers: str, topics: Sequence[str]) -> None:
        try:
            self._require_topics(topics)
            self._consumer.subscribe(
                list(topics), on_assign=self._note_new, on_revoke=self._forget, on_lost=self._forget
            )
        except KafkaException as error:
            self._consumer.close()
            raise UnavailableError(f"no Kafka at {bootstrap_servers}: {error}") from error
        except UnavailableError:
            self._consumer.close()
            raise

    def _require_topics(self, topics: Sequence[str]) -> None:
        known = self._consumer.list_topics(timeout=METADATA_TIMEOUT_S).topics
        missing = sorted(set(topics) - set(known))
        if missing:
            raise UnavailableError(f"Kafka has no topic {', '.join(missing[:3])}: create the topics first")


class _Commit:
    """One commit, in a thread of its own: librdkafka waits for a broker that is away as long as it is."""

    def __init__(self, consumer: Consumer, next_offset_by_partition: Mapping[Partition, int]) -> None:
        offsets = [TopicPartition(*each, offset) for each, offset in next_offset_by_partition.items()]
        self._failure: object = None
        self._thread = threading.Thread(target=self._run, args=(consumer, offsets), daemon=True)
        self._thread.start()

    def is_over(self, timeout_s: float) -> bool:
        """Whether the broker answered, now or within the time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def require_taken(self, timeout_s: float) -> None:
        """Raise UnavailableError where the broker does not answer in time, or refuses."""
        if not self.is_over(timeout_s):
            raise UnavailableError(f"Kafka did not take the offsets in {timeout_s:g} s")
        if self._failure is not None:
            raise UnavailableError(f"Kafka did not take the offsets: {self._failure}")

    def _run(self, consumer: Consumer, offsets: list[TopicPartition]) -> None:
        try:
            committed = consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._failure = error
            return
        self._failure = next((each.error for each in committed or () if each.error is not None), None)


def _membership(group_id: str, member_id: str | None) -> dict[str, str | int]:
    return {
        "group.id": group_id,
        **({"group.instance.id": member_id} if member_id else {}),
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": SESSION_TIMEOUT_MS // 5,
    }


def _partition(message: Message) -> Partition:
    return Partition(str(message.topic()), int(message.partition() or 0))
