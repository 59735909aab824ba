"""Lines of a stream, whatever its end."""

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import BadInputError
from scraper.backfill import lines as lines_module
from scraper.backfill.lines import CutLine, stream_lines


def lines_in(content):
    return list(stream_lines(io.BytesIO(content), name="a-file", line_bytes_max=200))


@given(st.binary(max_size=200), st.integers(1, 7))
def test_lines_are_those_between_line_ends_however_they_are_read(content, block_bytes):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lines_module, "BLOCK_BYTES", block_bytes)
        found = lines_in(b"x" + content)  # what follows a BOM is its own test

    assert b"\n".join([*found, b""] if content.endswith(b"\n") else found) == b"x" + content


def test_a_last_line_without_a_line_end_is_known_as_such():
    whole, cut = lines_in(b"first\nsecond")

    assert (whole, cut) == (b"first", b"second")
    assert not isinstance(whole, CutLine)
    assert isinstance(cut, CutLine)


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert lines_in(b"\xef\xbb\xbfsensor_id\n1\n") == [b"sensor_id", b"1"]


def test_of_a_line_that_is_too_long_only_the_beginning_is_kept_and_the_next_is_whole(monkeypatch):
    monkeypatch.setattr(lines_module, "BLOCK_BYTES", 8)
    before, long, rest, after = lines_in(b"before\n" + b"x" * 1_000 + b"\nafter\n")

    assert (before, rest, after) == (b"before", b"", b"after")
    assert 200 < len(long) <= 208
    assert set(long) == {ord("x")}


def test_a_damaged_stream_gives_every_byte_that_it_can_before_it_says_so():
    content = b"".join(b"%d\n" % (number * 7919 % 10_007) for number in range(5_000))
    lines = stream_lines(gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(content)[:-2_000])), name="a.csv.gz")
    found = []
    with pytest.raises(BadInputError, match="a.csv.gz is damaged or cut short"):
        found.extend(iter(lines))  # list.extend keeps what came before the error

    assert len(found) > 1_000
    assert content.startswith(b"\n".join(found))
