"""The limit on the series of a bucket."""

from collector.series_guard import HOUR_S, SeriesGuard
from runtime.clock import SettableClock


def a_guard(clock=None, **limits):
    limits = {"series_max": 100, "new_per_hour_max": 100, **limits}
    return SeriesGuard(clock=clock or SettableClock(0), **limits)


def series_of(*sensors):
    return [rf"air,city=San\ José,sensor_id={sensor}" for sensor in sensors]


def test_what_is_there_goes_on_and_what_is_new_beyond_the_limit_does_not():
    guard = a_guard(series_max=2)
    guard.know(series_of(1, 2))

    assert guard.refused(series_of(1, 3, 2, 3)) == [1, 3]
    assert guard.series == 2


def test_so_many_new_ones_come_in_an_hour_and_as_many_in_the_next():
    clock = SettableClock(0)
    guard = a_guard(clock, new_per_hour_max=2)
    guard.know(series_of(1))

    assert guard.refused(series_of(1, 2, 3, 4)) == [3]
    assert guard.new_in_hour == 2
    clock.advance(HOUR_S)
    assert guard.refused(series_of(4)) == []


def test_before_it_knows_what_is_there_only_the_buckets_limit_holds():
    guard = a_guard(series_max=3, new_per_hour_max=1)

    assert guard.refused(series_of(1, 2, 3, 4)) == [3]
