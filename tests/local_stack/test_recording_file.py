import lzma
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.errors import BadInputError
from local_stack.recordings import Recording, recording_names, shifted
from local_stack.recordings.recorded_lines import RecordedLines
from local_stack.recordings.recording import FOLDER


def a_record(second: int = 0, record_id: int = 3_490_000_000) -> bytes:
    return msgspec.json.encode({
        "sensordatavalues": [
            {"value_type": "timestamp", "value": "2019-05-12 00:00:00", "id": 7_400_000_000},
            {"value_type": "pressure_at_sealevel", "value": 98924.74},
        ],
        "sensor": {"id": 71, "pin": "9"},
        "location": {"id": 11, "timestamp": "2000-01-01 00:00:00"},
        "timestamp": f"2019-05-12 00:{second // 60:02}:{second % 60:02}",
        "id": record_id,
    })  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ["aberdeen-2019-05-12", "aberdeen-2019-03-22"])
def test_a_packaged_recording_holds_its_files_lines_in_order(name):
    recording = Recording.load(name)
    path = FOLDER / f"{name}.jsonl.xz"

    records = list(recording)

    assert [raw for _, raw in records] == lzma.decompress(path.read_bytes()).splitlines()
    assert all(before <= after for (before, _), (after, _) in pairwise(records))
    assert (records[0][0], records[-1][0]) == (recording.first_s, recording.last_s)


@pytest.mark.slow
def test_the_packaged_recordings_share_no_id():
    ids = [
        {number for _, raw in Recording.load(name) for number in ids_of(raw)} for name in recording_names()
    ]

    assert len(ids) == 2
    assert not ids[0] & ids[1]
    assert min(map(min, ids)) > 2**31


def ids_of(raw: bytes) -> list[int]:
    record = msgspec.json.decode(raw)
    return [record["id"], *(value["id"] for value in record["sensordatavalues"])]


@given(st.lists(st.integers(0, 3599), min_size=1, max_size=700), st.integers(-10, 3700), st.integers(0, 900))
def test_between_gives_what_a_plain_search_gives(seconds, after, width):
    raws = [a_record(second, index) for index, second in enumerate(sorted(seconds))]
    recording = Recording("test", raws)
    midnight = 1557619200

    found = recording.between(midnight + after, midnight + after + width)

    assert found == [pair for pair in recording if after < pair[0] - midnight <= after + width]


@given(st.integers(-(10**9), 2 * 10**9), st.integers(0, 10**15))
def test_a_move_changes_the_timestamp_and_the_ids_and_nothing_else(seconds, id_offset):
    moved = shifted(a_record(), seconds=seconds, id_offset=id_offset)
    back = shifted(moved, seconds=-seconds, id_offset=-id_offset)

    assert back == a_record()
    assert msgspec.json.decode(moved)["location"] == msgspec.json.decode(a_record())["location"]
    assert msgspec.json.decode(moved)["id"] == 3_490_000_000 + id_offset


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "holds no record"),
        (lzma.compress(b""), "holds no record"),
        (lzma.compress(a_record())[:30], "holds no record"),
        (lzma.compress(a_record())[:20] + b"\xff" * 40, "damaged"),
        (b"no xz at all", "damaged"),
        (lzma.compress(b'{"id": 1}'), "line 1 is not an upstream record"),
    ],
)
def test_a_broken_file_is_named_with_the_problem_and_the_remedy(tmp_path, content, problem):
    path = tmp_path / "broken.jsonl.xz"
    path.write_bytes(content)

    with pytest.raises(BadInputError) as error:
        Recording.load(path)

    assert problem in str(error.value)
    assert str(path) in str(error.value)
    assert "git checkout" in str(error.value)


def test_records_are_played_by_their_time_and_not_by_their_line():
    seconds = [5, 4, 700, 4, 6]
    recording = Recording("test", [a_record(second, index) for index, second in enumerate(seconds)])

    assert [msgspec.json.decode(raw)["id"] for _, raw in recording] == [1, 3, 0, 4, 2]


@pytest.mark.slow
@settings(deadline=None)  # what packing takes depends on the machine
@given(st.lists(st.lists(st.integers(0, 3599), max_size=40), min_size=1, max_size=4), st.floats(0, 1))
def test_a_file_of_several_streams_is_read_up_to_the_last_whole_record_of_what_is_left(streams, share):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cut.jsonl.xz"
        packed = [lzma.compress(b"".join(a_record(each) + b"\n" for each in stream)) for stream in streams]
        cut_at = round(len(b"".join(packed)) * share)
        path.write_bytes(b"".join(packed)[:cut_at])
        lines = RecordedLines(path)

        found = list(lines)

    whole = [number for number in range(len(streams) + 1) if len(b"".join(packed[:number])) <= cut_at][-1]
    wanted = [a_record(each) for stream in streams for each in stream]
    assert found == wanted[: len(found)]
    assert len(found) >= lines.whole_lines == sum(map(len, streams[:whole]))
    assert lines.is_cut_short == (lines.whole_bytes < cut_at)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(BadInputError, match=r"atlantis.*aberdeen-2019-03-22, aberdeen-2019-05-12"):
        Recording.load("atlantis")
