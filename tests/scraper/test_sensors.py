"""What changed with the sensors: each change once, and none from what is old or repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.sensors import SensorChange
from scraper import sensors as sensors_module
from scraper.parsing import Reading
from scraper.sensors import (
    PAUSE_S_MAX,
    SILENT_AFTER_S,
    KnownSensor,
    KnownSensors,
    followed,
    packed,
    unpacked,
)

NOON_S = 1_767_268_800
POLL_S = 120
NEW, MOVED, RETYPED, SILENT, BACK = SensorChange


def a_reading(sensor_id=71, observed_at_s=NOON_S, **changes):
    reading = Reading(
        id=1, sensor_id=sensor_id, observed_at_s=observed_at_s, latitude=57.13, longitude=-2.086, values=2,
        ignored=0, sensor_type="SDS011", is_indoor=False, record=b"",
    )  # fmt: skip
    return replace(reading, **changes)


def known_after(*polls, since=KnownSensors()):  # noqa: B008 - frozen
    """What is known after polls of readings, two minutes apart, and the changes of the last."""
    known, changes = since, {}
    for number, readings in enumerate(polls):
        known, changes = followed(known, readings, now_s=max(since.looked_at_s, NOON_S) + number * POLL_S)
    return known, changes


def changes_of(*polls):
    return known_after(*polls)[1]


def watched(known, *, until_s, readings=()):
    """What is known, and all that changed, after polls of the same readings every hour."""
    changes = []
    for now_s in range(known.looked_at_s + 3600, until_s + 1, 3600):
        known, changed = followed(known, readings, now_s=now_s)
        changes.append(changed)
    return known, [change for change in changes if change]


def test_a_sensor_that_was_never_seen_is_new():
    assert changes_of([a_reading()]) == {71: (NEW,)}


def test_a_sensor_that_goes_on_as_before_is_no_change():
    assert changes_of([a_reading()], [a_reading(observed_at_s=NOON_S + 145)]) == {}


@pytest.mark.parametrize("longitude", [-2.0864, -2.0856, -2.086])
def test_within_the_blur_nothing_moves(longitude):
    assert changes_of([a_reading()], [a_reading(observed_at_s=NOON_S + 1, longitude=longitude)]) == {}


@pytest.mark.parametrize("longitude", [-2.087, -2.0866, 9.18])
def test_beyond_the_blur_it_moved(longitude):
    known, changes = known_after([a_reading()], [a_reading(observed_at_s=NOON_S + 1, longitude=longitude)])

    assert changes == {71: (MOVED,)}
    assert known.by_id[71].position == (57_130, round(longitude * 1000))


def test_from_outdoors_to_indoors_it_moved():
    assert changes_of([a_reading()], [a_reading(observed_at_s=NOON_S + 1, is_indoor=True)]) == {71: (MOVED,)}


def test_another_type_is_told_and_may_come_with_a_move():
    other = a_reading(observed_at_s=NOON_S + 1, sensor_type="SPS30", latitude=48.78)

    assert changes_of([a_reading()], [other]) == {71: (MOVED, RETYPED)}


def test_a_reading_that_does_not_tell_its_position_or_type_changes_neither():
    bare = a_reading(observed_at_s=NOON_S + 1, latitude=None, longitude=None, sensor_type="", is_indoor=True)
    known, changes = known_after([a_reading()], [bare])

    assert changes == {}
    assert known.by_id[71] == KnownSensor(NOON_S + 1, NOON_S + POLL_S, "SDS011", (57_130, -2_086))


def test_a_first_position_is_a_move():
    nowhere = a_reading(latitude=None, longitude=None)

    assert changes_of([nowhere]) == {71: (NEW,)}
    assert changes_of([nowhere], [a_reading(observed_at_s=NOON_S + 1)]) == {71: (MOVED,)}


@pytest.mark.parametrize("late_s", [0, 1, 3600])
def test_a_reading_that_is_no_newer_than_what_is_known_changes_nothing(late_s):
    late = a_reading(observed_at_s=NOON_S - late_s, latitude=48.78, sensor_type="SPS30")
    known, changes = known_after([a_reading()], [late])

    assert changes == {}
    assert known.by_id == known_after([a_reading()])[0].by_id


def test_of_a_poll_the_newest_reading_counts_wherever_it_stands():
    moved = a_reading(observed_at_s=NOON_S + 2, latitude=48.78)
    older = a_reading(observed_at_s=NOON_S + 1)

    for readings in ([moved, older], [older, moved]):
        assert changes_of([a_reading()], readings) == {71: (MOVED,)}


def test_after_a_day_without_a_reading_a_sensor_is_silent_and_told_once():
    known, _ = known_after([a_reading()])

    assert watched(known, until_s=NOON_S + SILENT_AFTER_S)[1] == []
    assert watched(known, until_s=NOON_S + 3 * SILENT_AFTER_S)[1] == [{71: (SILENT,)}]


def test_repeats_do_not_keep_a_sensor_from_falling_silent():
    known, _ = known_after([a_reading()])

    assert watched(known, until_s=NOON_S + 2 * SILENT_AFTER_S, readings=[a_reading()])[1] == [{71: (SILENT,)}]


def test_a_silent_sensor_that_sends_is_back_and_may_have_moved():
    silent, _ = watched(known_after([a_reading()])[0], until_s=NOON_S + 2 * SILENT_AFTER_S)
    returned = a_reading(observed_at_s=silent.looked_at_s)

    assert known_after([returned], since=silent)[1] == {71: (BACK,)}
    assert known_after([replace(returned, latitude=48.78)], since=silent)[1] == {71: (BACK, MOVED)}
    assert not known_after([returned], since=silent)[0].by_id[71].is_silent


def test_after_a_long_pause_of_ours_nobody_is_silent_before_another_day():
    known, _ = known_after([a_reading()])
    began_at_s = NOON_S + 5 * SILENT_AFTER_S
    known, changes = followed(known, [], now_s=began_at_s)

    assert changes == {}
    assert watched(known, until_s=began_at_s + SILENT_AFTER_S)[1] == []
    assert watched(known, until_s=began_at_s + SILENT_AFTER_S + 3600)[1] == [{71: (SILENT,)}]


def test_a_pause_that_is_short_enough_is_none():
    known, _ = known_after([a_reading()])
    told = []
    for number in range(1, 6):
        known, changes = followed(known, [], now_s=NOON_S + number * PAUSE_S_MAX)
        told.append(changes)

    assert told == [{}, {}, {}, {}, {71: (SILENT,)}]


def test_a_clock_that_was_set_back_makes_nobody_silent():
    known, _ = known_after([a_reading()])

    assert followed(known, [], now_s=NOON_S - 10 * SILENT_AFTER_S)[1] == {}


def test_of_too_many_the_ones_that_were_seen_last_are_known(monkeypatch):
    monkeypatch.setattr(sensors_module, "SENSORS_MAX", 2)
    known, _ = known_after([a_reading(1), a_reading(2)], [a_reading(3), a_reading(2, NOON_S + 1)])

    assert set(known.by_id) == {2, 3}


def test_a_whole_network_is_small():
    known, _ = known_after([a_reading(60_000 + number) for number in range(35_000)])

    assert len(packed(known)) < 1_200_000


polls = st.lists(
    st.lists(
        st.builds(
            a_reading,
            sensor_id=st.integers(1, 4),
            observed_at_s=st.integers(NOON_S, NOON_S + 20),
            latitude=st.sampled_from([57.13, 57.1302, 57.131, None]),
            sensor_type=st.sampled_from(["SDS011", "SPS30", ""]),
            is_indoor=st.booleans(),
        ),
        max_size=8,
    ),
    max_size=6,
)


@given(polls=polls)
def test_what_was_told_adds_up_to_what_is_known(polls):
    known, told = KnownSensors(), {}
    for readings in polls:
        known, changes = followed(known, readings, now_s=NOON_S)
        told |= {sensor_id: known.by_id[sensor_id] for sensor_id in changes}

    def description(sensor):
        return sensor.sensor_type, sensor.position, sensor.is_indoor and sensor.position is not None

    assert {n: description(sensor) for n, sensor in told.items()} == {
        n: description(sensor) for n, sensor in known.by_id.items()
    }


@given(polls=polls, again=st.integers(0, 5), data=st.data())
def test_what_was_told_before_is_never_told_again(polls, again, data):
    known, _ = known_after(*polls)
    old = data.draw(st.permutations([reading for readings in polls[: again + 1] for reading in readings]))

    assert followed(known, old, now_s=NOON_S)[1] == {}


@given(polls=polls)
def test_the_order_within_a_poll_does_not_matter_where_moments_differ(polls):
    readings = [reading for poll in polls for reading in poll]
    readings = list({(reading.sensor_id, reading.observed_at_s): reading for reading in readings}.values())

    assert known_after(readings) == known_after(readings[::-1])


@given(polls=polls)
def test_what_is_known_goes_there_and_back(polls):
    known, _ = known_after(*polls)

    assert unpacked(packed(known)) == known


@given(value=st.one_of(st.none(), st.binary(max_size=60)))
def test_bytes_that_are_not_ours_are_no_sensors(value):
    assert isinstance(unpacked(value), KnownSensors)
