"""Reads the counts that the reconciliation compares: Redis, the dead letters, InfluxDB."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import redis

from collector.settings import Settings as CollectorSettings
from contracts.dead_letters import DeadLetter, Reason
from contracts.errors import UnavailableError
from contracts.measures import MEASURES
from contracts.stored import AIR, DAY_S, LIVE_BUCKET, LIVE_RETENTION_S
from contracts.topics import DOORS, MEASURE_TOPICS, READINGS_LATE, Topic
from luftstrom.letters import DOOR_TOPIC_NAMES, MEASURE_TOPIC_NAMES, read_letters
from luftstrom.reconciliation import Door, Reconciliation
from luftstrom.remedies import is_waiting_for_replay
from luftstrom.windows import (
    Span,
    Window,
    letters_by_window,
    published_by_window,
    replaced_values,
    split_by_window,
)
from runtime.clock import iso_utc
from runtime.group_offsets import committed_offsets
from runtime.influx_reader import InfluxReader
from runtime.kafka_reader import KafkaLogReader
from runtime.kafka_security import OPEN, KafkaSecurity
from runtime.log_interfaces import Partition, Progress, Record
from runtime.redis_client import redis_errors
from scraper.memory import SINCE_KEY

COLLECTOR_GROUP: str = CollectorSettings.model_fields["group_id"].default
SET_ASIDE_BEFORE_KEY = "luftstrom:set-aside-before-restore"
# A window that is over for so long should have nothing on the way: a poll, a checkpoint, a batch.
SETTLED_S = 300
VALUE_TOPIC_NAMES = DOOR_TOPIC_NAMES | MEASURE_TOPIC_NAMES
REASONS_OF_WHOLE_MESSAGES = frozenset({Reason.NOT_JSON, Reason.NOT_A_READING})


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the counts are."""

    kafka_bootstrap_servers: str
    redis_client: redis.Redis
    influx: InfluxReader
    collector_group: str = COLLECTOR_GROUP
    security: KafkaSecurity = OPEN

    def reconciliation(self) -> Reconciliation:
        """Both ends as they are now.

        The store is read first: what arrives meanwhile then shows as on the way, never as doubled.
        """
        stored = stored_by_measure(self.influx)
        set_aside = Counter(letter.reason for letter in self.dead_letters() if is_set_aside(letter))
        set_aside.update(self.set_aside_before())
        return Reconciliation(door=self.door(), stored_by_measure=stored, set_aside_by_reason=set_aside)

    def replaced(self, *, on_progress: Progress | None = None) -> int:
        """Values in the raw topics in whose place another reading's are stored."""
        reader = KafkaLogReader(self.kafka_bootstrap_servers, security=self.security)
        return replaced_values(
            each for topic in DOORS.values() for each in reader.records(topic.name, on_progress=on_progress)
        )

    def windows(self, span: Span, *, now_s: float, on_progress: Progress | None = None) -> list[Window]:
        """What each stage has of each window, asking Kafka and InfluxDB themselves.

        The store is read first and the raw log last, so that what arrives meanwhile shows as on the way.
        """
        stored = stored_by_window(self.influx, span)
        committed = committed_offsets(
            self.kafka_bootstrap_servers, self.collector_group, security=self.security
        )
        reader = KafkaLogReader(self.kafka_bootstrap_servers, security=self.security)

        def records_of(topics: Iterable[Topic[Any]]) -> Iterator[tuple[Partition, Record]]:
            for topic in topics:
                yield from reader.records(topic.name, since_ms=span.from_s * 1000, on_progress=on_progress)

        split, written = split_by_window(records_of(MEASURE_TOPICS.values()), span, committed)
        late = Counter(
            span.window_of(record.timestamp_ms / 1000) for _, record in records_of([READINGS_LATE])
        )
        letters = letters_by_window(read_letters(reader), span, lambda each: is_set_aside(each.content))
        published, values = published_by_window(records_of(DOORS.values()), span)
        return [
            Window(
                starts_at_s=start_s,
                fetched=published[start_s] + letters["refused"][start_s],
                published=published[start_s],
                values=values[start_s],
                split=split[start_s],
                dead_at_split=letters["at_split"][start_s],
                written=written[start_s],
                dead_at_collector=letters["at_collector"][start_s],
                stored=stored[start_s],
                late=late[start_s],
                is_settled=start_s + span.window_s + SETTLED_S <= now_s,
            )
            for start_s in span.starts
        ]

    def door(self) -> Door:
        """What both doors of the scraper counted."""
        total = Door()
        for name in DOORS:
            with redis_errors():
                totals: Mapping[bytes, bytes] = self.redis_client.hgetall(f"scraper:totals:{name}")  # type: ignore[assignment]
            total += Door.from_totals(totals)
        return total

    def require_whole_store(self, *, now_s: float) -> None:
        """Raise UnavailableError where the doors have counted for longer than the store keeps values."""
        with redis_errors():
            since_s = float(self.redis_client.get(SINCE_KEY) or now_s)
        if now_s - since_s > LIVE_RETENTION_S:
            raise UnavailableError(
                f"the doors count since {iso_utc(since_s)}, and the store keeps values for "
                f"{LIVE_RETENTION_S // DAY_S} days: what is older is on one side of the sum alone. "
                "Ask window by window: luftstrom reconcile --window 1d --since 7d"
            )

    def set_aside_before(self) -> dict[str, int]:
        """Values by reason that lay in the dead letters of a Kafka that is gone, from a restored backup."""
        with redis_errors():
            counts: Mapping[bytes, bytes] = self.redis_client.hgetall(SET_ASIDE_BEFORE_KEY)  # type: ignore[assignment]
        return {reason.decode(): int(count) for reason, count in counts.items()}

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Every dead letter there is, committed ones only, each once."""
        for letter in read_letters(KafkaLogReader(self.kafka_bootstrap_servers, security=self.security)):
            yield letter.content


def is_set_aside(letter: DeadLetter) -> bool:
    """Whether the letter is one value set aside after the door, and for good.

    The scraper's own letters (no source topic) are refused readings, which the door counts;
    a whole message of the raw log that is no reading was not written by the scraper;
    an aggregate or a forecast is no value of a reading.
    A value that a replay would store is on the way, until a replay stores it.
    """
    is_value = letter.source_topic in VALUE_TOPIC_NAMES and letter.reason not in REASONS_OF_WHOLE_MESSAGES
    return is_value and not is_waiting_for_replay(letter)


def stored_by_window(influx: InfluxReader, span: Span) -> Counter[int]:
    """Values in the live bucket by the start of their window."""
    counts = ", ".join(f'count("{measure.field}")' for measure in MEASURES)
    rows = influx.query(
        LIVE_BUCKET,
        f"SELECT {counts} FROM {AIR} WHERE time >= {span.from_s}s AND time < {span.to_s}s "  # noqa: S608
        f"GROUP BY time({span.window_s}s) fill(none)",
    )
    return Counter(
        {int(row["time"]): sum(n or 0 for name, n in row.items() if name != "time") for row in rows}
    )


def stored_by_measure(influx: InfluxReader) -> dict[str, int]:
    """Values in the live bucket by measure; measures without any are left out."""
    counts = ", ".join(f'count("{measure.field}") AS "{measure.name}"' for measure in MEASURES)
    # Without an upper bound InfluxQL stops at now, and a sensor's clock may be a little ahead.
    rows = influx.query(LIVE_BUCKET, f"SELECT {counts} FROM {AIR} WHERE time < now() + 1d")  # noqa: S608
    return {name: int(count) for row in rows for name, count in row.items() if name != "time" and count}
