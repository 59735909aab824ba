"""What a week tells, and the linear forecasts that are made of it."""

import numpy as np

from contracts.forecasts import HORIZON_H
from forecasting.baselines import BLEND, CHANGES_H, WEEK_H, fitted_baseline, fitted_trend, recent

NAN = np.nan


def ramps(count=200, *, seed=1):
    """Weeks that rise or fall steadily, each at its own rate, and how they go on."""
    rate = np.random.default_rng(seed).normal(0, 1, (count, 1))
    level = np.random.default_rng(seed + 1).normal(10, 3, (count, 1))
    hours = np.arange(WEEK_H + HORIZON_H)
    whole = level + rate * hours
    return whole[:, :WEEK_H], whole[:, WEEK_H:]


def test_the_trend_goes_on_as_the_day_went_which_the_blend_cannot_know():
    week, truth = ramps()
    unseen, to_come = ramps(seed=7)

    trend, blend = fitted_trend(recent(week), truth), fitted_baseline(BLEND, recent(week), truth)

    assert np.abs(trend.centre(recent(unseen)) - to_come).max() < 1e-6
    # The week's mean of an hour tells a ramp, too, but not how the last day went.
    bent = np.concatenate([np.zeros((1, WEEK_H - 24)), np.arange(24.0)[None]], axis=1)
    assert np.abs(blend.centre(recent(bent)) - trend.centre(recent(bent))).max() > 1


def test_a_missing_hour_counts_as_the_one_before_it():
    week = np.zeros((1, WEEK_H))
    week[0, -24:] = np.arange(24.0)
    whole = recent(week.copy()).changes[0]
    week[0, -1 - CHANGES_H[2]] = NAN

    holed = recent(week).changes[0]

    assert whole[2] == -CHANGES_H[2]
    assert holed[2] == -CHANGES_H[2] - 1
    assert holed[0] == whole[0]


def test_without_a_day_nothing_changed_and_without_a_week_nothing_is_forecast():
    week = np.full((2, WEEK_H), NAN)
    week[0, 5] = 3.0

    facts = recent(week)

    assert (facts.changes == 0).all()
    trend = fitted_trend(recent(ramps()[0]), ramps()[1])
    assert np.isfinite(trend.centre(facts)[0]).all()
    assert np.isnan(trend.centre(facts)[1]).all()


def test_the_blend_says_of_a_higher_place_the_same_and_so_much_more():
    """A mountain's pressure, a desert's heat: what one city taught holds at any level."""
    random = np.random.default_rng(3)
    weather = 10 + np.cumsum(random.normal(0, 0.3, (50, WEEK_H + HORIZON_H)), axis=1)
    week, truth = weather[:, :WEEK_H], weather[:, WEEK_H:]
    blend = fitted_baseline(BLEND, recent(week), truth)

    higher = blend.quantiles(recent(week + 1000))

    np.testing.assert_allclose(higher, blend.quantiles(recent(week)) + 1000, atol=1e-6)
    # And it is no persistence: it goes back towards the week.
    assert np.abs(blend.centre(recent(week)) - week[:, -1:]).max() > 0.5
