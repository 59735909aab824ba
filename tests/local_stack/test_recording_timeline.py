import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_stack.recording_server.playback import (
    Bookmark,
    RunningPlayback,
    SteppedPlayback,
    read_bookmark,
    write_bookmark,
)
from local_stack.recording_server.timeline import Timeline, window
from local_stack.recordings import Recording
from local_stack.recordings.recording import observed_at
from runtime.clock import SettableClock

START_S = 1_800_000_000


def a_recording(*seconds: int) -> Recording:
    return Recording(
        "test",
        [
            msgspec.json.encode({
                "id": 3_000_000_000 + index,
                "timestamp": f"2019-05-12 {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}",
                "sensordatavalues": [],
            })
            for index, second in enumerate(sorted(seconds))
        ],
    )  # fmt: skip


def shown(recording: Recording, clock_s: float, *, once: bool = False) -> dict[int, int]:
    """Ids and Unix seconds of what the list holds at this clock."""
    timeline = Timeline.of(recording, starts_at_s=START_S, once=once)
    records = [msgspec.json.decode(raw) for raw in window(recording, timeline, timeline.minute_s(clock_s))]
    return {record["id"]: observed_at(record["timestamp"]) for record in records}


moments = st.lists(st.integers(0, 4000), min_size=1, max_size=60)


@pytest.mark.slow
@given(moments, st.sampled_from([1, 60, 120, 150, 240, 299, 300]), st.integers(0, 299))
def test_whoever_polls_at_least_every_five_minutes_sees_each_record_at_its_time(seconds, step, begin):
    recording = a_recording(*seconds)
    end = START_S + Timeline.of(recording, starts_at_s=START_S).duration_s

    seen: dict[int, int] = {}
    for clock in range(START_S + begin, max(end, START_S + begin) + step, step):
        seen |= shown(recording, clock, once=True)

    shift = START_S + 1 - recording.first_s
    assert seen == {3_000_000_000 + n: at + shift for n, (at, _) in enumerate(recording)}


@given(moments, st.floats(-1000, 20_000))
def test_the_list_holds_only_the_five_minutes_and_nothing_from_before_the_start(seconds, offset):
    clock = START_S + offset

    times = shown(a_recording(*seconds), clock).values()

    assert all(max(START_S, clock - 360) < second <= clock for second in times)


def test_the_list_changes_by_the_minute_and_consecutive_lists_overlap():
    recording = a_recording(*range(0, 1200, 30))

    assert shown(recording, START_S + 600) == shown(recording, START_S + 659.9)
    assert len(shown(recording, START_S + 600).keys() & shown(recording, START_S + 660).keys()) == 8


@pytest.mark.slow
@given(moments, st.integers(0, 5))
def test_each_loop_shows_every_record_again_with_a_new_id(seconds, loops):
    recording = a_recording(*seconds)
    duration = Timeline.of(recording, starts_at_s=START_S).duration_s
    seen: dict[int, int] = {}
    for clock in range(START_S, START_S + (loops + 1) * duration + 1, 240):
        seen |= shown(recording, clock)
    seen |= shown(recording, START_S + (loops + 1) * duration)

    assert len(seen) == (loops + 1) * len(recording)
    last = 3_000_000_000 + loops * recording.id_step
    assert seen[last] == START_S + 1 + loops * duration


def test_once_runs_empty_after_the_last_window():
    recording = a_recording(0, 599)

    assert len(shown(recording, START_S + 600, once=True)) == 1
    assert shown(recording, START_S + 900, once=True) == {}
    assert len(shown(recording, START_S + 900)) == 1


def test_position_and_loop_follow_the_clock():
    timeline = Timeline(starts_at_s=START_S, origin_s=0, duration_s=600, id_step=1)

    assert (timeline.loop(START_S + 600), timeline.position_s(START_S + 600)) == (0, 600)
    assert (timeline.loop(START_S + 601), timeline.position_s(START_S + 601)) == (1, 1)


def test_a_fast_clock_goes_on_with_the_wall_clock_once_it_has_caught_up():
    wall = SettableClock(START_S)
    playback = RunningPlayback(wall, begins_at_s=START_S - 1000, speed=11)

    wall.advance(50)
    assert playback.now_s() == START_S - 450
    wall.advance(51)
    assert playback.now_s() == START_S + 101


def test_a_clock_of_speed_one_is_the_wall_clock():
    wall = SettableClock(START_S)
    playback = RunningPlayback(wall, begins_at_s=START_S - 300, speed=1)

    wall.advance(7)
    assert playback.now_s() == START_S + 7


def test_a_stepped_clock_waits_for_answers_then_runs_and_never_leaves_a_gap():
    wall = SettableClock(START_S)
    playback = SteppedPlayback(wall, begins_at_s=START_S - 100, step_s=60)

    wall.advance(5)
    assert playback.now_s() == START_S - 100
    playback.answered(START_S - 100)
    playback.answered(START_S - 100)
    assert playback.now_s() == START_S - 40
    playback.answered(START_S - 40)
    assert playback.now_s() == START_S + 5
    playback.answered(START_S + 5)
    wall.advance(200)
    assert playback.now_s() == START_S + 205
    wall.advance(9000)
    assert playback.now_s() == START_S + 305


def test_a_bookmark_is_read_as_it_was_written(tmp_path):
    bookmark = Bookmark(recording="x", starts_at_s=START_S, clock_s=START_S + 0.5, answered_minute_s=None)

    write_bookmark(tmp_path / "clock.json", bookmark)

    assert read_bookmark(tmp_path / "clock.json") == bookmark
    assert read_bookmark(tmp_path / "none.json") is None


@pytest.mark.parametrize("clock", [START_S - 1000, START_S, START_S + 59])
def test_nothing_is_shown_before_the_first_minute_is_full(clock):
    assert shown(a_recording(0, 1, 2), clock) == {}
