"""Bands that hold too few truths are stretched until they hold their share."""

import numpy as np
import pytest

from app_predict.calibration import DAYS_KEPT, Calibration, repaired
from contracts.forecasts import QUANTILES
from forecasting.calibration import FACTOR_MAX, FACTOR_MIN, GROUPS

RANDOM = np.random.default_rng(7)
# The quantiles of a normal distribution.
NORMAL = np.array([-1.645, -1.2816, -0.8416, -0.5244, -0.2533, 0.0, 0.2533, 0.5244, 0.8416, 1.2816, 1.645])


def forecasts_of(truth, *, spread):
    """Forecasts centred on 0 whose spread is too small or too large for truths of spread 1."""
    return np.tile((NORMAL * spread).astype(np.float32), (len(truth), 1))


def calibrated(*, spread, days=DAYS_KEPT, a_day=500):
    calibration = Calibration()
    for day in range(days):
        truth = RANDOM.normal(size=a_day).astype(np.float32)
        calibration.add(day, forecasts_of(truth, spread=spread), truth, np.arange(a_day) % GROUPS)
    return calibration


@pytest.mark.parametrize("spread", [0.6, 1.0])
def test_after_repair_each_quantile_has_its_share_of_new_truths_below(spread):
    factors = calibrated(spread=spread).factors()
    truth = RANDOM.normal(size=20_000).astype(np.float32)

    after = repaired(forecasts_of(truth, spread=spread), factors[0], measure="temperature")

    assert (truth[:, None] <= after).mean(axis=0) == pytest.approx(QUANTILES, abs=0.03)


def test_a_band_that_held_too_much_is_narrowed_by_a_tenth_at_most():
    factors = calibrated(spread=1.6).factors()

    assert (factors >= FACTOR_MIN).all()
    assert (factors[:, 0] < 1.0).all()


def test_the_median_stays_and_the_order_holds_whatever_the_factors():
    quantiles = RANDOM.normal(size=(50, len(QUANTILES))).astype(np.float32)
    quantiles.sort(axis=-1)
    factors = RANDOM.uniform(0.5, FACTOR_MAX, size=len(QUANTILES))

    after = repaired(quantiles, factors, measure="temperature")

    assert (np.diff(after, axis=-1) >= 0).all()
    assert np.allclose(after[:, 5], quantiles[:, 5], atol=1e-6)


def test_dust_is_repaired_by_its_logarithm_and_stays_within_its_range():
    quantiles = np.expm1(np.linspace(0.1, 1.1, len(QUANTILES), dtype=np.float32))[None]

    after = repaired(quantiles, np.full(len(QUANTILES), FACTOR_MAX), measure="pm25")

    assert after[0, 0] == 0.0
    assert np.log1p(after[0, -1]) == pytest.approx(0.6 + 0.5 * FACTOR_MAX, abs=1e-3)


def test_a_factor_goes_its_way_with_the_days():
    few, many = (calibrated(spread=0.5, days=days, a_day=3_000).factors()[0, 0] for days in (1, 20))

    assert 1.0 < few < 1.3 < many < 2.1


def test_bands_are_left_as_they_are_while_nothing_is_known():
    quantiles = forecasts_of(np.ones(3), spread=1.0)

    assert np.array_equal(repaired(quantiles, Calibration().factors()[0], measure="pm10"), quantiles)


def test_a_group_of_horizons_with_few_truths_is_left_as_it_is():
    calibration, few = Calibration(), np.ones(10, dtype=np.float32)
    for day in range(5):
        calibration.add(day, forecasts_of(few, spread=0.1), few, np.zeros(10, dtype=int))

    assert (calibration.factors() == 1.0).all()


def test_days_before_the_last_sixty_are_forgotten():
    assert len(calibrated(spread=1.0, days=DAYS_KEPT + 5, a_day=1).histogram_by_day) == DAYS_KEPT


def test_a_band_without_width_and_a_truth_beyond_all_measure_count_as_the_worst():
    calibration = Calibration()
    flat = np.zeros((300, len(QUANTILES)), dtype=np.float32)
    for day in range(3):
        calibration.add(day, flat, np.full(300, 1e30, dtype=np.float32), np.zeros(300, dtype=int))

    factors = calibration.factors()

    assert np.isfinite(factors).all()
    assert factors.max() <= FACTOR_MAX
