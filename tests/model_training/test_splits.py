"""Which forecasts are trained on, validated on, tested on; nothing of one is seen by another."""

import numpy as np
import pytest

from contracts.errors import BadInputError
from contracts.forecasts import HORIZON_H
from forecasting.hourly_table import HOUR_S
from model_training.protocols import BEIJING, Protocol, by_time, utc_s
from model_training.splits import origins, split_by_month_ends, split_by_time
from model_training.tables import Data, fingerprint
from tests.forecasting.builders import MONDAY_S, a_table

WHOLE = np.ones(2, dtype=bool)


def a_month(count=2, days=40):
    return a_table(np.arange(count * days * 24, dtype=float).reshape(count, -1) % 97 + 1)


def at_s(day):
    return MONDAY_S + day * 24 * HOUR_S


def test_no_truth_of_training_lies_in_validation():
    split = split_by_time(
        a_month(), series=WHOLE, validation_from_s=at_s(20), until_s=at_s(30), validation_step=5
    )

    assert (split.train.columns + HORIZON_H).max() <= 20 * 24
    assert split.validation.columns.min() == 20 * 24
    assert (split.validation.columns + HORIZON_H).max() <= 30 * 24


def test_a_forecast_that_touches_a_months_end_is_not_trained_on():
    table = a_month(days=60)
    split = split_by_month_ends(
        table, series=WHOLE, year_from_s=at_s(0), until_s=at_s(60), first_day=24, step=1
    )
    starts = table.hour_starts_s().astype("datetime64[s]").astype("datetime64[D]")
    day = (starts - starts.astype("datetime64[M]").astype("datetime64[D]")).astype(int) + 1

    for column in split.train.columns:
        assert (day[column : column + HORIZON_H] < 24).all()
    for column in split.validation.columns:
        assert (day[column : column + HORIZON_H] >= 24).all()


def test_origins_want_half_a_day_and_something_to_be_right_about():
    values = np.full((1, 100), 5.0)
    values[0, 30:50] = np.nan

    found = origins(values, series=np.ones(1, bool), first=0, end=100, step=1).columns

    assert 11 not in found  # eleven hours are known
    assert 12 in found
    assert 45 not in found  # its last day has nine
    assert found.max() == 100 - HORIZON_H


def test_left_out_places_are_chosen_by_location_or_by_sensor():
    table = a_month()
    data = Data(table, np.array([8, 9]), fingerprint(table, source="made up"))
    protocol = by_time("2019-05-20", "2019-06-01", "2019-06-10", "every:4")

    assert protocol.left_out(data).tolist() == [True, False]
    assert Protocol(train_until_s=0, validate_until_s=1, test_until_s=2, leave_out="sensors:2").left_out(
        data
    ).tolist() == [False, True]


@pytest.mark.parametrize("wrong", ["every:", "sensors:", "all", "every:x"])
def test_a_wrong_rule_of_places_is_told(wrong):
    table = a_month()
    data = Data(table, np.array([8, 9]), fingerprint(table, source="made up"))

    with pytest.raises(BadInputError, match="bad_leave_out"):
        Protocol(train_until_s=0, validate_until_s=1, test_until_s=2, leave_out=wrong).left_out(data)


def test_times_go_forward():
    with pytest.raises(BadInputError, match="bad_time"):
        by_time("2019-03-01", "2019-02-01", "2019-04-01", "none")


def test_beijings_test_year_begins_at_midnight_there():
    assert BEIJING.validate_until_s == utc_s("2016-02-29T16:00:00")
