"""What a way wrote, to be compared: every committed value and dead letter, in whichever order."""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import confluent_kafka
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.protocol.consumer import IsolationLevel
from kafka.structs import TopicPartition

from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, Topic

MESSAGES_AT_ONCE = 10_000
IDLE_S = 15.0
COMMIT_LIMIT_S = 60.0
CHECK_EVERY_S = 0.5
HASHES = 2**64

TOPICS: Mapping[str, Topic[Any]] = {
    **{topic.name: topic for topic in MEASURE_TOPICS.values()},
    DEAD_LETTERS.name: DEAD_LETTERS,
}

Outcome = Mapping[str, tuple[int, int]]


def written(bootstrap_servers: str) -> Outcome:
    """Of each topic how many messages there are, and the sum of their hashes in this process.

    A hash is of topic, key, time and content. Raises RuntimeError where transactions stay open.
    """
    partitions = [(name, number) for name, topic in TOPICS.items() for number in range(topic.partitions)]
    _wait_for_commits(bootstrap_servers, [TopicPartition(*each) for each in partitions])
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": bootstrap_servers, "group.id": "outcome", "enable.auto.commit": False,
        "isolation.level": "read_committed", "enable.partition.eof": True,
    })  # fmt: skip
    consumer.assign([
        confluent_kafka.TopicPartition(*each, confluent_kafka.OFFSET_BEGINNING) for each in partitions
    ])  # fmt: skip
    found: dict[str, tuple[int, int]] = {}
    ended = 0
    while ended < len(partitions):
        messages = consumer.consume(MESSAGES_AT_ONCE, timeout=IDLE_S)
        if not messages:
            raise RuntimeError("the topics of values have no end")
        for message in messages:
            if message.error():
                ended += 1
                continue
            topic = str(message.topic())
            content = TOPICS[topic].decode(message.value() or b"")
            told = hash((topic, message.key(), message.timestamp()[1], content))
            count, total = found.get(topic, (0, 0))
            found[topic] = (count + 1, (total + told) % HASHES)
    consumer.close()
    return found


def difference(expected: Outcome, found: Outcome) -> str:
    """In words: the same, or how many messages of which topics are missing or too many, or differ."""
    if expected == found:
        return "same"
    told = []
    for topic in sorted(expected.keys() | found.keys()):
        wanted, got = expected.get(topic, (0, 0)), found.get(topic, (0, 0))
        if wanted != got:
            told.append(f"{topic} {got[0] - wanted[0]:+d}" if got[0] != wanted[0] else f"{topic} differs")
    return ", ".join(told)


def _wait_for_commits(bootstrap_servers: str, partitions: list[TopicPartition]) -> None:
    deadline_s = time.monotonic() + COMMIT_LIMIT_S
    asked = dict.fromkeys(partitions, OffsetSpec.LATEST)
    with closing(KafkaAdminClient(bootstrap_servers=bootstrap_servers)) as admin:
        while admin.list_partition_offsets(asked) != admin.list_partition_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED
        ):
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"transactions are open after {COMMIT_LIMIT_S:.0f} s")
            time.sleep(CHECK_EVERY_S)
