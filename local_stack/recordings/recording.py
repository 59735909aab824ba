"""One recording in memory, and a record of it moved to another time."""

import lzma
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import msgspec
import structlog

from contracts.errors import BadInputError
from local_stack.recordings.recorded_lines import RecordedLines

log = structlog.get_logger()

FOLDER = Path(__file__).parent
SUFFIX = ".jsonl.xz"
TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S"
BLOCK_RECORDS = 256  # decompressing one block costs about 0.2 ms
# A window takes records of a few blocks in turn, where snapshots were recorded one after the other.
BLOCKS_UNPACKED_MAX = 64
# Ids have ten digits upstream: the loop stands before them, and 13490000000 is 3490000000 again.
ID_STEP = 10**10


class Recording:
    """Upstream records with their observation times, sorted by time.

    The records lie in compressed blocks: ten days of 46 sensors are 95 MB of JSON and 12 MB so.
    """

    def __init__(self, name: str, lines: Iterable[bytes]) -> None:
        """Take one JSON record a line, in any order; of one second, they keep the order of the lines.

        Raises BadInputError naming the first line that is no record, or if there is none.
        """
        self.name = name
        self._blocks: list[bytes] = []
        self._unpacked = lru_cache(BLOCKS_UNPACKED_MAX)(self._unpack)
        observed_at_s = array("q")
        ids, value_ids = _Range(), _Range()
        block: list[bytes] = []
        for number, line in enumerate(lines, start=1):
            raw = line.rstrip(b"\r\n")
            head, second = record_head(raw, f"{name}, line {number}")
            observed_at_s.append(second)
            ids.add(head.id)
            for value in head.sensordatavalues:
                if value.id is not None:
                    value_ids.add(value.id)
            block.append(raw)
            if len(block) == BLOCK_RECORDS:
                self._pack(block)
        self._pack(block)
        if not observed_at_s:
            raise _bad(name, "holds no record")
        self._lines = array("I", sorted(range(len(observed_at_s)), key=observed_at_s.__getitem__))
        self._observed_at_s = array("q", sorted(observed_at_s))
        self.id_step = ID_STEP * -(-max(ids.width, value_ids.width) // ID_STEP)

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Recording":
        """Read a recording of this folder by its name, or any `.jsonl.xz` or `.jsonl` file by its path.

        One that is cut short is read up to its last whole record, and a warning is logged.
        Raises BadInputError naming the file and the remedy if it is missing, damaged or empty.
        """
        path = recording_path(str(name_or_path))
        lines = RecordedLines(path)
        try:
            recording = cls(path.name.removesuffix(".xz").removesuffix(".jsonl"), lines)
        except lzma.LZMAError as error:
            raise _bad(str(path), f"is damaged ({error})") from None
        except OSError as error:
            raise _bad(str(path), f"cannot be read ({error.strerror or error})") from None
        except BadInputError as error:
            raise BadInputError(error.reason, f"{path}: {error.detail}") from None
        if lines.is_cut_short:
            log.warning("recording_cut_short", path=str(path), records=len(recording))
        return recording

    def __len__(self) -> int:
        return len(self._observed_at_s)

    @property
    def first_s(self) -> int:
        """Unix second of the first record."""
        return self._observed_at_s[0]

    @property
    def last_s(self) -> int:
        """Unix second of the last record."""
        return self._observed_at_s[-1]

    def between(self, after_s: int, until_s: int) -> list[tuple[int, bytes]]:
        """Records with after_s < observed_at_s <= until_s: (observed_at_s, the record's bytes)."""
        low = bisect_right(self._observed_at_s, after_s)
        high = bisect_right(self._observed_at_s, until_s)
        return list(self._slice(low, high))

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return self._slice(0, len(self))

    def _slice(self, low: int, high: int) -> Iterator[tuple[int, bytes]]:
        for number in range(low, high):
            block, index = divmod(self._lines[number], BLOCK_RECORDS)
            yield self._observed_at_s[number], self._unpacked(block)[index]

    def _pack(self, block: list[bytes]) -> None:
        """Keep the records of a block, if any, and empty it."""
        if block:
            self._blocks.append(zlib.compress(b"\n".join(block), 1))
            block.clear()

    def _unpack(self, block: int) -> list[bytes]:
        return zlib.decompress(self._blocks[block]).split(b"\n")


def shifted(raw: bytes, *, seconds: int, id_offset: int) -> bytes:
    """The record with its `timestamp` moved by seconds, and its own id and those of its values by id_offset.

    Everything else, the order of keys too, stays as it is.
    """
    record = msgspec.json.decode(raw)
    record["timestamp"] = timestamp_at(observed_at(record["timestamp"]) + seconds)
    if id_offset:
        record["id"] += id_offset
        for value in record["sensordatavalues"]:
            if value.get("id") is not None:  # the values that the server computes have none
                value["id"] += id_offset
    return msgspec.json.encode(record)


def observed_at(timestamp: str) -> int:
    """Unix second of an upstream timestamp, `2019-05-12 00:00:15` in UTC; raises ValueError on others."""
    moment = datetime.fromisoformat(timestamp)
    if len(timestamp) != 19 or moment.tzinfo is not None:
        raise ValueError(f"{timestamp!r} is not of the form 2019-05-12 00:00:15")
    return int(moment.replace(tzinfo=UTC).timestamp())


def timestamp_at(unix_s: int) -> str:
    """The upstream timestamp of a Unix second, `2019-05-12 00:00:15` in UTC."""
    return datetime.fromtimestamp(unix_s, tz=UTC).strftime(TIMESTAMP_FORMAT)


def recording_names() -> list[str]:
    """Names of the recordings in this folder."""
    return sorted(path.name.removesuffix(SUFFIX) for path in FOLDER.glob(f"*{SUFFIX}"))


def recording_path(name_or_path: str) -> Path:
    """The file of a recording of this folder by its name, or of any by its path.

    Raises BadInputError naming the remedy where there is none.
    """
    packaged = FOLDER / f"{name_or_path}{SUFFIX}"
    path = packaged if packaged.is_file() else Path(name_or_path)
    if not path.is_file():
        raise BadInputError(
            "recording",
            f"{name_or_path} is neither a file nor one of {', '.join(recording_names())}; "
            f"name one of these, or the path of a {SUFFIX} file",
        )
    return path


class _Value(msgspec.Struct):
    id: int | None = None


class RecordHead(msgspec.Struct):
    """What a recording must know of a record."""

    id: int
    timestamp: str
    sensordatavalues: list[_Value]


class _Range:
    """The lowest and the highest of some ids."""

    def __init__(self) -> None:
        self.low: int | None = None
        self.high = 0

    def add(self, number: int) -> None:
        self.low = number if self.low is None else min(self.low, number)
        self.high = max(self.high, number)

    @property
    def width(self) -> int:
        return 1 if self.low is None else self.high - self.low + 1


_HEAD = msgspec.json.Decoder(RecordHead)


def record_head(raw: bytes, where: str) -> tuple[RecordHead, int]:
    """The head of a record, the bytes of one JSON object, and the Unix second of its observation.

    Raises BadInputError naming `where` it was read, if a recording cannot hold it.
    """
    try:
        head = _HEAD.decode(raw)
        return head, observed_at(head.timestamp)
    except (msgspec.DecodeError, ValueError) as error:
        raise _bad(where, f"is not an upstream record ({error})") from None


def _bad(what: str, problem: str) -> BadInputError:
    return BadInputError(
        "recording",
        f"{what} {problem}; name another file, or get this one anew (a packaged one by git checkout)",
    )
