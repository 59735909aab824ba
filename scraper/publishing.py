"""Readings and dead letters into Kafka, with their places."""

from collections import Counter
from collections.abc import Iterable, Sequence

from contracts.dead_letters import DeadLetter
from contracts.readings import Place, RawReading
from contracts.topics import DEAD_LETTERS, Topic
from runtime.clock import iso_utc
from runtime.log_interfaces import Publisher
from scraper.parsing import Reading
from scraper.places import Places


def publish_readings(
    readings: Sequence[Reading],
    topic: Topic[RawReading],
    publisher: Publisher,
    places: Places,
    *,
    now_s: float,
    origin: str | None = None,
) -> None:
    """Hand the readings over with their places; they are written only after a flush.

    `origin` tells where they are from, if neither from the feed nor from an archive.
    """
    fetched_at = iso_utc(now_s)
    for reading, place in zip(readings, places_of(readings, places), strict=True):
        publisher.publish(
            topic.name,
            topic.encode(RawReading(reading.record, place, fetched_at, origin)),
            key=str(reading.sensor_id),
            timestamp_ms=reading.observed_at_s * 1000,
        )


def publish_letters(letters: Iterable[DeadLetter], publisher: Publisher, *, now_s: float) -> None:
    """Hand the dead letters over; they are written only after a flush."""
    for letter in letters:
        publisher.publish(
            DEAD_LETTERS.name, DEAD_LETTERS.encode(letter), key=None, timestamp_ms=int(now_s * 1000)
        )


def totals_of(
    *, published: Sequence[Reading], repeated: int, refused: Sequence[DeadLetter], left_out: int
) -> dict[str, int]:
    """The counts of one poll or chunk: fetched = published + repeated + refused + left out."""
    by_reason = Counter(letter.reason for letter in refused)
    return {
        "fetched": len(published) + repeated + len(refused) + left_out,
        "published": len(published),
        "repeated": repeated,
        "refused": len(refused),
        "left_out": left_out,
        "values_published": sum(reading.values for reading in published),
        "values_ignored": sum(reading.ignored for reading in published),
        **{f"refused_{reason}": count for reason, count in by_reason.items()},
    }


def places_of(readings: Sequence[Reading], places: Places) -> list[Place | None]:
    """The place of each reading, None where it has no position."""
    positions = [position_of(reading) for reading in readings]
    found = iter(places.of([position for position in positions if position is not None]))
    return [None if position is None else next(found) for position in positions]


def position_of(reading: Reading) -> tuple[float, float] | None:
    """Latitude and longitude in degrees; None where the reading has no position."""
    if reading.latitude is None or reading.longitude is None:
        return None
    return reading.latitude, reading.longitude
