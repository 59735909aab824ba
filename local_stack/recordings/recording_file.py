"""A recording that grows by snapshots of the live feed."""

import errno
import fcntl
import lzma
import math
import os
import statistics
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from contracts.errors import BadInputError, UnavailableError
from local_stack.recordings.recorded_lines import RecordedLines
from local_stack.recordings.recording import SUFFIX, Recording, record_head
from scraper.parsing import Reading, parsed_payload

# Three windows of the feed: a record that is older than the newest by more cannot be shown again.
REMEMBERED_S = 15 * 60
# One record that is dated years off would make the recording years long.
STRAY_S = 15 * 60
PRESET = 1  # 48,000 records in a second, to 1.3 MB; 6 takes half a minute for 1.0


@dataclass(frozen=True, slots=True)
class Added:
    """What came of the records of one snapshot; left out is what a recording cannot hold."""

    recorded: int
    repeated: int
    left_out: int


class RecordingFile:
    """Takes snapshots; each is one xz stream at the end of the file.

    So the file can be read at any moment, and a kill costs at most the end of the last snapshot.
    """

    def __init__(self, path: Path) -> None:
        """Begin the file with the first record, or go on with the one that is there.

        Raises BadInputError where it cannot be gone on with, UnavailableError where it cannot be written.
        """
        if not path.name.endswith(SUFFIX):
            raise BadInputError("recording", f"{path}: the name of a recording ends with {SUFFIX}")
        self._path = path
        self._observed_at_s_by_id: dict[int, int] = {}
        self.records = 0
        with _told_as_unavailable(path):
            self._file = path.open("ab", buffering=0)
            self._lock()
            if self.size_bytes:
                self._go_on()

    def add(self, payload: bytes) -> Added:
        """Append the records of one answer of the feed that are not there yet; they are safe on return.

        Raises UnavailableError where the file cannot be written.
        """
        parsed = parsed_payload(payload, latest_s=math.inf)
        readings = [reading for reading in _not_stray(parsed.readings) if _is_recordable(reading)]
        new = {each.id: each for each in readings if each.id not in self._observed_at_s_by_id}
        self._append(_line(each.record) for each in sorted(new.values(), key=lambda each: each.observed_at_s))
        self._remember({each.id: each.observed_at_s for each in readings})
        self.records += len(new)
        left_out = len(parsed.readings) + len(parsed.letters) - len(readings)
        return Added(recorded=len(new), repeated=len(readings) - len(new), left_out=left_out)

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        """Let go of the file; one that holds nothing is removed."""
        if not self.size_bytes:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInputError(
                "recording", f"{self._path} is being recorded by another process; name another file"
            ) from None

    def _go_on(self) -> None:
        recording = Recording.load(self._path)
        self._mend()
        self.records = len(recording)
        latest = recording.between(recording.last_s - REMEMBERED_S, recording.last_s)
        self._remember({record_head(raw, self._path.name)[0].id: at_s for at_s, raw in latest})

    def _mend(self) -> None:
        """Write the end anew where a kill cut it short; nothing could be appended to it."""
        lines = RecordedLines(self._path)
        deque(lines, maxlen=0)
        if lines.is_cut_short:
            rest = list(islice(RecordedLines(self._path), lines.whole_lines, None))
            self._file.truncate(lines.whole_bytes)
            self._append(rest)

    def _append(self, lines: Iterable[bytes]) -> None:
        text = b"".join(line + b"\n" for line in lines)
        if not text:
            return
        with _told_as_unavailable(self._path):
            stream = lzma.compress(text, preset=PRESET)
            if self._file.write(stream) < len(stream):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())

    def _remember(self, observed_at_s_by_id: Mapping[int, int]) -> None:
        known = {**self._observed_at_s_by_id, **observed_at_s_by_id}
        since_s = max(known.values(), default=0) - REMEMBERED_S
        self._observed_at_s_by_id = {number: at_s for number, at_s in known.items() if at_s >= since_s}


def _not_stray(readings: Sequence[Reading]) -> list[Reading]:
    """The readings that are dated about as most of them are."""
    if not readings:
        return []
    middle_s = statistics.median_low(reading.observed_at_s for reading in readings)
    return [reading for reading in readings if abs(reading.observed_at_s - middle_s) <= STRAY_S]


def _is_recordable(reading: Reading) -> bool:
    try:
        record_head(reading.record, "the feed")
    except BadInputError:
        return False
    return True


def _line(record: bytes) -> bytes:
    return msgspec.json.format(record, indent=-1) if b"\n" in record else record


@contextmanager
def _told_as_unavailable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"{path} cannot be written ({error.strerror or error})") from error
