"""One poll: fetch, parse, publish what is new, and only then remember it."""

import uuid
from dataclasses import dataclass, field
from functools import reduce
from typing import Protocol

import structlog

from contracts.dead_letters import DeadLetter
from contracts.errors import UnavailableError
from contracts.topics import READINGS_RAW
from runtime.clock import Clock
from runtime.log_interfaces import Publisher
from scraper.memory import Memory, PublishedIds, added, refusal_id
from scraper.metrics import Metrics
from scraper.parsing import Parsed, Reading, parsed_payload
from scraper.places import Places
from scraper.publishing import places_of, publish_letters, publish_readings, totals_of
from scraper.selection import Selection
from scraper.sensor_events import SensorEvents

log = structlog.get_logger()


class Source(Protocol):
    """Where payloads come from."""

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
    """Polls one feed; keeps what Redis could not take until it can."""

    def __init__(
        self,
        source: Source,
        publisher: Publisher,
        memory: Memory,
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
        self._published = PublishedIds()
        # What Redis did not confirm, oldest first; its mark tells which it took all the same.
        self._unremembered_by_mark: dict[str, dict[str, int]] = {}
        # Until Redis answers for the first time: by id, the totals it counted in and what it added to them.
        self._unchecked: dict[int, tuple[dict[str, int], dict[str, int]]] | None = {}

    def poll(self) -> Summary:
        """Publish what is new; raises UnavailableError where the source or Kafka is away.

        Then nothing is remembered, and the next poll does it again.
        """
        began_at_s, now_s = self._clock.monotonic_s(), self._clock.now_s()
        payload = self._source.fetch()
        if payload is None:
            self._metrics.polls.labels("unchanged").inc()
            return Summary({}, 0, self._clock.monotonic_s() - began_at_s)
        parsed = parsed_payload(payload, latest_s=now_s + self._rules.future_s_max)
        left_out = self._leave_out(parsed)
        self._published = self._known()
        fresh, repeated = self._fresh(parsed)
        publish_readings(fresh.readings, READINGS_RAW, self._publisher, self._places, now_s=now_s)
        publish_letters(fresh.letters, self._publisher, now_s=now_s)
        self._publisher.flush()
        totals = totals_of(
            published=fresh.readings, repeated=repeated, refused=fresh.letters, left_out=left_out
        )
        self._remember(parsed, fresh, {**totals, "polls": 1}, now_s=now_s)
        self._count(totals, len(payload))
        self._sensor_events.follow(parsed.readings, now_s=now_s)
        self._source.accept()
        return Summary(totals, len(payload), self._clock.monotonic_s() - began_at_s)

    def _leave_out(self, parsed: Parsed) -> int:
        """Drop the readings that are not asked for; how many."""
        places = places_of(parsed.readings, self._places)
        taken = [
            reading
            for reading, place in zip(parsed.readings, places, strict=True)
            if self._rules.selection.takes(reading, place)
        ]
        left_out = len(parsed.readings) - len(taken)
        parsed.readings = taken
        return left_out

    def _known(self) -> PublishedIds:
        """What Redis knows, and what we know where Redis could not be told or does not answer."""
        try:
            return self._read()
        except UnavailableError as error:
            log.warning("published_ids_unreadable", error=str(error))
            return self._published

    def _read(self) -> PublishedIds:
        known = self._memory.published()
        for number, (totals, counts) in (self._unchecked or {}).items():
            if number in known:  # a repeat after all, of what an earlier process published
                for name, count in counts.items():
                    totals[name] -= count
                totals["repeated"] += 1
        self._unchecked = None
        return known.united(self._published) if self._unremembered_by_mark else known

    def _fresh(self, parsed: Parsed) -> tuple[Parsed, int]:
        """What was not published before, and how many were; also within one payload."""
        readings: dict[int, Reading] = {}
        for reading in parsed.readings:
            if reading.id not in self._published:
                readings.setdefault(reading.id, reading)
        letters = {refusal_id(letter.original): letter for letter in parsed.letters}
        fresh_letters = [letter for number, letter in letters.items() if number not in self._published]
        fresh = Parsed(list(readings.values()), fresh_letters)
        repeated = len(parsed.readings) + len(parsed.letters) - len(fresh.readings) - len(fresh.letters)
        return fresh, repeated

    def _remember(self, parsed: Parsed, fresh: Parsed, totals: dict[str, int], *, now_s: float) -> None:
        numbers = [reading.id for reading in parsed.readings]
        numbers += [refusal_id(letter.original) for letter in parsed.letters]
        self._published = self._published.with_seen(numbers, now_s=now_s)
        mark = uuid.uuid4().hex
        self._unremembered_by_mark[mark] = totals
        try:
            if self._unchecked is not None:
                self._keep_unchecked(fresh, totals)
                self._published = self._read()
            waiting = self._uncounted()
            self._memory.remember(self._published, waiting, mark=mark)
        except UnavailableError as error:
            log.warning("poll_not_remembered", error=str(error))
            self._metrics.unremembered_polls.inc()
        else:
            self._unremembered_by_mark = {}

    def _keep_unchecked(self, fresh: Parsed, totals: dict[str, int]) -> None:
        """What came of each id, as long as Redis may know better; ids that cannot come again are let go."""
        unchecked = {n: each for n, each in (self._unchecked or {}).items() if n in self._published}
        for reading in fresh.readings:
            unchecked[reading.id] = totals, _counts_of([reading], [])
        for letter in fresh.letters:
            unchecked[refusal_id(letter.original)] = totals, _counts_of([], [letter])
        self._unchecked = unchecked

    def _uncounted(self) -> dict[str, int]:
        """The totals that Redis has not counted: what came after the mark it holds."""
        marks = list(self._unremembered_by_mark)
        if len(marks) > 1 and (last := self._memory.mark()) in marks:
            for mark in marks[: marks.index(last) + 1]:
                del self._unremembered_by_mark[mark]
        return reduce(added, self._unremembered_by_mark.values(), {})

    def _count(self, totals: dict[str, int], payload_bytes: int) -> None:
        self._metrics.polls.labels("done").inc()
        self._metrics.payload_bytes.inc(payload_bytes)
        self._metrics.last_poll_at_s.set(self._clock.now_s())
        for outcome in ("published", "repeated", "refused", "left_out"):
            self._metrics.readings.labels(outcome).inc(totals[outcome])
        for name, count in totals.items():
            if name.startswith("refused_"):
                self._metrics.refused.labels(name.removeprefix("refused_")).inc(count)


def _counts_of(published: list[Reading], refused: list[DeadLetter]) -> dict[str, int]:
    """What these add to the totals, but for `fetched`, which they stay in whatever comes of them."""
    counts = totals_of(published=published, repeated=0, refused=refused, left_out=0)
    return {name: count for name, count in counts.items() if count and name != "fetched"}
