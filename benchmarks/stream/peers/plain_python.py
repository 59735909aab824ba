"""A plain consumer in Python: librdkafka, msgspec, a dictionary of ids, and Kafka's transactions.

`python -m benchmarks.stream.peers.plain_python BROKERS GROUP`: until it is killed.
In the form of confluent-kafka's own example of exactly once. Its ids are in memory alone: started again it
takes for new what it wrote before.
"""

import sys
import time

from confluent_kafka import Consumer, Message, Producer

from benchmarks.stream.peers.meaning import ID_TTL_S, Source, outcome
from contracts.topics import READINGS_RAW

TRANSACTION_S = 5.0
MESSAGES_AT_ONCE = 1_000


def main() -> None:
    """Read, split, write, commit, for ever."""
    brokers, group = sys.argv[1:]
    consumer = Consumer({
        "bootstrap.servers": brokers, "group.id": group, "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    })  # fmt: skip
    producer = Producer({
        "bootstrap.servers": brokers, "transactional.id": group, "compression.type": "lz4",
        "linger.ms": 50, "queue.buffering.max.messages": 500_000, "partitioner": "murmur2_random",
    })  # fmt: skip
    consumer.subscribe([READINGS_RAW.name])
    producer.init_transactions()
    ids = _Ids()
    while True:
        producer.begin_transaction()
        ends_at_s = time.monotonic() + TRANSACTION_S
        while time.monotonic() < ends_at_s:
            for message in consumer.consume(MESSAGES_AT_ONCE, timeout=0.5):
                _take(message, ids, producer)
            producer.poll(0)
        offsets = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
        producer.commit_transaction()


class _Ids:
    """The ids of the last two hours, the oldest first."""

    def __init__(self) -> None:
        self._seen_at_s: dict[int, float] = {}

    def has(self, reading_id: int) -> bool:
        """Whether it was there; it is from now on."""
        now_s = time.monotonic()
        while self._seen_at_s:
            oldest = next(iter(self._seen_at_s))
            if self._seen_at_s[oldest] > now_s - ID_TTL_S:
                break
            del self._seen_at_s[oldest]
        if reading_id in self._seen_at_s:
            return True
        self._seen_at_s[reading_id] = now_s
        return False


def _take(message: Message, ids: _Ids, producer: Producer) -> None:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    body, (_, at_ms) = message.value(), message.timestamp()
    if topic is None or partition is None or offset is None or body is None:
        raise RuntimeError(f"no message but {message.error()}")
    for written_to, key, written in outcome(
        body, Source(topic, partition, offset, at_ms), is_repeated=ids.has
    ):
        while True:
            try:
                producer.produce(written_to, written, key=key, timestamp=at_ms)
                break
            except BufferError:
                producer.poll(0.1)


if __name__ == "__main__":
    main()
