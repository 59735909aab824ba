"""What the scraper remembers in Redis, as one file: ids, totals, sensors, how far each back-fill is."""

from pathlib import Path
from typing import Any

import msgspec
import redis

from runtime.redis_client import redis_errors
from scraper.lease import LEASE_KEY
from scraper.place_cache import PREFIX as PLACES

PATTERN = "scraper:*"
TOTALS_PATTERN = "scraper:totals:*"
# A lease is of a process that is gone; places are looked up again.
LEFT_OUT = (LEASE_KEY, PLACES)

_encode, _decode = (
    msgspec.msgpack.Encoder().encode,
    msgspec.msgpack.Decoder(list[tuple[bytes, int, bytes]]).decode,
)


def write_copy(client: redis.Redis, path: Path) -> None:
    """Write every key with its time to live (ms, 0: for ever) and its value as Redis dumps it."""
    kept = []
    with redis_errors():
        for key in client.scan_iter(PATTERN):
            if not key.decode().startswith(LEFT_OUT):
                dump: Any = client.dump(key)
                left_ms: Any = client.pttl(key)
                if dump is not None:
                    kept.append((key, max(0, left_ms), dump))
    path.write_bytes(_encode(kept))


def restore_copy(client: redis.Redis, path: Path) -> bool:
    """Put all of it back into a Redis that has counted nothing yet; else False, and nothing is done."""
    with redis_errors():
        if next(client.scan_iter(TOTALS_PATTERN), None) is not None:
            return False
        with client.pipeline(transaction=True) as pipe:
            for key, left_ms, dump in _decode(path.read_bytes()):
                pipe.restore(key, left_ms, dump, replace=True)
            pipe.execute()
    return True
