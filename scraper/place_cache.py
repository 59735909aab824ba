"""Places in Redis, shared by all scrapers: a one-shot run then needs no gazetteer in memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import msgspec
import redis

from contracts.places import DetailedPlace, PlaceOrigin
from runtime.redis_client import redis_errors

# A new way to find places is a new version: the old answers end by themselves.
PREFIX = "scraper:place:v2:"
DAY_S = 24 * 3600
# What was asked for is dear, and towns move no faster than gazetteers.
KEPT_S_BY_ORIGIN = {PlaceOrigin.GAZETTEER: 30 * DAY_S, PlaceOrigin.NOMINATIM: 180 * DAY_S}
CHUNK = 5_000

Position = tuple[float, float]
T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DetailedPlace).decode


class RedisPlaceCache:
    """Places by rounded position (degrees); every call raises UnavailableError where Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def known(self, positions: Sequence[Position]) -> dict[Position, DetailedPlace]:
        """The places that are kept; a value that is not ours counts as unknown."""
        found: dict[Position, DetailedPlace] = {}
        with redis_errors():
            for chunk in _chunks(positions):
                values = self._client.mget([_key(position) for position in chunk])
                for position, value in zip(chunk, values, strict=True):
                    place = _decoded(value)  # type: ignore[arg-type]
                    if place is not None:
                        found[position] = place
        return found

    def keep(self, place_by_position: Mapping[Position, DetailedPlace]) -> None:
        """Keep places for the time of their origin."""
        with redis_errors():
            for chunk in _chunks(place_by_position.items()):
                with self._client.pipeline(transaction=False) as pipe:
                    for position, place in chunk:
                        pipe.set(_key(position), _encode(place), ex=KEPT_S_BY_ORIGIN[place.origin])
                    pipe.execute()

    def count(self) -> int:
        """How many places are kept."""
        with redis_errors():
            return sum(1 for _ in self._keys())

    def purge(self) -> int:
        """Forget all places; how many there were."""
        with redis_errors():
            return sum(int(self._client.unlink(*chunk)) for chunk in _chunks(self._keys()))

    def _keys(self) -> Iterator[bytes]:
        return self._client.scan_iter(match=f"{PREFIX}*", count=CHUNK)


def _key(position: Position) -> str:
    return f"{PREFIX}{position[0]:.4f},{position[1]:.4f}"


def _decoded(value: bytes | None) -> DetailedPlace | None:
    if value is None:
        return None
    try:
        return _decode(value)
    except msgspec.MsgspecError:
        return None


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
