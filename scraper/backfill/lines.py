"""Lines of a stream, packed or not, with a limit on each, and what is wrong with its end."""

import lzma
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Protocol
from zipfile import BadZipFile

from contracts.errors import BadInputError
from scraper.parsing import RECORD_BYTES_MAX

BLOCK_BYTES = 256 * 1024
DAMAGE = (EOFError, OSError, BadZipFile, lzma.LZMAError, zlib.error)


class ByteStream(Protocol):
    """What lines are read from; a damaged one gives all that can be had of it before it raises."""

    def read1(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        ...


class CutLine(bytes):
    """The last line of a stream that ends without a line end: perhaps a whole one, perhaps not."""


def stream_lines(stream: ByteStream, *, name: str, line_bytes_max: int = RECORD_BYTES_MAX) -> Iterator[bytes]:
    r"""The lines of a stream without their \n; the last one is a CutLine where it lacks it.

    Of a line that is longer than `line_bytes_max`, only the beginning is given, which is longer as well.
    Raises BadInputError after the last byte that can be had of a damaged stream.
    """
    rest, problem, is_overlong = b"", None, False
    for block in _blocks(stream):
        if isinstance(block, Exception):
            problem = block
            break
        lines = (rest + block).split(b"\n")
        if is_overlong:
            is_overlong = len(lines) == 1
            lines[0] = b""
        rest = lines.pop()
        yield from lines
        if len(rest) > line_bytes_max:
            yield rest
            rest, is_overlong = b"", True
    if rest:
        yield CutLine(rest)
    if problem is not None:
        raise BadInputError("unreadable_file", f"{name} is damaged or cut short: {problem}") from problem


def _blocks(stream: ByteStream) -> Iterator[bytes | Exception]:
    """The blocks of a stream, and at last what is wrong with it."""
    try:
        block = stream.read1(BLOCK_BYTES).removeprefix(BOM_UTF8)
        while block:
            yield block
            block = stream.read1(BLOCK_BYTES)
    except DAMAGE as error:
        yield error
