"""One poll: fetch, parse, publish what is new, and only then remember it."""

from dataclasses import dataclass, field
from typing import Protocol

from contracts.errors import UnavailableError
from contracts.topics import READINGS_RAW
from runtime.clock import Clock
from runtime.log_interfaces import Publisher
from scraper.lease import HeldElsewhereError
from scraper.memory import PublishedIds, refusal_id
from scraper.metrics import Metrics
from scraper.parsing import Parsed, Reading, parsed_payload
from scraper.places import Places
from scraper.publishing import places_of, publish_letters, publish_readings, totals_of
from scraper.selection import Selection
from scraper.sensor_events import SensorEvents
from scraper.shared_memory import SharedMemory


class Source(Protocol):
    """Where payloads come from."""

    @property
    def origin(self) -> str | None:
        """Who gave the last payload, if not the feed itself."""
        ...

    def fetch(self) -> bytes | None:
        """The feed's bytes, or None where nothing changed."""
        ...

    def accept(self) -> None:
        """What was fetched last is safe."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What a poll takes: the selection, dated at most `future_s_max` seconds ahead of our clock."""

    future_s_max: float
    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True)
class Summary:
    """What one poll did; `totals` are its counts, empty where the feed had not changed."""

    totals: dict[str, int]
    payload_bytes: int
    seconds: float


class Poller:
    """Polls one feed."""

    def __init__(
        self,
        source: Source,
        publisher: Publisher,
        memory: SharedMemory,
        *,
        places: Places,
        clock: Clock,
        metrics: Metrics,
        rules: Rules,
    ) -> None:
        self._source, self._publisher, self._memory = source, publisher, memory
        self._places, self._clock, self._metrics = places, clock, metrics
        self._rules = rules
        self._sensor_events = SensorEvents(memory, publisher, places, metrics)

    def poll(self) -> Summary:
        """Publish what is new, where no other scraper polls.

        Raises UnavailableError where the source or Kafka is away, HeldElsewhereError where another polls:
        nothing is remembered then, and the next poll does it again.
        """
        try:
            self._memory.begin_poll()
            with self._metrics.poll_seconds.time():
                return self._polled()
        except HeldElsewhereError:
            self._metrics.polls.labels("left_to_another").inc()
            raise
        except UnavailableError:
            self._metrics.polls.labels("failed").inc()
            raise
        finally:
            self._memory.end_poll()

    def _polled(self) -> Summary:
        began_at_s, now_s = self._clock.monotonic_s(), self._clock.now_s()
        payload = self._source.fetch()
        if payload is None:
            self._metrics.polls.labels("unchanged").inc()
            return Summary({}, 0, self._clock.monotonic_s() - began_at_s)
        fetched_at_s, payload_bytes = self._clock.now_s(), len(payload)
        parsed = parsed_payload(payload, latest_s=now_s + self._rules.future_s_max)
        del payload  # the readings hold their own bytes
        left_out = self._leave_out(parsed)
        fresh, repeated = _fresh(parsed, self._memory.recall())
        publish_readings(
            fresh.readings,
            READINGS_RAW,
            self._publisher,
            self._places,
            now_s=fetched_at_s,
            origin=self._source.origin,
        )
        publish_letters(fresh.letters, self._publisher, now_s=now_s)
        self._publisher.flush()
        totals = totals_of(
            published=fresh.readings, repeated=repeated, refused=fresh.letters, left_out=left_out
        )
        self._memory.remember(parsed, fresh, {**totals, "polls": 1}, now_s=now_s)
        self._count(totals, payload_bytes)
        self._sensor_events.follow(parsed.readings, now_s=now_s)
        self._source.accept()
        return Summary(totals, payload_bytes, self._clock.monotonic_s() - began_at_s)

    def _leave_out(self, parsed: Parsed) -> int:
        """Drop the readings that are not asked for; how many."""
        if self._rules.selection == Selection():
            return 0
        places = places_of(parsed.readings, self._places)
        taken = [
            reading
            for reading, place in zip(parsed.readings, places, strict=True)
            if self._rules.selection.takes(reading, place)
        ]
        left_out = len(parsed.readings) - len(taken)
        parsed.readings = taken
        return left_out

    def _count(self, totals: dict[str, int], payload_bytes: int) -> None:
        self._metrics.polls.labels("done").inc()
        self._metrics.payload_bytes.inc(payload_bytes)
        self._metrics.fetched.inc(totals["fetched"])
        self._metrics.last_poll_at_s.set(self._clock.now_s())
        for outcome in ("published", "repeated", "refused", "left_out"):
            self._metrics.readings.labels(outcome).inc(totals[outcome])
        for name, count in totals.items():
            if name.startswith("refused_"):
                self._metrics.refused.labels(name.removeprefix("refused_")).inc(count)


def _fresh(parsed: Parsed, published: PublishedIds) -> tuple[Parsed, int]:
    """What was not published before, and how many were; also within one payload."""
    readings: dict[int, Reading] = {}
    for reading in parsed.readings:
        if reading.id not in published:
            readings.setdefault(reading.id, reading)
    letters = {refusal_id(letter.original): letter for letter in parsed.letters}
    fresh_letters = [letter for number, letter in letters.items() if number not in published]
    fresh = Parsed(list(readings.values()), fresh_letters)
    repeated = len(parsed.readings) + len(parsed.letters) - len(fresh.readings) - len(fresh.letters)
    return fresh, repeated
