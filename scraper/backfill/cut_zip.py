"""What is whole at the beginning of a zip file that was cut short, and so has no directory at its end.

The layout is that of PKWARE's APPNOTE 6.3.10, section 4.3.7: a header before each member.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"PK\x03\x04"
DEFLATED = 8
BLOCK_BYTES = 256 * 1024
HEADER = struct.Struct("<4s 2x H H 4x 4x 4x 4x H H")  # signature, flags, method, lengths of name and extra
# Between two members lie at most their checksum and sizes.
GAP_BYTES_MAX = 64


class CutMember:
    """One deflated member, unpacked as far as it goes; raises EOFError where it is cut."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)

    def read1(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end of the member."""
        while not self._inflater.eof:
            packed = self._inflater.unconsumed_tail or self._file.read(size)
            unpacked = self._inflater.decompress(packed, size)
            if self._inflater.eof:
                self._file.seek(-len(self._inflater.unused_data), 1)
            if unpacked:
                return unpacked
            if not packed:
                raise EOFError("it ends in the middle")
        return b""


def cut_members(file: BinaryIO) -> Iterator[tuple[str, CutMember]]:
    """Name and content of each member, to be read before the next; ends where one is cut or not deflated."""
    file.seek(0)
    header = file.read(HEADER.size)
    while len(header) == HEADER.size:
        signature, _flags, method, name_bytes, extra_bytes = HEADER.unpack(header)
        if signature != SIGNATURE or method != DEFLATED:
            return
        name = file.read(name_bytes).decode(errors="replace")
        file.read(extra_bytes)
        member = CutMember(file)
        yield name, member
        if not _is_whole(member):
            return
        header = _next_header(file)


def _is_whole(member: CutMember) -> bool:
    """Whether there is an end of the member; the file then stands behind it."""
    try:
        while member.read1(BLOCK_BYTES):
            pass
    except (EOFError, zlib.error):
        return False
    return True


def _next_header(file: BinaryIO) -> bytes:
    at = file.tell()
    gap = file.read(GAP_BYTES_MAX).find(SIGNATURE)
    if gap < 0:
        return b""
    file.seek(at + gap)
    return file.read(HEADER.size)
