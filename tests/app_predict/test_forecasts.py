"""Every sensor gets a forecast by the method that its last hours allow, whatever they are."""

import numpy as np
import pytest

from app_predict.forecasts import NOTHING_OBSERVED, made, messages
from app_predict.hourly_source import SensorTags
from app_predict.recent_hours import RecentHours
from app_predict.stopgap import fitted_blend
from contracts.forecasts import HORIZON_H, QUANTILES, Method
from forecasting.bundle import ModelBundle
from forecasting.card import TrainingRanges
from forecasting.hourly_table import HOUR_S
from tests.app_predict.hours import HOURS, rows_of
from tests.forecasting.builders import a_card, a_daily_wave, an_anchored_network

RANGES = TrainingRanges(level=(0.5, 5.0), spread=(0.0, 3.0))


def a_table(values, *, measure="pm25"):
    hours = RecentHours((measure,), starts_at_s=0, hours=HOURS)
    hours.add(rows_of(values, measure=measure))
    return hours.table(measure).where_they_are()


def a_champion(network=an_anchored_network):
    return ModelBundle(a_card(ranges=RANGES), network)


def a_wave(count=1):
    return a_daily_wave(count, HOURS)


def made_of(values, *, bundle=None, allows_network=True):
    return made(bundle or a_champion(), a_table(values), {}, allows_network=allows_network)


def changed(change):
    """Ten sensors, of which the last is changed."""
    values = a_wave(10).astype(np.float64)
    change(values[-1])
    return values


def all_gaps(values):
    values[:] = np.nan


def constant(values):
    values[:] = 12.0  # a sensor that hangs: nothing is known


def beyond_all_measure(values):
    values[-30:] = 1e30


def silent_since_ten_hours(values):
    values[-10:] = np.nan


def nearly_silent(values):
    values[-24:] = np.nan
    values[-3] = 15.0


def new_since_two_days(values):
    values[:-48] = np.nan


def far_outside_of_training(values):
    values[:] = values * 40


def in_another_unit(values):
    values[-12:] = values[-12:] * 1000  # no dust is like that: these hours are missing


@pytest.mark.parametrize(
    ("change", "method"),
    [
        (silent_since_ten_hours, Method.RNN),
        (new_since_two_days, Method.RNN_COLD),
        (far_outside_of_training, Method.BLEND),
        (in_another_unit, Method.RNN),
        (nearly_silent, Method.BLEND_SPARSE),
        (beyond_all_measure, None),
        (constant, None),
        (all_gaps, None),
    ],
)
def test_broken_input_costs_its_sensor_at_most_and_gives_no_nonsense(change, method):
    result = made_of(changed(change))

    by_sensor = dict(zip(result.issue.sensor_ids.tolist(), result.issue.methods.tolist(), strict=True))
    published = result.issue.published
    assert [by_sensor[number] for number in range(1, 10)] == ["rnn"] * 9
    assert np.isfinite(published).all()
    assert (np.diff(published, axis=-1) >= 0).all()
    assert published.min() >= 0.0
    assert by_sensor.get(10) == method


def test_a_sensor_without_an_hour_of_the_last_day_is_counted_with_the_reason():
    def since_yesterday(values):
        values[-24:] = np.nan

    result = made_of(changed(since_yesterday))

    assert result.skipped == {NOTHING_OBSERVED: 1}
    assert 10 not in result.issue.sensor_ids


def test_a_network_that_answers_no_numbers_is_stood_in_for_by_the_blend():
    def broken(inputs):
        answer = an_anchored_network(inputs)
        answer[0] = np.nan
        return answer

    result = made_of(a_wave(3), bundle=a_champion(broken))

    assert result.issue.methods.tolist() == ["blend", "rnn", "rnn"]
    assert np.isfinite(result.issue.published).all()


def test_a_demoted_champion_is_not_asked():
    result = made_of(a_wave(3), allows_network=False)

    assert set(result.issue.methods.tolist()) == {"blend"}
    assert set(result.issue.models.tolist()) == {"blend"}
    assert np.allclose(result.issue.blend, result.issue.quantiles[..., QUANTILES.index(0.5)])


def test_the_share_of_sensors_outside_of_training_is_told():
    assert made_of(changed(far_outside_of_training)).out_of_domain == pytest.approx(0.1)


def test_messages_say_who_when_how_and_what():
    issue = made_of(a_wave(2)).issue

    first, second = messages(issue, {1: SensorTags("SDS011", "GB", "Aberdeen")})

    assert (first.sensor_id, first.city, second.city) == (1, "Aberdeen", None)
    assert first.issued_at_s == HOURS * HOUR_S
    assert (first.method, first.model) == (Method.RNN, a_card().version)
    assert [len(first.quantiles), len(first.quantiles[0])] == [HORIZON_H, len(QUANTILES)]
    assert np.allclose(first.quantiles, issue.published[0], atol=1e-3)


def test_without_a_champion_the_blend_is_fitted_on_the_hours_themselves():
    table = a_table(a_wave(12))

    result = made(fitted_blend(table), table, {}, allows_network=True)

    # The wave repeats itself each day, and the fit has found that.
    expected = 15 + 5 * np.sin(2 * np.pi * (HOURS + np.arange(HORIZON_H)) / 24)
    assert set(result.issue.methods.tolist()) == {"blend"}
    assert np.abs(result.issue.blend.mean(axis=0) - expected).max() < 0.5


def test_too_few_hours_make_no_blend():
    values = a_wave(2)
    values[:, :-30] = np.nan

    assert fitted_blend(a_table(values)) is None
    assert fitted_blend(a_table(np.full((1, HOURS), np.nan))) is None
