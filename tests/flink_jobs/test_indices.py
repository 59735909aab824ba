"""The text of the index expressions, without Flink."""

import re

import pytest

from contracts.air_quality_indices import (
    EUROPEAN_UPPER_UG_M3_BY_MEASURE,
    INDEX_MEASURES,
    NOWCAST_HOURS,
    US_SCALE_BY_MEASURE,
)
from flink_jobs.sql.indices import (
    european_aqi_sql,
    european_level_sql,
    index_measure_case,
    nowcast_sql,
    us_aqi_sql,
    us_sub_index_sql,
)

NOWCAST = nowcast_sql("hourly", keys=["country", "city"], rowtime="hour_time", mean="mean")


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_every_european_bound_leads_to_its_level(measure):
    text = european_level_sql(measure, "x")

    for level, bound in enumerate(EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure], 1):
        assert f"WHEN x <= {bound!r}E0 THEN {level}" in text
    assert text.endswith("ELSE 6 END END")


@pytest.mark.parametrize("measure", INDEX_MEASURES)
def test_every_us_breakpoint_leads_to_its_piece(measure):
    text = us_sub_index_sql(measure, "x")

    *segments, last = US_SCALE_BY_MEASURE[measure].segments()
    for segment in segments:
        assert f"<= {segment.high_steps}E0 THEN {segment.category.low} + " in text
    assert f"ELSE {last.category.low} + " in text
    assert text.count("WHEN") == 1 + len(segments)


@pytest.mark.parametrize(
    "text", [european_level_sql("pm25", "a + b"), us_sub_index_sql("pm25", "a + b"), us_aqi_sql("a + b", "c")]
)
def test_an_argument_keeps_its_own_sums_together(text):
    assert not re.search(r"a \+ b \*|a \+ b /", text)


@pytest.mark.parametrize("text", [european_aqi_sql("x", "y"), us_aqi_sql("x", "y"), NOWCAST])
def test_every_number_is_a_double_a_count_or_an_index(text):
    decimals = re.findall(r"(?<![\w.])\d+\.\d+(?![\d.E])", text)

    assert decimals == []


@pytest.mark.parametrize("text", [european_aqi_sql("x", "y"), us_aqi_sql("x", "y"), NOWCAST])
def test_no_condition_is_negated_where_null_or_nan_would_be_lost(text):
    assert not re.search(r"\bNOT \(|NOT BETWEEN|NOT IN\b", text)


def test_a_case_by_measure_has_each_measure_once():
    text = index_measure_case(lambda measure: f"<{measure}>", measure="m")

    assert text == "CASE m WHEN 'pm25' THEN <pm25> WHEN 'pm10' THEN <pm10> END"


def test_the_nowcast_groups_by_its_keys_and_picks_each_hour_by_its_age():
    assert NOWCAST.startswith("SELECT country, city, measure, window_end, nowcast\n")
    assert "GROUP BY country, city, measure, window_start, window_end" in NOWCAST
    ages = [int(age) for age in re.findall(r"window_time\) = (\d+) THEN mean END", NOWCAST)]
    assert ages == list(range(NOWCAST_HOURS))
    assert f"INTERVAL '{NOWCAST_HOURS}' HOUR" in NOWCAST


def test_the_nowcast_writes_weight_and_result_once_for_the_planner_to_keep():
    assert re.findall(r"AS once_\w+ \((\w+)\)", NOWCAST) == ["weight", "nowcast"]
