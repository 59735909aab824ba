"""The expressions mean on Flink what the functions of their names mean in Python."""

import datetime as dt
import json
import random
import re

import pytest

from contracts.air_quality_indices import (
    CONCENTRATION_UG_M3_MAX,
    EUROPEAN_UPPER_UG_M3_BY_MEASURE,
    INDEX_MEASURES,
    NOWCAST_HOURS,
    US_SCALE_BY_MEASURE,
    european_aqi,
    european_level,
    nowcast,
    us_aqi,
    us_sub_index,
)
from flink_jobs.sql.indices import (
    european_aqi_sql,
    european_level_sql,
    index_measure_case,
    nowcast_sql,
    us_aqi_sql,
    us_sub_index_sql,
    with_nowcast_sql,
)

pytestmark = pytest.mark.flink

BOUNDS = sorted({
    bound
    for measure in INDEX_MEASURES
    for bound in (
        *EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure],
        *(bound for pair in US_SCALE_BY_MEASURE[measure].breakpoints_ug_m3 for bound in pair),
        CONCENTRATION_UG_M3_MAX,
    )
})  # fmt: skip
OFFSETS = (-1.0, -0.1, -0.01, -1e-9, 0.0, 1e-9, 0.01, 0.09, 0.1, 1.0)
ODD = [
    None,
    -0.0,
    -1.0,
    float("nan"),
    float("inf"),
    float("-inf"),
    1e300,
    sum([9.1] * 12) / 12,
    700.0,
    2000.0,
]

HOURS = 60
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def pairs():
    """PM2.5 and PM10 (µg/m³) with every bound, both its sides, what is odd, and some hundred of any."""
    chance = random.Random(7)  # noqa: S311 - the same each run
    values = [bound + offset for bound in BOUNDS for offset in OFFSETS] + ODD
    values += [round(chance.uniform(0, 700), 4) for _ in range(400)]
    shuffled = values.copy()
    chance.shuffle(shuffled)
    return list(zip(values, shuffled, strict=True))


@pytest.fixture(scope="module")
def series():
    """Hourly means by place and measure, each with its own way of being patchy; the newest hour last."""
    chance = random.Random(11)  # noqa: S311 - the same each run

    def means(*, missing, spread):
        return [
            None if chance.random() < missing else round(chance.uniform(20, 20 + spread), 3)
            for _ in range(HOURS)
        ]

    odd = [chance.choice([*ODD, 9.1, 12.0]) for _ in range(HOURS)]
    given = {
        "steady": [9.1] * HOURS,
        "zero": [0.0] * HOURS,
        "calm": means(missing=0.2, spread=10),
        "wild": means(missing=0.3, spread=500),
        "patchy": means(missing=0.7, spread=100),
        "alone": [None] * 20 + [50.0] + [None] * (HOURS - 21),
        "odd": odd,
    }
    return {(place, measure): hours for place, hours in given.items() for measure in INDEX_MEASURES}


@pytest.fixture
def rows_of(flink, tmp_path):
    """Run a SELECT on rows (dictionaries) that Flink reads as the table `given`; the result as tuples."""

    def run(query, rows, columns, *statements):
        (tmp_path / "rows").write_text("\n".join(json.dumps(row) for row in rows))
        te = flink()
        te.execute_sql(
            f"CREATE TEMPORARY TABLE given ({columns}) WITH ('connector' = 'filesystem', "
            f"'path' = '{tmp_path / 'rows'}', 'format' = 'json')"
        )
        for statement in statements:
            te.execute_sql(statement)
        assert set(re.findall(r"changelogMode=\[([^\]]*)\]", te.explain_sql(query, *_changelog()))) == {"I"}
        with te.execute_sql(query).collect() as results:
            return [tuple(row) for row in results]

    return run


def _changelog():
    from pyflink.table import ExplainDetail  # noqa: PLC0415 - needs Java to run

    return [ExplainDetail.CHANGELOG_MODE]


def as_text(value):
    """Java's own words for a DOUBLE."""
    return None if value is None else str(value).replace("nan", "NaN").replace("inf", "Infinity")


HOURLY = (
    "place STRING, `measure` STRING, at_ms BIGINT, mean_text STRING, mean AS CAST(mean_text AS DOUBLE), "
    "event_time AS TO_TIMESTAMP_LTZ(at_ms, 3), WATERMARK FOR event_time AS event_time - INTERVAL '1' SECOND"
)


def hourly_rows(series, *, at_ms):
    """One row for each hour that is there, in the order of time."""
    start_ms = round(START.timestamp() * 1000)
    return [
        {"place": place, "measure": measure, "at_ms": start_ms + hour * HOUR_MS + at_ms,
         "mean_text": as_text(means[hour])}
        for hour in range(HOURS) for (place, measure), means in series.items() if means[hour] is not None
    ]  # fmt: skip


