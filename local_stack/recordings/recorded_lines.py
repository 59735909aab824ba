"""The lines of a recording's file, up to the last whole one."""

import lzma
from collections.abc import Iterator
from functools import partial
from pathlib import Path

CHUNK_BYTES = 64 * 1024


class RecordedLines:
    """The lines of a `.jsonl.xz` or `.jsonl` file; the former may be several xz streams, one after the other.

    Where its writer was killed in the middle of a stream, the whole lines of that stream are there too.
    After the iteration `is_cut_short` tells of it, and `whole_bytes` and `whole_lines` where the whole
    streams end. Iterating raises lzma.LZMAError where the file is damaged, OSError where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        self.whole_bytes = 0
        self.whole_lines = 0
        self.is_cut_short = False

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        for piece in self._unpacked() if self._path.suffix == ".xz" else self._read():
            *lines, rest = (rest + piece).split(b"\n")
            self._lines += len(lines)
            yield from lines
        if rest and not self.is_cut_short:
            yield rest

    def _unpacked(self) -> Iterator[bytes]:
        decompressor, read_bytes = lzma.LZMADecompressor(lzma.FORMAT_XZ), 0
        for chunk in self._read():
            read_bytes += len(chunk)
            packed = chunk
            while packed:
                yield decompressor.decompress(packed)
                packed = decompressor.unused_data
                if decompressor.eof:
                    self.whole_bytes, self.whole_lines = read_bytes - len(packed), self._lines
                    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        self.is_cut_short = read_bytes > self.whole_bytes

    def _read(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            yield from iter(partial(file.read, CHUNK_BYTES), b"")
