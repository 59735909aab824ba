"""A recording grows by snapshots, holds each record once, and outlives a kill."""

import lzma
import multiprocessing
import os
import signal
from functools import cache

import msgspec
import pytest

from contracts.errors import BadInputError, UnavailableError
from local_stack.recording_server.timeline import Timeline, window
from local_stack.recordings import Recording
from local_stack.recordings.recording_file import RecordingFile
from tests.scraper.feed import a_record, payload_of

MINUTE_S = 60


@pytest.fixture
def path(tmp_path):
    return tmp_path / "air.jsonl.xz"


@cache
def may():
    return Recording.load("aberdeen-2019-05-12")


def shown_at(recording, minute):
    """What the feed shows at this minute of May, played at its own time."""
    begins_at_s = may().first_s - 1
    timeline = Timeline.of(recording, starts_at_s=recording.first_s - 1)
    return window(recording, timeline, begins_at_s + minute * MINUTE_S)


def snapshot(minute):
    """The answer of that minute, the latest record first."""
    return b"[" + b",\n".join(reversed(shown_at(may(), minute))) + b"]"


def recorded(path, *payloads):
    file = RecordingFile(path)
    added = [file.add(payload) for payload in payloads]
    file.close()
    return added


def records_in(path):
    return [msgspec.json.decode(raw) for _, raw in Recording.load(path)]


def ids_in(path):
    return [record["id"] for record in records_in(path)]


def at(second, number, **changes):
    return a_record(number, timestamp=f"2026-01-01 00:{second // 60:02}:{second % 60:02}", **changes)


@pytest.mark.slow
def test_snapshots_of_a_recording_are_that_recording(path):
    recorded(path, *(snapshot(minute) for minute in range(1, 61)))

    wanted = may().between(0, may().first_s - 1 + 60 * MINUTE_S)
    assert sorted(Recording.load(path)) == sorted(wanted)
    assert len(wanted) > 500


def test_it_shows_the_same_windows_as_the_recording_it_was_made_of(path):
    recorded(path, *(snapshot(minute) for minute in range(1, 31)))

    copy = Recording.load(path)
    for minute in range(1, 31):
        assert sorted(shown_at(copy, minute)) == sorted(shown_at(may(), minute))


def test_what_a_snapshot_repeats_is_recorded_once(path):
    added = recorded(path, payload_of(at(1, 1), at(2, 2)), payload_of(at(2, 2), at(3, 3), at(3, 3)))

    assert [(each.recorded, each.repeated) for each in added] == [(2, 0), (1, 2)]
    assert len(ids_in(path)) == 3


def test_a_file_that_is_there_is_gone_on_with(path):
    recorded(path, payload_of(at(1, 1), at(2, 2)))
    (added,) = recorded(path, payload_of(at(2, 2), at(3, 3)))

    assert (added.recorded, added.repeated) == (1, 1)
    assert len(ids_in(path)) == 3


def test_ids_are_forgotten_once_they_cannot_come_again(path):
    file = RecordingFile(path)
    for second in range(0, 3600, 300):
        file.add(payload_of(at(second, second)))

    assert len(file._observed_at_s_by_id) == 4
    file.close()


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_file_that_a_kill_cut_short_is_read_to_its_last_whole_record_and_gone_on_with(path, share):
    recorded(path, snapshot(5))
    whole = path.stat().st_size
    before = ids_in(path)
    recorded(path, snapshot(60))
    path.write_bytes(path.read_bytes()[: whole + round((path.stat().st_size - whole) * share)])

    left = ids_in(path)
    recorded(path, snapshot(60), snapshot(61))

    assert before == left[: len(before)]
    assert set(ids_in(path)) == set(before) | {
        record["id"] for minute in (60, 61) for record in msgspec.json.decode(snapshot(minute))
    }
    assert len(ids_in(path)) == len(set(ids_in(path)))
    assert lzma.decompress(path.read_bytes()).count(b"\n") == len(ids_in(path))


def keep_recording(path, told):
    file = RecordingFile(path)
    for minute in range(1, 100_000):
        file.add(snapshot(minute))
        told.send(file.records)


@pytest.mark.slow
@pytest.mark.parametrize("snapshots", [1, 7, 30])
def test_a_kill_leaves_everything_recorded_so_far(path, snapshots):
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=keep_recording, args=(path, theirs))
    process.start()
    told = [ours.recv() for _ in range(snapshots)]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    while ours.poll():
        told.append(ours.recv())

    found = records_in(path)
    wanted = [msgspec.json.decode(raw) for _, raw in may()][: len(found)]
    assert len(found) >= told[-1] > 0
    assert sorted(record["id"] for record in found) == sorted(record["id"] for record in wanted)


def test_a_broken_snapshot_gives_its_whole_records(path):
    (added,) = recorded(path, payload_of(at(1, 1), at(2, 2), at(3, 3))[:-100])

    assert (added.recorded, added.left_out) == (2, 1)


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "broken"},
        at(2, 9, sensordatavalues="none"),
        a_record(9, timestamp="2026-01-01T00:00:02.123456+00:00"),
        a_record(9, timestamp="2024-01-01 00:00:02"),
        a_record(9, timestamp="2036-01-01 00:00:02"),
    ],
)
def test_what_a_recording_cannot_hold_is_left_out_and_costs_nothing_else(path, odd):
    (added,) = recorded(path, payload_of(at(1, 1), odd, at(3, 3)))

    assert (added.recorded, added.left_out) == (2, 1)
    assert len(ids_in(path)) == 2


@pytest.mark.parametrize("payload", [b"", b"[]", b"<html>", b"[[[["])
def test_a_snapshot_of_no_record_leaves_no_file(path, payload):
    recorded(path, payload)

    assert not path.exists()


def test_a_file_that_is_no_recording_is_refused_and_left_as_it_is(path):
    path.write_bytes(b"my thesis" * 9)

    with pytest.raises(BadInputError, match=r"air.jsonl.xz is damaged .* name another file"):
        RecordingFile(path)
    assert path.read_bytes() == b"my thesis" * 9


def test_a_file_of_another_name_is_refused(tmp_path):
    with pytest.raises(BadInputError, match=r"the name of a recording ends with .jsonl.xz"):
        RecordingFile(tmp_path / "air.json")
    assert not list(tmp_path.iterdir())


def test_a_file_is_recorded_by_one_process_at_a_time(path):
    first = RecordingFile(path)

    with pytest.raises(BadInputError, match="is being recorded by another process"):
        RecordingFile(path)
    first.close()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UnavailableError, match=r"nowhere/air.jsonl.xz cannot be written \(No such file"):
        RecordingFile(tmp_path / "nowhere" / "air.jsonl.xz")


def test_a_full_disk_is_told(path):
    path.symlink_to("/dev/full")
    file = RecordingFile(path)

    with pytest.raises(UnavailableError, match="No space left on device"):
        file.add(payload_of(at(1, 1)))
    file.close()
