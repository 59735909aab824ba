"""Transactions that are open on Kafka: which there are, which of them hang, and how to end one.

A reader of committed records stops at the first open transaction of a partition: one whose producer is gone
holds it back until the transaction's timeout, and one that no coordinator knows holds it back for ever.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from kafka import KafkaProducer, TopicPartition
from kafka.admin import AbortTransactionSpec, OffsetSpec
from kafka.errors import KafkaError

from contracts.errors import UnavailableError
from runtime.kafka_admin import kafka_admin
from runtime.kafka_security import OPEN, KafkaSecurity

TIMEOUT_MS = 10_000
ENDED_LIMIT_S = 10.0
EVERY_S = 0.1
COORDINATORS_TOPIC = "__transaction_state"
# What a coordinator says of a transaction that readers wait for.
OPEN_STATES = frozenset({"Ongoing", "PrepareCommit", "PrepareAbort", "PrepareEpochFence"})


@dataclass(frozen=True, slots=True)
class Held:
    """What a transaction holds back of one partition: all `records` from its own first one, `offset`, on."""

    topic: str
    partition: int
    offset: int
    records: int
    producer_epoch: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open transaction, and the partitions that it holds back.

    `transactional_id`, `state` and `open_since_s` (Unix second) are its coordinator's; all are None where no
    coordinator knows it: nobody will ever end it then.
    """

    producer_id: int
    transactional_id: str | None
    state: str | None
    open_since_s: float | None
    is_hanging: bool
    held: tuple[Held, ...]

    @property
    def name(self) -> str:
        """What it is called by: its transactional id, or the id of its producer where it has none."""
        return self.transactional_id or str(self.producer_id)

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def open_transactions(
    bootstrap_servers: str, *, hanging_after_s: float, security: KafkaSecurity = OPEN
) -> list[Transaction]:
    """Every transaction that holds readers back now, the oldest first, nobody's before all.

    One hangs that is open for longer than `hanging_after_s` seconds, or that no coordinator knows.
    Raises UnavailableError where a broker or a coordinator does not answer.
    """
    with kafka_admin(bootstrap_servers, security) as admin:
        found = _look(admin, _partitions(admin))
        if any(each.owner is None for each in found):
            found = _confirmed(found, _look(admin, [each.partition for each in found]))
        ends = _ends(admin, [each.partition for each in found])
    hangs_before_s = time.time() - hanging_after_s
    return sorted(
        _by_producer(found, ends, hangs_before_s=hangs_before_s),
        key=lambda each: (each.open_since_s or 0.0, each.name),
    )


def abort(bootstrap_servers: str, transaction: Transaction, *, security: KafkaSecurity = OPEN) -> None:
    """End it; readers of committed records never see its records, and go on behind them.

    Its producer, should it still live, is fenced off. Raises UnavailableError where it is not ended in time.
    """
    if transaction.transactional_id is None:
        _write_abort_markers(bootstrap_servers, transaction, security)
    else:
        _fence(bootstrap_servers, transaction.transactional_id, security)
    ends_at_s = time.monotonic() + ENDED_LIMIT_S
    while any(
        _is_same(each, transaction)
        for each in open_transactions(bootstrap_servers, hanging_after_s=0.0, security=security)
    ):
        if time.monotonic() > ends_at_s:
            raise UnavailableError(
                f"transaction {transaction.name} is still open {ENDED_LIMIT_S:.0f} s after its abort"
            )
        time.sleep(EVERY_S)


class _Owner(NamedTuple):
    """What a coordinator knows of a producer's open transaction."""

    transactional_id: str
    state: str
    open_since_s: float


class _Open(NamedTuple):
    """A transaction as one partition has it, and its owner, None where there is none."""

    partition: Any
    producer_id: int
    producer_epoch: int
    offset: int
    owner: _Owner | None


