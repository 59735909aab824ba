"""Files as streams of lines: plain, .gz, .xz, and .zip with one or many in it."""

import gzip
import lzma
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, cast
from zipfile import BadZipFile, ZipFile

from contracts.errors import BadInputError
from scraper.backfill.cut_zip import cut_members
from scraper.backfill.lines import ByteStream, stream_lines

ZIP = ".zip"
PACKED = (".gz", ".xz")
CSV, JSON_LINES = ".csv", ".jsonl"


class Part(NamedTuple):
    """One stream of rows or records: a file, or a member of a zip, named after both."""

    name: str
    stream: ByteStream


def kind_of(name: str) -> str | None:
    """`.csv` or `.jsonl`, whether packed or not, or `.zip`; None where it is none of them."""
    path = PurePosixPath(name.lower())
    kind = PurePosixPath(path.stem).suffix if path.suffix in PACKED else path.suffix
    return kind if kind in {CSV, JSON_LINES, ZIP} else None


def parts_of(name: str, file: BinaryIO) -> Iterator[Part]:
    """The parts of a file, each to be read before the next; of a zip, the members that can be read at all.

    Raises BadInputError where there is none, and after the last part of a zip that is cut short.
    """
    kind = kind_of(name)
    if kind == ZIP:
        yield from _members(name, file)
    elif kind is not None:
        yield Part(name, _unpacked(name, file))
    else:
        raise BadInputError("unknown_kind", f"{name} is neither .csv nor .jsonl, alone, in .gz, .xz or .zip")


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file of any kind and length, packed or not; empty ones left out.

    Raises BadInputError where the file is not there, and after the last line that a damaged one gives.
    """
    try:
        with path.open("rb") as file:
            stream = _unpacked(path.name, file)
            for line in stream_lines(stream, name=str(path), line_bytes_max=sys.maxsize):
                if stripped := line.strip():
                    yield stripped
    except OSError as error:
        raise BadInputError("unreadable_file", f"{path}: {error.strerror or error}") from error


def _members(name: str, file: BinaryIO) -> Iterator[Part]:
    try:
        archive = ZipFile(file)
    except BadZipFile as error:
        for member, beginning in cut_members(file):
            if member.endswith((CSV, JSON_LINES)):
                yield Part(f"{name}/{member}", beginning)
        raise BadInputError("unreadable_file", f"{name} is damaged or cut short: {error}") from error
    members = [member for member in archive.namelist() if kind_of(member) in {CSV, JSON_LINES}]
    if not members:
        raise BadInputError("unknown_kind", f"{name} holds no .csv and no .jsonl")
    for member in members:
        with _opened(archive, member) as stream:
            yield Part(f"{name}/{member}", stream)


@contextmanager
def _opened(archive: ZipFile, member: str) -> Iterator[ByteStream]:
    try:
        file = archive.open(member)
    except (BadZipFile, NotImplementedError, RuntimeError) as error:
        # Damaged, packed in a way that Python does not know, or encrypted; the next one may not be.
        yield _Unreadable(error)
    else:
        with file:
            yield _unpacked(member, cast("BinaryIO", file))


def _unpacked(name: str, file: BinaryIO) -> ByteStream:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=file)
    return lzma.LZMAFile(file) if suffix == ".xz" else cast("ByteStream", file)


class _Unreadable:
    """A stream of nothing but its error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read1(self, _size: int, /) -> bytes:
        raise BadZipFile(self._error)
