"""A model in use: every series gets the method that its last day allows, and no input breaks it."""

import numpy as np
import pytest

from contracts.forecasts import HORIZON_H, QUANTILES, Method
from contracts.measures import MEASURE_BY_NAME
from forecasting.baselines import CHANGES_H, WEEK_H
from forecasting.bundle import ModelBundle
from forecasting.card import BaselineCard, TrainingRanges, decoded_card, encoded_card
from forecasting.features import Covariate
from tests.forecasting.builders import a_card, a_daily_wave, a_spec, a_table, an_anchored_network

MEDIAN = QUANTILES.index(0.5)
NAN = np.nan


def a_bundle(**members):
    return ModelBundle(a_card(**members), an_anchored_network)


def predicted(values, **members):
    return a_bundle(**members).predict(a_table(values))


def test_a_well_known_series_is_forecast_by_the_network():
    found = predicted(a_daily_wave())

    assert found.methods == [Method.RNN] * 3
    assert found.quantiles.shape == (3, HORIZON_H, len(QUANTILES))
    assert (np.diff(found.quantiles, axis=-1) >= 0).all()


def test_a_series_of_less_than_a_week_is_cold_and_takes_its_neighbours_hours():
    values = a_daily_wave(count=4)
    values[0, :-30] = NAN

    found = predicted(values)

    assert found.methods == [Method.RNN_COLD, *[Method.RNN] * 3]
    # Its neighbours know the wave of the day, of which it has seen one.
    assert np.abs(found.quantiles[0, :, MEDIAN] - found.quantiles[1, :, MEDIAN]).max() < 1.5


def test_a_network_may_start_from_how_the_day_went():
    # Of all changes the one of the last hour counts, once more for each hour to come.
    goes_on = [[-(hour + 1.0)] + [0.0] * len(CHANGES_H) for hour in range(HORIZON_H)]
    level = [[0.0] * len(QUANTILES)] * HORIZON_H
    trend = BaselineCard("trend", [[1.0, 0.0, 0.0]] * HORIZON_H, level, tendency=goes_on)
    rising = np.arange(WEEK_H, dtype=np.float32)[None] / 10

    card = decoded_card(encoded_card(a_card(measure="temperature", anchor=trend)))
    found = ModelBundle(card, an_anchored_network).predict(a_table(rising, measure="temperature"))

    assert found.methods == [Method.RNN]
    np.testing.assert_allclose(
        found.quantiles[0, :, MEDIAN], rising[0, -1] + np.arange(1, HORIZON_H + 1) / 10, atol=1e-3
    )


def test_a_level_or_spread_outside_of_the_training_is_left_to_the_blend():
    values = np.concatenate([a_daily_wave(count=2), 20 * a_daily_wave(count=1)])

    found = predicted(values, ranges=TrainingRanges((1.0, 4.0), (0.0, 1.0)))

    assert found.methods == [Method.RNN, Method.RNN, Method.BLEND]


def test_few_hours_are_moved_towards_the_neighbours():
    values = a_daily_wave(count=4, level=10.0, height=0.0)
    values[0] = NAN
    values[0, -3:] = 50.0

    found = predicted(values)

    assert found.methods[0] == Method.BLEND_SPARSE
    assert 10.0 < found.quantiles[0, 0, MEDIAN] < 30.0


def test_any_number_of_threads_says_the_same(monkeypatch):
    monkeypatch.setattr("forecasting.bundle.CHUNK", 7)
    monkeypatch.setattr("forecasting.neighbours.CHUNK", 5)
    monkeypatch.setattr("forecasting.neighbours.CELLS", 5 * WEEK_H)
    table = a_table(a_daily_wave(count=40))

    alone, together = (
        ModelBundle(a_card(), an_anchored_network, threads).predict(table) for threads in (1, 3)
    )

    np.testing.assert_array_equal(alone.quantiles, together.quantiles)
    assert together.sensor_ids.tolist() == table.sensor_ids.tolist()


def test_a_network_may_read_how_far_its_neighbours_lie_apart():
    read = []

    def noted(inputs):
        read.append(inputs[0])
        return an_anchored_network(inputs)

    values = np.log1p(np.tile([[10.0], [20.0], [30.0], [40.0], [50.0]], WEEK_H))
    table = a_table(np.expm1(values))
    for has_quartiles in (False, True):
        spec = a_spec(has_quartiles=has_quartiles)
        ModelBundle(decoded_card(encoded_card(a_card(features=spec))), noted).predict(table)
        assert read[-1].shape == (5, 24, spec.past_channels)

    plain, apart = read
    np.testing.assert_array_equal(apart[..., : plain.shape[-1]], plain)
    low, high = np.quantile(values[1:, 0], (0.25, 0.75))
    # Of a still series the spread is the floor, 0.1, and what is further than 8 of it is "far".
    expected = np.clip((np.array([low, high]) - values[0, 0]) / 0.1, -8, 8)
    np.testing.assert_allclose(apart[0, -1, -2:], expected, atol=1e-3)


def test_what_a_city_does_not_measure_at_all_is_missing():
    spec = a_spec(covariates=(Covariate("humidity", 70.0, 10.0), Covariate("pressure", 0.0, 1.0, True)))
    values = a_daily_wave()
    bundle = ModelBundle(a_card(measure="temperature", features=spec), an_anchored_network)

    found = bundle.predict(a_table(values, measure="temperature", covariates={"humidity": values + 60}))

    assert found.methods == [Method.RNN] * 3
    assert np.isfinite(found.quantiles).all()


def test_a_silent_series_has_no_forecast():
    values = a_daily_wave()
    values[1, -24:] = NAN

    found = predicted(values)

    assert found.methods[1] is None
    assert np.isnan(found.quantiles[1]).all()


def test_a_champion_that_is_a_baseline_is_the_method_blend():
    bundle = ModelBundle(a_card(kind="blend", baseline=a_card().blend))

    assert bundle.predict(a_table(a_daily_wave())).methods == [Method.BLEND] * 3


def test_the_network_may_be_forbidden():
    found = a_bundle().predict(a_table(a_daily_wave()), allows_network=False)

    assert found.methods == [Method.BLEND] * 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: np.full_like(values, NAN),
        lambda values: np.full_like(values, 7.0),
        lambda values: np.full_like(values, 1e30),
        lambda values: np.where(values > 15, np.inf, values),
        lambda values: -values,
        lambda values: np.where(np.arange(values.shape[1]) > 100, values * 1000, values),
        lambda values: np.where(np.arange(values.shape[1]) % 2, values, NAN),
        lambda values: values[:0],
    ],
    ids=["gaps", "constant", "1e30", "infinite", "negative", "unit jump", "holes", "no sensor"],
)
@pytest.mark.parametrize("measure", ["pm25", "temperature", "pressure"])
def test_broken_input_never_gives_a_broken_forecast(spoil, measure):
    bundle = a_bundle(measure=measure, ranges=TrainingRanges((0.0, 1100.0), (0.0, 50.0)))

    found = bundle.predict(a_table(spoil(a_daily_wave()), measure=measure))

    known = MEASURE_BY_NAME[measure]
    for method, quantiles in zip(found.methods, found.quantiles, strict=True):
        if method is None:
            assert np.isnan(quantiles).all()
        else:
            assert np.isfinite(quantiles).all()
            assert ((quantiles >= known.low) & (quantiles <= known.high)).all()
            assert (np.diff(quantiles, axis=-1) >= 0).all()
