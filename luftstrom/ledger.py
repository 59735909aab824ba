"""Reads the counts that the reconciliation compares: Redis, the dead letters, InfluxDB."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import redis

from contracts.dead_letters import DeadLetter, Reason
from contracts.measures import MEASURES
from contracts.stored import AIR, LIVE_BUCKET
from contracts.topics import DOORS
from luftstrom.letters import read_letters
from luftstrom.reconciliation import Door, Reconciliation
from luftstrom.remedies import is_waiting_for_replay
from runtime.influx_store import InfluxReader
from runtime.kafka_reader import KafkaLogReader
from runtime.redis_client import redis_errors

REASONS_OF_WHOLE_MESSAGES = frozenset({Reason.NOT_JSON, Reason.NOT_A_READING})


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
        set_aside = Counter(letter.reason for letter in self.dead_letters() if is_set_aside(letter))
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
        for letter in read_letters(KafkaLogReader(self.kafka_bootstrap_servers)):
            yield letter.content


def is_set_aside(letter: DeadLetter) -> bool:
    """Whether the letter is one value set aside after the door, and for good.

    The scraper's own letters (no source topic) are refused readings, which the door counts;
    a whole message of the raw log that is no reading was not written by the scraper.
    A value that a replay would store is on the way, until a replay stores it.
    """
    is_value = letter.source_topic is not None and letter.reason not in REASONS_OF_WHOLE_MESSAGES
    return is_value and not is_waiting_for_replay(letter)


def stored_by_measure(influx: InfluxReader) -> dict[str, int]:
    """Values in the live bucket by measure; measures without any are left out."""
    counts = ", ".join(f'count("{measure.field}") AS "{measure.name}"' for measure in MEASURES)
    # Without an upper bound InfluxQL stops at now, and a sensor's clock may be a little ahead.
    rows = influx.query(LIVE_BUCKET, f"SELECT {counts} FROM {AIR} WHERE time < now() + 1d")  # noqa: S608
    return {name: int(count) for row in rows for name, count in row.items() if name != "time" and count}
