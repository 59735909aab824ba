"""The back-fill of many files: which, each once, and what became of it all."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from contracts.errors import BadInputError
from scraper.backfill import archive_csv, json_lines
from scraper.backfill.archive_names import ListedFile, daily_name, may_hold
from scraper.backfill.archive_service import ArchiveService
from scraper.backfill.door import EVERYTHING, ArchiveDoor, Record
from scraper.backfill.lines import stream_lines
from scraper.backfill.unpacking import CSV, Part, kind_of, parts_of
from scraper.memory import Totals, added
from scraper.selection import Selection

DIGEST_BYTES = 16
# The position of what was taken to its end: beyond the records of any file, so it need not be read to know.
DONE = 2**62

Progress = Callable[[int, int], None]  # done, total


@dataclass(slots=True)
class Outcome:
    """What became of a back-fill so far: the counts of this run, and what was wrong with whole files."""

    totals: dict[str, int] = field(default_factory=dict)
    files: int = 0
    files_done_before: int = 0
    problems: list[str] = field(default_factory=list)


class Backfill:
    """Takes one file after the other through the door, each once; `outcome` is always up to date."""

    def __init__(self, door: ArchiveDoor) -> None:
        self._door = door
        # Who asks for something else of a file takes it anew.
        self._choice = "" if door.selection == EVERYTHING else f":{_digest_of(door.selection)}"
        self.outcome = Outcome()

    def take_paths(self, paths: Sequence[Path], on_progress: Progress) -> None:
        """Take files, and the files in folders; progress in bytes as they lie on the disk."""
        size_by_path = {path: path.stat().st_size for path in self._found(paths)}
        total, before = sum(size_by_path.values()), 0
        for path, size in size_by_path.items():
            try:
                file = path.open("rb")
            except OSError as error:
                self.outcome.problems.append(f"{path}: {error.strerror}")
            else:
                with file:
                    self._take(path.name, file, _shifted(on_progress, file, before, total))
            before += size
            on_progress(before, total)

    def take_days(self, service: ArchiveService, days: Sequence[date], on_progress: Progress) -> None:
        """Take the archive service's daily files of some days; progress in files.

        Of days whose page was not asked for yet, as many files are expected as of the last one.
        Raises UnavailableError where the service stays away.
        """
        before = 0
        for days_left, day in zip(range(len(days) - 1, -1, -1), days, strict=True):
            folder, files = self._listed(service, day)
            total = before + len(files) * (1 + days_left)
            for number, listed in enumerate(files, start=1):
                self._take_listed(service, folder, listed)
                on_progress(before + number, total)
            before += len(files)

    def _found(self, paths: Iterable[Path]) -> Iterator[Path]:
        for path in paths:
            if not path.is_dir():
                if path.is_file():
                    yield path
                else:
                    self.outcome.problems.append(f"{path} is not there")
                continue
            inside = [each for each in sorted(path.rglob("*")) if kind_of(each.name) and each.is_file()]
            if not inside:
                self.outcome.problems.append(f"{path} holds no .csv, .jsonl or .zip")
            yield from inside

    def _listed(self, service: ArchiveService, day: date) -> tuple[str, list[ListedFile]]:
        try:
            folder, files = service.files_of(day)
        except BadInputError as error:
            self.outcome.problems.append(error.detail)
            return "", []
        names = ((listed, daily_name(listed.name)) for listed in files)
        return folder, [listed for listed, name in names if name and may_hold(name, self._door.selection)]

    def _take_listed(self, service: ArchiveService, folder: str, listed: ListedFile) -> None:
        key = f"{listed.name}:{listed.edition}{self._choice}"
        if self._is_done(key):  # then it need not be asked for
            return
        problems = len(self.outcome.problems)
        try:
            with service.opened(folder, listed.name) as (name, file):
                self._take(name, file)
        except BadInputError as error:
            self.outcome.problems.append(error.detail)
        if len(self.outcome.problems) == problems:
            self._door.memory.advance(key, DONE, {})

    def _take(self, name: str, file: BinaryIO, on_progress: Callable[[], None] = lambda: None) -> None:
        digest = _digest(file)
        try:
            for part in parts_of(name, file):
                self._take_part(part, key=f"{part.name}:{digest}{self._choice}", on_progress=on_progress)
        except BadInputError as error:
            self.outcome.problems.append(error.detail)

    def _take_part(self, part: Part, *, key: str, on_progress: Callable[[], None]) -> None:
        """Take one part; `key` is that of its content, wherever it lies."""
        if self._is_done(key):
            return

        def count(_done: int, counts: Totals) -> None:
            self.outcome.totals = added(self.outcome.totals, counts)
            on_progress()

        self.outcome.files += 1
        try:
            self._door.take(_records_of(part, latest_s=self._door.latest_s), name=key, on_chunk=count)
        except BadInputError as error:
            self.outcome.problems.append(error.detail)
        else:
            self._door.memory.advance(key, DONE, {})

    def _is_done(self, key: str) -> bool:
        is_done = self._door.memory.position(key) >= DONE
        self.outcome.files_done_before += is_done
        return is_done


def days_between(first: date, last: date) -> list[date]:
    """The days from the first to the last, both among them."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _records_of(part: Part, *, latest_s: float) -> Iterator[Record]:
    lines = stream_lines(part.stream, name=part.name)
    if kind_of(part.name) == CSV:
        daily = daily_name(part.name)
        is_indoor = None if daily is None else daily.is_indoor
        return archive_csv.records_of(lines, name=part.name, is_indoor=is_indoor, latest_s=latest_s)
    return json_lines.records_of(lines, name=part.name, latest_s=latest_s)


def _digest(file: BinaryIO) -> str:
    """What tells this content from any other; the file stands at its beginning before and after."""
    digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=DIGEST_BYTES)).hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return digest


def _digest_of(selection: Selection) -> str:
    """What tells this choice from any other."""
    chosen = msgspec.json.encode(selection, order="deterministic")
    return hashlib.blake2b(chosen, digest_size=DIGEST_BYTES).hexdigest()


def _shifted(on_progress: Progress, file: BinaryIO, before: int, total: int) -> Callable[[], None]:
    """Tell how far all files are, from how far this one is."""
    return lambda: on_progress(before + file.tell(), total)
