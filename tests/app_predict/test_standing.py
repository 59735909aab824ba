"""Below the blend for a day is an alert, for two days the end."""

from app_predict.standing import HourOfErrors, Standing, standing_of, with_hour


def after(hours, *, error, standing=None):
    standing = standing or Standing("v1")
    for hour in range(hours):
        standing = with_hour(standing, HourOfErrors(hour * 3600, error, 1.0))
    return standing


def test_a_champion_above_the_blend_stands():
    standing = after(200, error=0.9)

    assert not standing.is_alert
    assert not standing.is_demoted
    assert standing.skill is not None
    assert round(standing.skill, 6) == 0.1


def test_nothing_is_said_before_a_day_was_scored():
    assert after(23, error=9.0).skill is None
    assert after(23, error=9.0).below_h == 0


def test_a_day_below_raises_the_alert_and_two_demote():
    assert after(24 + 22, error=1.1).below_h == 23
    assert after(24 + 23, error=1.1).is_alert
    assert not after(24 + 46, error=1.1).is_demoted
    assert after(24 + 47, error=1.1).is_demoted


def test_a_bad_night_is_forgiven():
    standing = after(8, error=1.5, standing=after(48, error=0.7))

    assert standing.below_h == 0


def test_a_demoted_champion_stays_demoted_and_another_version_begins_anew():
    demoted = after(24, error=0.1, standing=after(100, error=2.0))

    assert standing_of("v1", demoted).is_demoted
    assert standing_of("v2", demoted) == Standing("v2")
