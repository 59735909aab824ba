"""The door for refused records that can be read now: the same parser, the same publisher, the same totals.

A letter was counted as fetched and refused. Reinjected it is fetched and published, or fetched and repeated
where its reading came in otherwise; so the sum of the door closes before and after.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import redis

from contracts.errors import BadInputError, UnavailableError
from contracts.topics import DOORS
from runtime.clock import Clock
from runtime.log_interfaces import LogReader, Publisher
from runtime.redis_client import redis_errors
from scraper.backfill.door import FUTURE_S_MAX
from scraper.memory import REMEMBERED_S, count
from scraper.parsing import Reading, parsed_record
from scraper.places import Places
from scraper.publishing import publish_readings, totals_of

REINJECTED_KEY = "scraper:reinjected"
RUNNING_KEY = "scraper:reinjecting"
# One chunk takes less; a run that is killed keeps others out for so long.
RUNNING_S = 300


class State(StrEnum):
    """How far the reinjection of a letter is, as it stands in Redis."""

    BEGUN = "begun"  # its reading was not in the log, and now may be
    DONE = "done"


class Outcome(StrEnum):
    """What became of a letter."""

    PUBLISHED = "published"
    REPEATED = "repeated"  # its reading was in the log already
    DONE_BEFORE = "done_before"
    TOO_YOUNG = "too_young"  # the feed may still show it, and a poll would publish it too
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """A record that a door refused: the id, reason and time (Unix seconds) of its letter, its bytes."""

    letter_id: str
    reason: str
    at_s: float
    record: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What reinjection stands in."""

    client: redis.Redis
    reader: LogReader
    publisher: Publisher
    places: Places
    clock: Clock


@contextmanager
def only_one(client: redis.Redis) -> Iterator[None]:
    """Keep other runs out while the block runs; raises UnavailableError where there is one."""
    with redis_errors():
        if not client.set(RUNNING_KEY, b"1", nx=True, ex=RUNNING_S):
            raise UnavailableError(
                f"letters are being reinjected already; one that was killed ends within {RUNNING_S} s"
            )
    try:
        yield
    finally:
        with redis_errors():
            client.delete(RUNNING_KEY)


def reinject(
    refused: Sequence[RefusedRecord], door: str, around: Surroundings, *, is_dry_run: bool = False
) -> dict[str, Outcome]:
    """Publish the readings of refused records to the topic of their door; the outcome by letter id.

    Nothing is written in a dry run. Killed at any moment, it is done again by the same call, and counts once.
    Raises UnavailableError where Kafka or Redis is away.
    """
    states = _states(around.client, refused)
    outcomes, readings = _parsed(refused, states, door, now_s=around.clock.now_s())
    in_log = _ids_in_log(around.reader, door, readings.values())
    publishable: dict[int, Reading] = {}
    for letter_id, reading in readings.items():
        is_begun = states.get(letter_id) == State.BEGUN
        is_new = reading.id not in publishable and (is_begun or reading.id not in in_log)
        outcomes[letter_id] = Outcome.PUBLISHED if is_new else Outcome.REPEATED
        if is_new:
            publishable[reading.id] = reading
    if is_dry_run:
        return outcomes
    # What was begun and is in the log was published by a run that was killed before it could say so.
    missing = [reading for number, reading in publishable.items() if number not in in_log]
    _begin(around.client, [each for each in readings if outcomes[each] is Outcome.PUBLISHED])
    now_s = around.clock.now_s()
    publish_readings(missing, DOORS[door], around.publisher, around.places, now_s=now_s)
    around.publisher.flush()
    done = [each for each in refused if each.letter_id in readings]
    _finish(around.client, door, done, _totals(done, outcomes, list(publishable.values())))
    return outcomes


def _states(client: redis.Redis, refused: Sequence[RefusedRecord]) -> dict[str, str]:
    if not refused:
        return {}
    with redis_errors():
        client.expire(RUNNING_KEY, RUNNING_S)
        found: list[bytes | None] = client.hmget(REINJECTED_KEY, [each.letter_id for each in refused])  # type: ignore[assignment]
    return {each.letter_id: state.decode() for each, state in zip(refused, found, strict=True) if state}


def _parsed(
    refused: Iterable[RefusedRecord], states: Mapping[str, str], door: str, *, now_s: float
) -> tuple[dict[str, Outcome], dict[str, Reading]]:
    """Outcomes of letters that are through, and the readings of the others, both by letter id."""
    outcomes: dict[str, Outcome] = {}
    readings: dict[str, Reading] = {}
    for each in refused:
        if states.get(each.letter_id) == State.DONE:
            outcomes[each.letter_id] = Outcome.DONE_BEFORE
        elif door == "live" and each.at_s > now_s - REMEMBERED_S:
            outcomes[each.letter_id] = Outcome.TOO_YOUNG
        else:
            try:
                readings[each.letter_id] = parsed_record(each.record, latest_s=now_s + FUTURE_S_MAX)
            except BadInputError:
                outcomes[each.letter_id] = Outcome.UNREADABLE
    return outcomes, readings


def _ids_in_log(reader: LogReader, door: str, readings: Iterable[Reading]) -> set[int]:
    """Ids in the topic of the door, of the sensors and times of the readings; records are dated so there."""
    keys = {(str(each.sensor_id).encode(), each.observed_at_s * 1000) for each in readings}
    if not keys:
        return set()
    since_ms = min(at_ms for _, at_ms in keys)
    found: set[int] = set()
    for _, record in reader.records(DOORS[door].name, since_ms=since_ms):
        if (record.key, record.timestamp_ms) in keys and record.value is not None:
            try:
                body = DOORS[door].decode(record.value).record
                found.add(parsed_record(body, latest_s=record.timestamp_ms / 1000).id)
            except BadInputError:
                continue
    return found


def _begin(client: redis.Redis, letter_ids: Sequence[str]) -> None:
    if letter_ids:
        with redis_errors():
            client.hset(REINJECTED_KEY, mapping=dict.fromkeys(letter_ids, State.BEGUN.value))


def _totals(
    done: Sequence[RefusedRecord], outcomes: Mapping[str, Outcome], published: Sequence[Reading]
) -> Counter[str]:
    """What the totals change by: as many fewer are refused as more are published or repeated."""
    repeated = sum(outcomes[each.letter_id] is Outcome.REPEATED for each in done)
    totals = Counter(totals_of(published=published, repeated=repeated, refused=(), left_out=0))
    totals.subtract({"fetched": len(done), "refused": len(done)})
    totals.subtract(Counter(f"refused_{each.reason}" for each in done))
    return totals


def _finish(client: redis.Redis, door: str, done: Sequence[RefusedRecord], totals: Counter[str]) -> None:
    """Mark the letters and move the counts, both or neither."""
    if not done:
        return
    with redis_errors(), client.pipeline(transaction=True) as pipe:
        pipe.hset(REINJECTED_KEY, mapping={each.letter_id: State.DONE.value for each in done})
        count(pipe, door, totals)
        pipe.execute()