def expected_nowcasts(series):
    """(place, measure, end of the newest hour) to NowCast, also in the hours after the last row."""
    expected = {}
    for (place, measure), means in series.items():
        known = means + [None] * NOWCAST_HOURS
        for newest in range(len(known)):
            value = nowcast(measure, known[: newest + 1][::-1])
            if value is not None:
                end = START.replace(tzinfo=None) + dt.timedelta(hours=newest + 1)
                expected[place, measure, end] = value
    return expected


def test_the_indices_agree_with_python(rows_of, pairs):
    x, y = "CAST(x AS DOUBLE)", "CAST(y AS DOUBLE)"
    query = f"""
      SELECT n, {european_level_sql("pm25", "pm25")}, {european_level_sql("pm10", "pm10")},
        {european_aqi_sql("pm25", "pm10")}, {us_sub_index_sql("pm25", "pm25")},
        {us_sub_index_sql("pm10", "pm10")}, {us_aqi_sql("pm25", "pm10")}
      FROM (SELECT n, {x} AS pm25, {y} AS pm10 FROM given)"""
    given = [{"n": n, "x": as_text(x), "y": as_text(y)} for n, (x, y) in enumerate(pairs)]

    found = rows_of(query, given, "n INT, x STRING, y STRING")

    assert len(pairs) > 700
    assert sorted(found) == [
        (
            n, european_level("pm25", pm25), european_level("pm10", pm10), european_aqi(pm25, pm10),
            us_sub_index("pm25", pm25), us_sub_index("pm10", pm10), us_aqi(pm25, pm10),
        )
        for n, (pm25, pm10) in enumerate(pairs)
    ]  # fmt: skip


@pytest.mark.parametrize("at_ms", [0, HOUR_MS - 1], ids=["start of the hour", "window_time"])
def test_the_nowcast_agrees_with_python_in_every_hour(rows_of, series, at_ms):
    query = nowcast_sql("given", keys=["place"], measure="`measure`", rowtime="event_time", mean="mean")

    found = rows_of(query, hourly_rows(series, at_ms=at_ms), HOURLY)

    by_hour = {(place, measure, end): value for place, measure, end, value in found}
    assert len(by_hour) == len(found) > 300
    assert by_hour == expected_nowcasts(series)


def test_a_row_of_twelve_hours_is_kept_where_it_has_no_nowcast(rows_of):
    chance = random.Random(13)  # noqa: S311 - the same each run
    hours = [f"hour_{age}" for age in range(NOWCAST_HOURS)]
    rows = [
        {
            "n": n,
            "measure": chance.choice([*INDEX_MEASURES, "temperature"]),
            **{hour: chance.choice([None, 0.0, 9.1, chance.uniform(0, 300)]) for hour in hours},
        }
        for n in range(300)
    ]
    table = f"n INT, `measure` STRING, {', '.join(f'{hour} DOUBLE' for hour in hours)}"
    query = f"SELECT n, nowcast FROM ({with_nowcast_sql('given', hours=hours, measure='`measure`')})"

    found = rows_of(query, rows, table)

    expected = [
        (row["n"], nowcast(row["measure"], [row[hour] for hour in hours]))
        if row["measure"] in INDEX_MEASURES
        else (row["n"], None)
        for row in rows
    ]
    assert sorted(found) == expected
    assert 50 < sum(value is None for _, value in found) < 250


def test_the_us_index_follows_from_hourly_windows_of_values(rows_of, series):
    hourly = """
      CREATE TEMPORARY VIEW hourly AS
      SELECT place, `measure`, AVG(mean) AS mean, window_time AS hour_time
      FROM TABLE(TUMBLE(TABLE given, DESCRIPTOR(event_time), INTERVAL '1' HOUR))
      GROUP BY place, `measure`, window_start, window_end, window_time"""
    nowcasts = nowcast_sql("hourly", keys=["place"], measure="`measure`", rowtime="hour_time", mean="mean")
    index = index_measure_case(lambda name: us_sub_index_sql(name, "nowcast"), measure="`measure`")
    query = f"SELECT place, `measure`, window_end, {index} FROM ({nowcasts})"
    rows = [row for row in hourly_rows(series, at_ms=600_000) for _ in range(3)]

    found = rows_of(query, rows, HOURLY, hourly)

    assert {(place, measure, end): value for place, measure, end, value in found} == {
        (place, measure, end): us_sub_index(measure, value)
        for (place, measure, end), value in expected_nowcasts(series).items()
    }
