"""The tables agree with themselves, and the functions with what was published."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.air_quality_indices import (
    CONCENTRATION_UG_M3_MAX,
    EUROPEAN_CATEGORIES,
    EUROPEAN_UPPER_UG_M3_BY_MEASURE,
    INDEX_MEASURES,
    LIMITS,
    NOWCAST_HOURS,
    US_CATEGORIES,
    US_SCALE_BY_MEASURE,
    UsScale,
    category,
    european_aqi,
    european_level,
    nowcast,
    us_aqi,
    us_sub_index,
)
from contracts.measures import MEASURE_BY_NAME

MISSING = [None, math.nan, math.inf, -math.inf, -0.1, CONCENTRATION_UG_M3_MAX * 2]
EUROPEAN_BOUNDS = [
    (measure, bound, level)
    for measure, bounds in EUROPEAN_UPPER_UG_M3_BY_MEASURE.items()
    for level, bound in enumerate(bounds, 1)
]
US_BREAKPOINTS = [
    (measure, low, high, step)
    for measure, scale in US_SCALE_BY_MEASURE.items()
    for (low, high), step in zip(scale.breakpoints_ug_m3, US_CATEGORIES, strict=True)
]
# "The NowCast for PM2.5 and PM10", AirNow Tech forum, newest first: a NowCast of 28.4 µg/m³, an AQI of 85.
AIRNOW_HOURS = [21, None, 35, 49.2, 48.6, 53.7, 66.2, 69.2, 64.9, 50, 43, 34.9]
# The breakpoints of PM2.5 in earlier years, in which the published examples are told.
PM25_UNTIL_2024 = UsScale(
    10, ((0.0, 12.0), (12.1, 35.4), (35.5, 55.4), (55.5, 150.4), (150.5, 250.4), (250.5, 500.4))
)
PM25_UNTIL_2012 = UsScale(
    10, ((0.0, 15.4), (15.5, 40.4), (40.5, 65.4), (65.5, 150.4), (150.5, 250.4), (250.5, 500.4))
)

concentrations = st.floats(0, 3000)
series = st.lists(st.one_of(st.none(), concentrations), max_size=15)


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_the_tables_name_known_measures_in_their_unit(measure):
    assert MEASURE_BY_NAME[measure].unit == "µg/m³"
    assert set(EUROPEAN_UPPER_UG_M3_BY_MEASURE) == set(US_SCALE_BY_MEASURE)
    assert {limit.measure for limit in LIMITS} == set(INDEX_MEASURES)


@pytest.mark.parametrize("categories", [EUROPEAN_CATEGORIES, US_CATEGORIES])
def test_categories_follow_each_other_without_a_gap(categories):
    assert len(categories) == 6
    for better, worse in pairwise(categories):
        assert worse.low == better.high + 1
    assert all(re.fullmatch("#[0-9A-F]{6}", step.colour) for step in categories)
    assert len({step.colour for step in categories} | {step.name for step in categories}) == 12


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_us_breakpoints_follow_each_other_without_a_gap(measure):
    segments = US_SCALE_BY_MEASURE[measure].segments()

    assert segments[0].low_steps == 0
    for better, worse in pairwise(segments):
        assert worse.low_steps == better.high_steps + 1


@pytest.mark.parametrize(("measure", "bound", "level"), EUROPEAN_BOUNDS)
def test_a_european_bound_belongs_to_the_better_level(measure, bound, level):
    assert european_level(measure, bound) == level
    assert european_level(measure, math.nextafter(bound, math.inf)) == level + 1


def test_the_european_aqi_is_the_worst_level_of_those_present():
    assert european_aqi(0.0, 0.0) == 1
    assert european_aqi(16.0, 16.0) == 3
    assert european_aqi(4.0, 271.0) == 6
    assert european_aqi(None, 16.0) == european_aqi(math.nan, 16.0) == 2
    assert european_aqi(140.1, None) == 6
    assert european_aqi(None, None) is None


@pytest.mark.parametrize(("measure", "low", "high", "step"), US_BREAKPOINTS)
def test_a_us_breakpoint_has_the_index_of_its_categorys_end(measure, low, high, step):
    almost_next = high + 0.999 / US_SCALE_BY_MEASURE[measure].steps_per_ug_m3

    assert us_sub_index(measure, low) == step.low
    assert us_sub_index(measure, high) == step.high
    if step is not US_CATEGORIES[-1]:
        assert us_sub_index(measure, almost_next) == step.high


@pytest.mark.parametrize(
    ("measure", "concentration", "index"),
    [
        ("pm25", 35.9, 102),  # 49 / 19.9 × 0.4 + 101 = 101.98
        ("pm25", 28.4, 87),  # 49 / 26.3 × 19.3 + 51 = 86.96
        ("pm25", 4.5, 25),
        ("pm25", 425.4, 699),  # 199 / 99.9 × 199.9 + 301 = 699.2
        ("pm10", 100.0, 73),  # 49 / 99 × 45 + 51 = 73.27
        ("pm10", 783.0, 699),  # 199 / 179 × 358 + 301 = 699
    ],
)
def test_between_breakpoints_the_index_is_on_a_line_that_goes_on_above_500(measure, concentration, index):
    assert us_sub_index(measure, concentration) == index


def test_the_equation_gives_the_indices_that_were_published():
    assert PM25_UNTIL_2024.index(28.4) == 85  # AirNow Tech, of AIRNOW_HOURS
    assert PM25_UNTIL_2012.index(54.4) == 128  # EPA's example of several pollutants, told by ciese.org


def test_the_us_aqi_is_the_highest_sub_index_of_those_present():
    assert us_aqi(35.9, 100.0) == 102
    assert us_aqi(9.0, 100.0) == us_aqi(None, 100.0) == us_aqi(math.nan, 100.0) == 73
    assert us_aqi(0.0, None) == 0
    assert us_aqi(None, None) is None


def test_a_category_holds_both_its_ends_and_the_last_has_none():
    for categories in (EUROPEAN_CATEGORIES, US_CATEGORIES):
        for step in categories:
            assert category(step.low, categories) == category(step.high, categories) == step
    assert category(700, US_CATEGORIES).name == "Hazardous"


@pytest.mark.parametrize("missing", MISSING)
@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_what_is_missing_has_no_index(measure, missing):
    assert european_level(measure, missing) is None
    assert us_sub_index(measure, missing) is None


@pytest.mark.parametrize("measure", INDEX_MEASURES)
@given(one=concentrations, other=concentrations)
def test_more_is_never_better(measure, one, other):
    less, more = sorted((one, other))

    assert european_level(measure, less) <= european_level(measure, more)
    assert us_sub_index(measure, less) <= us_sub_index(measure, more)


@pytest.mark.parametrize("measure", INDEX_MEASURES)
@given(concentration=concentrations)
def test_truncating_before_changes_no_us_index(measure, concentration):
    scale = US_SCALE_BY_MEASURE[measure]
    truncated = scale.truncated_steps(concentration) / scale.steps_per_ug_m3

    assert us_sub_index(measure, truncated) == us_sub_index(measure, concentration)


def test_the_nowcast_is_the_one_that_airnow_published():
    assert nowcast("pm25", AIRNOW_HOURS) == 28.4
    assert nowcast("pm10", AIRNOW_HOURS) == 28.0


def test_the_nowcast_weighs_by_the_range_but_not_below_a_half():
    assert nowcast("pm25", [10.0, 20.0]) == 13.3  # (10 + 20 / 2) / (1 + 1 / 2)
    assert nowcast("pm25", [1.0, 20.0]) == 7.3  # the same weight: 11 / 1.5
    assert nowcast("pm25", [20.0, 16.0]) == 18.2  # (20 + 16 × 0.8) / 1.8


def test_the_nowcast_of_steady_air_is_that_air():
    assert sum([9.1] * 12) / 12 < 9.1  # the hair that truncation must not turn into a step
    assert nowcast("pm25", [9.1] * 12) == 9.1
    assert nowcast("pm25", [0.0] * 12) == 0.0


@pytest.mark.parametrize("missing", MISSING)
def test_the_nowcast_needs_two_of_the_newest_three_hours(missing):
    for recent in ([missing, 5.0, 5.0], [5.0, missing, 5.0], [5.0, 5.0, missing]):
        assert nowcast("pm25", recent + [5.0] * 9) == nowcast("pm25", recent) == 5.0
    for recent in ([missing, missing, 5.0], [missing, 5.0, missing], [5.0, missing, missing], [missing] * 3):
        assert nowcast("pm25", recent + [5.0] * 9) is None
    assert nowcast("pm25", []) is nowcast("pm25", [5.0]) is None


@given(hours=series)
def test_the_nowcast_lies_between_the_lowest_and_the_highest_hour(hours):
    value = nowcast("pm25", hours)

    if value is not None:
        known = [mean for mean in hours[:NOWCAST_HOURS] if mean is not None]
        assert min(known) - 0.1 <= value <= max(known) + 1e-4


@given(hours=st.lists(concentrations, min_size=12, max_size=12), older=series)
def test_the_thirteenth_hour_does_not_count(hours, older):
    assert nowcast("pm25", hours + older) == nowcast("pm25", hours)


@pytest.mark.parametrize("source", ["WHO 2021", "EU", "EU from 2030"])
def test_a_source_limits_a_measure_and_period_once_and_a_year_more_than_a_day(source):
    by_name = {(limit.measure, limit.period): limit.ug_m3 for limit in LIMITS if limit.source == source}

    assert len(by_name) == sum(limit.source == source for limit in LIMITS)
    assert {period for _, period in by_name} == {"day", "year"}
    for measure in INDEX_MEASURES:
        assert by_name[measure, "year"] < by_name.get((measure, "day"), math.inf)
