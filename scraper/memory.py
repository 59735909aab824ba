"""What the scraper remembers between polls, in Redis: published ids, the totals of its doors, sensors.

Ids and totals change in one transaction, so that the totals count each reading once through any crash.
"""

import struct
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import redis

from runtime.redis_client import redis_errors
from scraper.sensors import KnownSensors, packed, unpacked

PUBLISHED_KEY = "scraper:published"
SENSORS_KEY = "scraper:sensors"
SINCE_KEY = "scraper:since"
MARK = "mark"
# Three windows of the feed: an id that is older cannot come again.
REMEMBERED_S = 15 * 60
_COUNT = struct.Struct("<I")

Totals = Mapping[str, int]


def totals_key(door: str) -> str:
    """The hash of a door's totals, `live` or `archive`."""
    return f"scraper:totals:{door}"


def refusal_id(refused: bytes) -> int:
    """A number for bytes that have no id: one bad record in three overlapping polls is one dead letter.

    Negative, so that it never meets a reading's id.
    """
    return -1 - int.from_bytes(blake2b(refused, digest_size=7).digest(), "big")


class PublishedIds:
    """When each id was last seen, Unix seconds; packed it is 12 bytes an id."""

    def __init__(self, seen_at_s_by_id: dict[int, int] | None = None) -> None:
        self._seen_at_s_by_id = seen_at_s_by_id or {}

    def __contains__(self, number: int) -> bool:
        return number in self._seen_at_s_by_id

    def __len__(self) -> int:
        return len(self._seen_at_s_by_id)

    def with_seen(self, numbers: Iterable[int], *, now_s: float) -> "PublishedIds":
        """These ids and the ones seen now, without those that cannot come again."""
        since_s = int(now_s) - REMEMBERED_S
        kept = {number: at_s for number, at_s in self._seen_at_s_by_id.items() if at_s >= since_s}
        kept.update(dict.fromkeys(numbers, int(now_s)))
        return PublishedIds(kept)

    def united(self, other: "PublishedIds") -> "PublishedIds":
        """The ids of both, seen when either saw them last."""
        united = dict(self._seen_at_s_by_id)
        for number, at_s in other._seen_at_s_by_id.items():
            united[number] = max(at_s, united.get(number, 0))
        return PublishedIds(united)

    def packed(self) -> bytes:
        """All of it as one value."""
        ids, seen = array("q", self._seen_at_s_by_id), array("I", self._seen_at_s_by_id.values())
        return _COUNT.pack(len(ids)) + ids.tobytes() + seen.tobytes()

    @classmethod
    def unpacked(cls, packed: bytes | None) -> "PublishedIds":
        """The opposite of `packed`; nothing, or bytes that are not ours, are no ids."""
        if not packed or len(packed) < _COUNT.size:
            return cls()
        (count,) = _COUNT.unpack_from(packed)
        ids, seen = array("q"), array("I")
        middle = _COUNT.size + count * ids.itemsize
        if len(packed) != middle + count * seen.itemsize:
            return cls()
        ids.frombytes(packed[_COUNT.size : middle])
        seen.frombytes(packed[middle:])
        return cls(dict(zip(ids, seen, strict=True)))


class Memory:
    """The scraper's part of Redis; every call raises UnavailableError where Redis is away."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def published(self) -> PublishedIds:
        """The ids that were published lately."""
        with redis_errors():
            return PublishedIds.unpacked(self._client.get(PUBLISHED_KEY))  # type: ignore[arg-type]

    def mark(self) -> str:
        """The mark of the last poll that was remembered."""
        with redis_errors():
            return (self._client.hget(totals_key("live"), MARK) or b"").decode()  # type: ignore[union-attr]

    def remember(self, published: PublishedIds, totals: Totals, *, mark: str, after: str | None) -> bool:
        """Remember the ids and add to the totals of the live door, both or neither.

        False, and nothing is done, where the mark is not `after`: another scraper remembered since, and what
        it published is to be read first. The new mark tells, after an answer that never came, whether it was
        done all the same.
        """
        key = totals_key("live")
        with redis_errors(), self._client.pipeline(transaction=True) as pipe:
            pipe.watch(key)  # type: ignore[no-untyped-call]
            if self.mark() != after:
                return False
            pipe.multi()
            pipe.set(PUBLISHED_KEY, published.packed(), ex=REMEMBERED_S * 2)
            count(pipe, "live", totals)
            pipe.hset(key, MARK, mark)
            try:
                pipe.execute()
            except redis.WatchError:
                return False
        return True

    def sensors(self) -> KnownSensors:
        """What is known of every sensor."""
        with redis_errors():
            return unpacked(self._client.get(SENSORS_KEY))  # type: ignore[arg-type]

    def remember_sensors(self, sensors: KnownSensors) -> None:
        """Remember what is known of every sensor, as one value."""
        with redis_errors():
            self._client.set(SENSORS_KEY, packed(sensors))

    def position(self, name: str) -> int:
        """How many records of the back-fill `name` are done."""
        with redis_errors():
            return int(self._client.get(_position_key(name)) or 0)

    def advance(self, name: str, position: int, totals: Totals) -> None:
        """Remember how far the back-fill is and add to the totals of the archive door, both or neither."""
        with redis_errors(), self._client.pipeline(transaction=True) as pipe:
            pipe.set(_position_key(name), position)
            count(pipe, "archive", totals)
            pipe.execute()


def added(first: Totals, second: Totals) -> dict[str, int]:
    """Both together."""
    return dict(Counter(first) + Counter(second))


def _position_key(name: str) -> str:
    return f"scraper:backfill:{name}"


def count(pipe: "redis.client.Pipeline", door: str, totals: Totals) -> None:
    """Add to the totals of a door, in the transaction of `pipe`; the first to count also says when."""
    if totals:
        pipe.set(SINCE_KEY, int(time.time()), nx=True)
    for name, number in totals.items():
        if number:
            pipe.hincrby(totals_key(door), name, number)
