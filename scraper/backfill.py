"""The back-fill door: upstream records from files into `readings-archive-v1`.

`python -m scraper.backfill FILE…` takes files of one upstream record a line: .jsonl, .jsonl.gz, .jsonl.xz.
"""

import argparse
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

from contracts.dead_letters import DeadLetter, Reason, dead_letter
from contracts.errors import BadInputError, UnavailableError
from contracts.topics import READINGS_ARCHIVE
from runtime.clock import Clock, SystemClock
from runtime.kafka_log import KafkaPublisher
from runtime.log_interfaces import Publisher
from runtime.redis_client import connect_redis
from scraper.memory import Memory, added
from scraper.parsing import Reading, parsed_record
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from scraper.publishing import publish_letters, publish_readings, totals_of

CHUNK_RECORDS = 5_000
FUTURE_S_MAX = 300.0
OPEN_BY_SUFFIX: dict[str, Callable[..., Iterable[bytes]]] = {".gz": gzip.open, ".xz": lzma.open}


def backfill(
    records: Iterable[bytes],
    *,
    name: str,
    publisher: Publisher,
    memory: Memory,
    places: Places,
    clock: Clock | None = None,
    on_progress: Callable[[int], None] = lambda _done: None,
) -> dict[str, int]:
    """Publish upstream records (one JSON object each, always in the same order); the counts of this run.

    `name` is remembered with the position after each chunk: a second call goes on where the first one
    ended, and what is done is not counted again. `on_progress` gets the records done so far.
    Raises UnavailableError where Kafka or Redis is away.
    """
    clock = clock or SystemClock()
    done = memory.position(name)
    totals: dict[str, int] = {}
    on_progress(done)
    waiting = islice(records, done, None)
    while chunk := list(islice(waiting, CHUNK_RECORDS)):
        readings, letters = _parsed(chunk, latest_s=clock.now_s() + FUTURE_S_MAX)
        publish_readings(readings, READINGS_ARCHIVE, publisher, places, now_s=clock.now_s())
        publish_letters(letters, publisher, now_s=clock.now_s())
        publisher.flush()
        counts = totals_of(published=readings, repeated=0, refused=letters, left_out=0)
        done += len(chunk)
        memory.advance(name, done, counts)
        totals = added(totals, counts)
        on_progress(done)
    return totals


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked, empty ones left out; raises BadInputError where it is damaged."""
    opened = OPEN_BY_SUFFIX.get(path.suffix, open)
    try:
        with opened(path, "rb") as file:
            yield from (line.strip() for line in file if line.strip())
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise BadInputError("unreadable_file", f"{path}: {error}") from error


def _parsed(records: Iterable[bytes], *, latest_s: float) -> tuple[list[Reading], list[DeadLetter]]:
    readings, letters = [], []
    for record in records:
        try:
            readings.append(parsed_record(record, latest_s=latest_s))
        except BadInputError as error:
            letters.append(dead_letter(Reason(error.reason), record))
    return readings, letters


def main() -> None:
    """Back-fill the files named on the command line; exit code 2 where a file or a server fails."""
    parser = argparse.ArgumentParser(prog="python -m scraper.backfill", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="files of one upstream record a line")
    parser.add_argument("--kafka", required=True, help="host:port of the broker")
    parser.add_argument("--redis", required=True, help="redis://host:port/0, where the position is kept")
    given = parser.parse_args()
    client = connect_redis(given.redis)
    memory, places = Memory(client), Places(RedisPlaceCache(client))
    try:
        with closing(KafkaPublisher(given.kafka, client_id="backfill")) as publisher:
            for path in given.files:
                totals = backfill(
                    lines_of(path),
                    name=str(path.resolve()),
                    publisher=publisher,
                    memory=memory,
                    places=places,
                    on_progress=partial(_show_progress, path.name),
                )
                sys.stderr.write(f"\n{path.name}: {totals or 'nothing new'}\n")
    except (BadInputError, UnavailableError) as error:
        sys.stderr.write(f"\nerror: {error}\n")
        raise SystemExit(2) from None


def _show_progress(name: str, done: int) -> None:
    sys.stderr.write(f"\r{name}: {done:,} records")


if __name__ == "__main__":
    main()
