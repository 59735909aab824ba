"""One recording in memory, and a record of it moved to another time."""

import lzma
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from contracts.errors import BadInputError

FOLDER = Path(__file__).parent
SUFFIX = ".jsonl.xz"
TIMESTAMP_FORMAT = "%Y-%m-%d %H:%M:%S"
BLOCK_RECORDS = 256  # decompressing one block costs about 0.2 ms
# Ids have ten digits upstream: the loop stands before them, and 13490000000 is 3490000000 again.
ID_STEP = 10**10


class Recording:
    """Upstream records with their observation times, sorted by time.

    The records lie in compressed blocks: ten days of 46 sensors are 95 MB of JSON and 12 MB so.
    """

    def __init__(self, name: str, lines: Iterable[bytes]) -> None:
        """Take one JSON record a line, sorted by timestamp.

        Raises BadInputError naming the first line that is no record or not in order, or if there is none.
        """
        self.name = name
        self._observed_at_s = array("q")
        self._blocks: list[bytes] = []
        ids, value_ids = _Range(), _Range()
        block: list[bytes] = []
        for number, line in enumerate(lines, start=1):
            raw = line.rstrip(b"\r\n")
            head, observed_at_s = _head(raw, f"{name}, line {number}")
            self._append_time(observed_at_s, number)
            ids.add(head.id)
            for value in head.sensordatavalues:
                if value.id is not None:
                    value_ids.add(value.id)
            block.append(raw)
            if len(block) == BLOCK_RECORDS:
                self._blocks.append(_packed(block))
                block = []
        if block:
            self._blocks.append(_packed(block))
        if not self._observed_at_s:
            raise _bad(name, "holds no record")
        self.id_step = ID_STEP * -(-max(ids.width, value_ids.width) // ID_STEP)

    @classmethod
    def load(cls, name_or_path: str | Path) -> "Recording":
        """Read a recording of this folder by its name, or any `.jsonl.xz` or `.jsonl` file by its path.

        Raises BadInputError naming the file and the remedy if it is missing, cut short, damaged or empty.
        """
        path = recording_path(str(name_or_path))
        try:
            with _open(path) as file:
                return cls(path.name.removesuffix(".xz").removesuffix(".jsonl"), file)
        except EOFError:
            raise _bad(str(path), "is cut short") from None
        except lzma.LZMAError as error:
            raise _bad(str(path), f"is damaged ({error})") from None
        except OSError as error:
            raise _bad(str(path), f"cannot be read ({error.strerror or error})") from None
        except BadInputError as error:
            raise BadInputError(error.reason, f"{path}: {error.detail}") from None

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
        for number in range(low // BLOCK_RECORDS, -(-high // BLOCK_RECORDS)):
            first = number * BLOCK_RECORDS
            records = zlib.decompress(self._blocks[number]).split(b"\n")
            for index in range(max(low, first), min(high, first + len(records))):
                yield self._observed_at_s[index], records[index - first]

    def _append_time(self, observed_at_s: int, line: int) -> None:
        if self._observed_at_s and observed_at_s < self._observed_at_s[-1]:
            raise _bad(self.name, f"is not sorted by timestamp at line {line}")
        self._observed_at_s.append(observed_at_s)


def shifted(raw: bytes, *, seconds: int, id_offset: int) -> bytes:
    """The record with its `timestamp` moved by seconds, and its own id and those of its values by id_offset.

    Everything else, the order of keys too, stays as it is.
    """
    record = msgspec.json.decode(raw)
    record["timestamp"] = _timestamp(observed_at(record["timestamp"]) + seconds)
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


class _Head(msgspec.Struct):
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


_HEAD = msgspec.json.Decoder(_Head)


def _head(raw: bytes, where: str) -> tuple[_Head, int]:
    try:
        head = _HEAD.decode(raw)
        return head, observed_at(head.timestamp)
    except (msgspec.DecodeError, ValueError) as error:
        raise _bad(where, f"is not an upstream record ({error})") from None


def _packed(records: list[bytes]) -> bytes:
    return zlib.compress(b"\n".join(records), 1)


def _timestamp(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, tz=UTC).strftime(TIMESTAMP_FORMAT)


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", lzma.open(path)) if path.suffix == ".xz" else path.open("rb")


def _bad(what: str, problem: str) -> BadInputError:
    return BadInputError(
        "recording",
        f"{what} {problem}; get the file anew (git checkout, or python -m local_stack.recordings.make)",
    )
