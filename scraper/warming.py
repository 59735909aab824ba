"""Fills the cache of places ahead of the polls."""

import math
from collections.abc import Callable, Iterable

from contracts.errors import BadInputError
from scraper.parsing import Reading, parsed_payload
from scraper.place_cache import RedisPlaceCache
from scraper.places import Position, looked_up_places, rounded_position
from scraper.publishing import position_of

CHUNK_POSITIONS = 1_000

Progress = Callable[[int, int], None]  # done, total


def positions_in(lines: Iterable[bytes]) -> list[Position]:
    """The rounded positions of all readings, each once; a line is a feed's list or one of its records.

    Raises BadInputError where there is none.
    """
    positions = {
        rounded_position(position)
        for line in lines
        for position in map(position_of, _readings(line))
        if position is not None
    }
    if not positions:
        raise BadInputError(
            "no_position", "no record of it has a position; name a feed's JSON file, or a recording"
        )
    return sorted(positions)


def warm(cache: RedisPlaceCache, positions: list[Position], *, on_progress: Progress) -> int:
    """Keep the place of each rounded position; how many were not kept before.

    Each chunk is kept before the next is looked up: whoever stops it has what is done.
    Raises UnavailableError where Redis is away.
    """
    added = 0
    for start in range(0, len(positions), CHUNK_POSITIONS):
        chunk = positions[start : start + CHUNK_POSITIONS]
        kept = cache.known(chunk)
        looked_up = looked_up_places([position for position in chunk if position not in kept])
        cache.keep(looked_up)
        added += len(looked_up)
        on_progress(start + len(chunk), len(positions))
    return added


def _readings(line: bytes) -> list[Reading]:
    feed = line if line.startswith(b"[") else b"[" + line + b"]"
    return parsed_payload(feed, latest_s=math.inf).readings
