"""The split with Quix Streams, exactly once: its state for the ids, its choice of a topic for each row.

`python -m benchmarks.stream.peers.quix BROKERS GROUP STATE_FOLDER`: until it is killed.
In a virtual environment of its own: its pins are not ours. Ids are kept for two hours of the readings' own
time, for its state knows no other, each under its sensor, and in a topic from which the state is restored.
"""

import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from quixstreams import Application, State, message_context
from quixstreams.models import Serializer

from benchmarks.stream.peers.meaning import ID_TTL_S, Source, outcome
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_RAW

ID_TTL = timedelta(seconds=ID_TTL_S)


class Body(Serializer):
    """Of a row (topic, key, body), what is written."""

    def __call__(self, value: tuple[str, bytes | None, bytes], ctx: Any) -> bytes:  # noqa: ARG002 - its own name
        """Its bytes."""
        return value[2]


def main() -> None:
    """Run until killed."""
    brokers, group, state = sys.argv[1:]
    application = Application(
        broker_address=brokers,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_interval=5.0,
        processing_guarantee="exactly-once",
        state_dir=state,
        producer_extra_config={
            "compression.type": "lz4", "linger.ms": 50, "partitioner": "murmur2_random",
        },
        loglevel="WARNING",
    )  # fmt: skip
    topics = {
        name: application.topic(name, key_serializer="bytes", value_serializer=Body())
        for name in (*(topic.name for topic in MEASURE_TOPICS.values()), DEAD_LETTERS.name)
    }
    messages = application.topic(READINGS_RAW.name, key_deserializer="bytes", value_deserializer="bytes")
    rows = application.dataframe(messages)
    rows = rows.apply(rows_of, expand=True, metadata=True, stateful=True)
    rows.to_topic(lambda row, _key, _timestamp, _headers: topics[row[0]], key=lambda row: row[1])
    application.run()


def rows_of(
    body: bytes, _key: bytes, timestamp_ms: int, _headers: Any, state: State
) -> Iterator[tuple[str, bytes | None, bytes]]:
    """Topic, key and body of each message that comes of one."""
    at = message_context()
    source = Source(at.topic, at.partition, at.offset, timestamp_ms)

    def is_repeated(reading_id: int) -> bool:
        key = str(reading_id)
        if state.exists(key):
            return True
        state.set(key, 1, ttl=ID_TTL)
        return False

    return outcome(body, source, is_repeated=is_repeated)


if __name__ == "__main__":
    main()
