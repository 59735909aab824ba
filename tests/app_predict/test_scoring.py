"""Forecasts against their truth."""

import numpy as np
import pytest

from app_predict.issue import issues_about
from app_predict.scoring import scored, skills
from contracts.forecasts import HORIZON_H, QUANTILES, Method
from forecasting.calibration import GROUPS
from tests.app_predict.builders import NOON_S, a_truth, an_issue, hours_before


def the_skill(issues, truth):
    (skill,) = skills("temperature", truth.valid_at_s, scored(issues, truth))
    return skill


def test_error_bias_and_skill_are_of_the_median_against_each_baseline():
    skill = the_skill([an_issue(median=10.0, blend=12.0, last=7.0)], a_truth(values=(11.0, 8.0)))

    assert (skill.count, skill.mae, skill.bias) == (2, 1.5, 0.5)
    assert skill.skill_blend == pytest.approx(1 - 3 / 5)  # |12 - 11| + |12 - 8|
    assert skill.skill_naive == pytest.approx(1 - 3 / 5)
    assert skill.skill_seasonal_naive == pytest.approx(1 - 3 / 9, abs=1e-4)
    assert skill.mase == pytest.approx(0.75)


def test_coverage_counts_the_truths_within_the_band():
    # q10 and q90 are 4 away from the median
    assert the_skill([an_issue(median=10.0)], a_truth(values=(13.0, 15.0))).coverage_80 == 0.5


def test_wql_is_zero_for_a_forecast_without_error_and_grows_with_it():
    exact = an_issue(median=10.0)
    exact.quantiles[:] = 10.0

    assert the_skill([exact], a_truth()).wql == 0.0
    # All nine quantiles 1 too high: twice the mean of 1 - level, over truths of 9.
    assert the_skill([exact], a_truth(values=(9.0, 9.0))).wql == pytest.approx(1 / 9, abs=1e-4)


def test_an_hour_is_told_by_the_issues_of_a_day_each_at_its_horizon():
    issues = [an_issue(issued_at_s=issued_at_s) for issued_at_s in issues_about(NOON_S)]

    found = {s.horizon_group: s.count for s in skills("temperature", NOON_S, scored(issues, a_truth()))}

    assert found == {"h01": 2, "h02-03": 4, "h04-06": 6, "h07-12": 12, "h13-24": 24}


def test_an_issue_that_does_not_speak_of_the_hour_is_left_out():
    too_old, later = an_issue(issued_at_s=hours_before(HORIZON_H)), an_issue(issued_at_s=NOON_S + 3600)

    assert len(scored([too_old, later], a_truth())) == 0


def test_a_sensor_without_truth_or_unknown_to_it_is_not_scored():
    issue = an_issue(sensor_ids=(1, 2, 9))

    of_hour = scored([issue], a_truth(sensor_ids=(1, 2), values=(10.0, np.nan)))

    assert len(of_hour) == 1
    assert len(scored([issue], a_truth(sensor_ids=(), values=()))) == 0


def test_methods_are_told_apart():
    issues = [an_issue(sensor_ids=(1,)), an_issue(sensor_ids=(2,), method=Method.BLEND, model="blend")]

    found = [(s.method, s.model) for s in skills("temperature", NOON_S, scored(issues, a_truth()))]

    assert found == [(Method.RNN, "v1"), (Method.BLEND, "blend")]


def test_a_baseline_that_is_missing_or_without_error_gives_no_skill():
    skill = the_skill([an_issue(blend=np.nan, last=10.0)], a_truth())

    assert skill.skill_blend is None
    assert skill.skill_naive is None


def test_published_bands_are_scored_and_those_before_repair_kept_beside_them():
    wider = {"v1": np.full((GROUPS, len(QUANTILES)), 1.2)}
    of_hour = scored([an_issue(factors_by_model=wider)], a_truth())

    assert of_hour.quantiles[0, 0] == pytest.approx(10 - 5 - 1)
    assert of_hour.before_repair[0, 0] == pytest.approx(10 - 5)


def test_what_is_published_stays_within_the_range_of_the_measure():
    wider = {"v1": np.full((GROUPS, len(QUANTILES)), 2.0)}

    published = an_issue(measure="pm25", median=5.0, factors_by_model=wider).published

    assert published.min() == 0.0
    assert (np.diff(published, axis=-1) >= 0).all()
