"""Which hour may be issued and scored, and when."""

from app_predict.issue_times import due_issue_s, hours_to_score, is_complete
from forecasting.hourly_table import HOUR_S
from tests.app_predict.builders import NOON_S, hours_before


def test_an_hour_is_issued_twenty_minutes_after_it_began():
    assert due_issue_s(NOON_S + 20 * 60 - 1, minute=20) == hours_before(1)
    assert due_issue_s(NOON_S + 20 * 60, minute=20) == NOON_S


def test_an_hour_with_fewer_sensors_than_usual_is_not_complete():
    assert not is_complete([100, 110, 90, 60], share=0.8)
    assert is_complete([100, 110, 90, 85], share=0.8)


def test_an_outage_in_the_day_before_does_not_make_a_thin_hour_complete():
    assert not is_complete([100, 100, 100, 0, 0, 10], share=0.8)


def test_the_first_hour_ever_is_complete_once_it_has_a_sensor():
    assert not is_complete([0, 0, 0], share=0.8)
    assert is_complete([0, 0, 3], share=0.8)


def test_each_hour_is_scored_once_and_a_stop_is_caught_up_with():
    hours = hours_to_score(hours_before(4), issued_at_s=NOON_S, oldest_s=hours_before(24))

    assert list(hours) == [hours_before(3), hours_before(2), hours_before(1)]
    assert not hours_to_score(hours_before(1), issued_at_s=NOON_S, oldest_s=hours_before(24))


def test_hours_that_cannot_be_looked_up_any_more_are_not_scored():
    hours = hours_to_score(hours_before(400), issued_at_s=NOON_S, oldest_s=hours_before(2))

    assert list(hours) == [NOON_S - 2 * HOUR_S, NOON_S - HOUR_S]