def _by_producer(
    found: Sequence[_Open], ends: Mapping[Any, int], *, hangs_before_s: float
) -> Iterator[Transaction]:
    held_by_producer = defaultdict(list)
    for each in found:
        topic, partition = each.partition
        records = max(0, ends[each.partition] - each.offset)
        held = Held(topic, partition, each.offset, records, each.producer_epoch)
        held_by_producer[each.producer_id, each.owner].append(held)
    for (producer_id, owner), of_producer in held_by_producer.items():
        name, state, open_since_s = owner or (None, None, None)
        yield Transaction(
            producer_id=producer_id,
            transactional_id=name,
            state=state,
            open_since_s=open_since_s,
            is_hanging=open_since_s is None or open_since_s < hangs_before_s,
            held=tuple(sorted(of_producer, key=lambda each: (each.topic, each.partition))),
        )


def _look(admin: Any, partitions: Sequence[Any]) -> list[_Open]:
    open_producers = [
        (partition, producer)
        for partition, state in admin.describe_producers(partitions).items()
        for producer in state.active_producers
        if producer.current_transaction_start_offset >= 0
    ]
    owners = _owners(admin, sorted({producer.producer_id for _, producer in open_producers}))
    return [
        _Open(
            partition,
            producer.producer_id,
            producer.producer_epoch,
            producer.current_transaction_start_offset,
            owners.get((producer.producer_id, partition)),
        )
        for partition, producer in open_producers
    ]


def _owners(admin: Any, producer_ids: Sequence[int]) -> dict[tuple[int, Any], _Owner]:
    """The owner by producer id and partition."""
    if not producer_ids:
        return {}
    _require_coordinators(admin)
    listed = admin.list_transactions(producer_id_filters=producer_ids)
    names = [each.transactional_id for of_broker in listed.values() for each in of_broker]
    return {
        (each.producer_id, partition): _Owner(name, each.state.value, each.transaction_start_time_ms / 1000)
        for name, each in admin.describe_transactions(names).items()
        if each.state.value in OPEN_STATES
        for partition in each.topic_partitions
    }


def _confirmed(before: Sequence[_Open], now: Sequence[_Open]) -> list[_Open]:
    """What is nobody's must be so twice: it may have ended between the partition's answer and the owner's."""
    nobodys = {(each.partition, each.producer_id, each.offset) for each in before if each.owner is None}
    return [
        each
        for each in now
        if each.owner is not None or (each.partition, each.producer_id, each.offset) in nobodys
    ]


def _require_coordinators(admin: Any) -> None:
    """Else what a coordinator that is away knows would look like nobody's."""
    (topic,) = admin.describe_topics([COORDINATORS_TOPIC])
    if any(partition["leader_id"] < 0 for partition in topic["partitions"]):
        raise UnavailableError(
            "the coordinator of some transactions is away: try again when its broker is back"
        )


def _partitions(admin: Any) -> list[Any]:
    return [
        TopicPartition(topic["name"], partition["partition_index"])
        for topic in admin.describe_topics()
        for partition in topic["partitions"]
    ]


def _ends(admin: Any, partitions: Sequence[Any]) -> dict[Any, int]:
    offsets = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST)) if partitions else {}
    return {partition: end.offset for partition, end in offsets.items()}


def _fence(bootstrap_servers: str, transactional_id: str, security: KafkaSecurity) -> None:
    """A new producer of that id makes the coordinator abort what the last one left open."""
    try:
        producer = KafkaProducer(
            bootstrap_servers=bootstrap_servers.split(","),
            transactional_id=transactional_id,
            bootstrap_timeout_ms=TIMEOUT_MS,
            max_block_ms=TIMEOUT_MS,
            **security.for_kafka_python(),
        )
        try:
            producer.init_transactions()
        finally:
            producer.close(timeout=TIMEOUT_MS / 1000)
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"transaction {transactional_id} could not be aborted: {error!r}") from error


def _write_abort_markers(bootstrap_servers: str, transaction: Transaction, security: KafkaSecurity) -> None:
    with kafka_admin(bootstrap_servers, security) as admin:
        for held in transaction.held:
            partition = TopicPartition(held.topic, held.partition)
            admin.abort_transaction(
                AbortTransactionSpec(partition, transaction.producer_id, held.producer_epoch)
            )


def _is_same(one: Transaction, other: Transaction) -> bool:
    return (one.producer_id, one.open_since_s) == (other.producer_id, other.open_since_s)
