"""Files are read packed or not, and as far as they go."""

import gzip
import json
import lzma

import pytest

from contracts.errors import BadInputError
from scraper.backfill import lines_of
from scraper.backfill.lines import stream_lines
from scraper.backfill.unpacking import kind_of, parts_of
from tests.scraper.backfill.archive_files import PACKED_BY_SUFFIX, a_zip
from tests.scraper.feed import a_record

LINES = [json.dumps(a_record(number)).encode() for number in range(3)]
CONTENT = b"\n".join(LINES) + b"\n"


def a_path(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def read(path):
    """The lines of all parts of a file, and what was wrong with it and its parts."""
    lines, problems = [], []
    with path.open("rb") as file:
        try:
            for part in parts_of(path.name, file):
                lines += read_part(part, problems)
        except BadInputError as error:
            problems.append(error.detail)
    return lines, problems


def read_part(part, problems):
    lines = []
    try:
        lines.extend(stream_lines(part.stream, name=part.name))  # keeps what comes before an error
    except BadInputError as error:
        problems.append(error.detail)
    return [line for line in lines if line]


@pytest.mark.parametrize("suffix", PACKED_BY_SUFFIX)
def test_a_file_is_read_packed_or_not(tmp_path, suffix):
    path = a_path(tmp_path, f"records.jsonl{suffix}", PACKED_BY_SUFFIX[suffix](CONTENT + b"\n"))

    assert read(path) == (LINES, [])


def test_gzips_behind_each_other_are_one_file(tmp_path):
    parts = gzip.compress(LINES[0] + b"\n"), gzip.compress(LINES[1] + b"\n")

    assert read(a_path(tmp_path, "records.jsonl.gz", b"".join(parts))) == (LINES[:2], [])


def test_the_members_of_a_zip_are_read_in_their_order_and_others_passed_by(tmp_path):
    content = a_zip(one__jsonl=LINES[0], notes__txt=b"hello", two__jsonl__gz=gzip.compress(LINES[1]))

    assert read(a_path(tmp_path, "month.zip", content)) == (LINES[:2], [])


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_file_that_is_cut_short_is_bad_input_after_what_it_gives(tmp_path, suffix):
    path = a_path(tmp_path, f"records.jsonl{suffix}", PACKED_BY_SUFFIX[suffix](CONTENT)[:-20])
    lines, (problem,) = read(path)

    assert CONTENT.startswith(b"\n".join(lines))
    assert problem.startswith(f"records.jsonl{suffix} is damaged or cut short")


@pytest.mark.parametrize("suffix", [".gz", ".xz"])
def test_a_file_that_is_damaged_in_the_middle_is_bad_input(tmp_path, suffix):
    packed = bytearray(PACKED_BY_SUFFIX[suffix](CONTENT * 200))
    packed[200:260] = bytes(byte ^ 0xFF for byte in packed[200:260])
    _, (problem,) = read(a_path(tmp_path, f"records.jsonl{suffix}", packed))

    assert "is damaged" in problem


def test_a_zip_that_is_cut_short_gives_its_whole_members_and_the_beginning_of_the_next(tmp_path):
    first, second = (
        b"".join(b"%d\n" % (n * 7919 % 10_007) for n in range(start, start + 20_000)) for start in (0, 1)
    )
    content = a_zip(first__csv=first, second__csv=second)
    lines, problems = read(a_path(tmp_path, "month.zip", content[: len(content) * 3 // 4]))

    assert 25_000 < len(lines) < 40_000
    assert (first + second).startswith(b"\n".join(lines[:-1]))
    assert problems[0].startswith("month.zip/second.csv is damaged or cut short")
    assert problems[1].startswith("month.zip is damaged or cut short")


def test_a_member_that_is_damaged_costs_no_other(tmp_path):
    content = bytearray(a_zip(bad__jsonl=CONTENT * 50, good__jsonl=LINES[1]))
    content[60:80] = bytes(20)
    path = a_path(tmp_path, "month.zip", content)

    lines, (problem,) = read(path)

    assert lines[-1] == LINES[1]
    assert problem.startswith("month.zip/bad.jsonl is damaged")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("readings.parquet", b"PAR1", "neither .csv nor .jsonl"),
        ("readings", b"", "neither .csv nor .jsonl"),
        ("empty.zip", a_zip(notes__txt=b"hello"), "holds no .csv and no .jsonl"),
        ("no.zip", b"hello", "no.zip is damaged or cut short"),
        ("no.csv.gz", b"hello", "no.csv.gz is damaged"),
        ("no.csv.xz", lzma.compress(b"")[:4], "no.csv.xz is damaged"),
    ],
)
def test_what_is_no_such_file_is_bad_input_that_names_it(tmp_path, name, content, what):
    lines, (problem,) = read(a_path(tmp_path, name, content))

    assert lines == []
    assert what in problem


@pytest.mark.parametrize("suffix", PACKED_BY_SUFFIX)
def test_the_lines_of_a_file_are_had_whatever_its_kind_and_their_length(tmp_path, suffix):
    feed = b"[" + b",".join(LINES * 500) + b"]"
    path = a_path(tmp_path, f"data.json{suffix}", PACKED_BY_SUFFIX[suffix](feed + b"\n\nsecond"))

    assert list(lines_of(path)) == [feed, b"second"]


@pytest.mark.parametrize("content", [None, b"no gzip", gzip.compress(CONTENT)[:-20]])
def test_lines_of_a_file_that_is_not_there_or_damaged_are_bad_input(tmp_path, content):
    path = tmp_path / "records.jsonl.gz"
    if content:
        path.write_bytes(content)

    with pytest.raises(BadInputError, match="records.jsonl.gz"):
        list(lines_of(path))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", ".csv"), ("A.CSV.GZ", ".csv"), ("x/y.jsonl.xz", ".jsonl"), ("m.zip", ".zip"),
        ("a.csv.bz2", None), ("README.md", None), ("csv", None), (".gz", None),
    ],
)  # fmt: skip
def test_the_kind_of_a_file_is_in_its_name(name, kind):
    assert kind_of(name) == kind
