"""Air-quality indices as text, composed from the tables of `contracts.air_quality_indices`.

An expression is NULL where the Python function of its name is None.
It repeats its argument often, and the planner writes out a column that a view computes at each use:
give it a column of a table, an aggregate or `computed_once`.

**NowCast.** It needs the hourly means of one key by their age, missing hours included.
An OVER window does not give them: its aggregates do not know how old a row is beside the current one, LAG
counts rows and not hours, and it is silent in an hour without a row, in which a NowCast may still be due.
So `nowcast_sql` hops: windows of 12 hours, one each hour, in which each hour's mean is picked by its age.
An hour without a row is then a NULL of itself, and a window that has no NowCast is left out.
The output is insert-only; a window's rows come when the watermark passes its end.
State: twelve numbers for each key and open window, and twelve windows are open.
Who hops already, for other columns of the hour, takes `with_nowcast_sql`.
"""

from collections.abc import Callable, Sequence

from contracts.air_quality_indices import (
    CONCENTRATION_UG_M3_MAX,
    EUROPEAN_UPPER_UG_M3_BY_MEASURE,
    INDEX_MEASURES,
    NOWCAST_HOURS,
    NOWCAST_RECENT_HOURS,
    NOWCAST_RECENT_HOURS_MIN,
    NOWCAST_WEIGHT_MIN,
    TRUNCATION_TOLERANCE_STEPS,
    US_SCALE_BY_MEASURE,
    UsSegment,
)
from flink_jobs.sql.text import measure_case, number, text

_NONE_YET = -1  # below every index: NULL for GREATEST, which is NULL itself where any argument is


def european_level_sql(measure: str, hourly_mean: str) -> str:
    """INT expression of `european_level`; `hourly_mean` is a DOUBLE expression in µg/m³."""
    upper = EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure]
    levels = " ".join(
        f"WHEN {hourly_mean} <= {number(bound)} THEN {level}" for level, bound in enumerate(upper, 1)
    )
    return f"CASE WHEN {_is_present(hourly_mean)} THEN CASE {levels} ELSE {len(upper) + 1} END END"


def european_aqi_sql(pm25: str, pm10: str) -> str:
    """INT expression of `european_aqi`, of two DOUBLE expressions in µg/m³."""
    return _worst(european_level_sql("pm25", pm25), european_level_sql("pm10", pm10))


def us_sub_index_sql(measure: str, concentration: str) -> str:
    """INT expression of `us_sub_index`; `concentration` is a DOUBLE expression in µg/m³."""
    steps = _truncated_steps(measure, concentration)
    *segments, last = US_SCALE_BY_MEASURE[measure].segments()
    pieces = " ".join(
        f"WHEN {steps} <= {number(segment.high_steps)} THEN {_segment_index(segment, steps)}"
        for segment in segments
    )
    beyond = _segment_index(last, steps)
    return f"CASE WHEN {_is_present(concentration)} THEN CASE {pieces} ELSE {beyond} END END"


def us_aqi_sql(pm25: str, pm10: str) -> str:
    """INT expression of `us_aqi`, of two DOUBLE expressions in µg/m³."""
    return _worst(us_sub_index_sql("pm25", pm25), us_sub_index_sql("pm10", pm10))


def index_measure_case(expression: Callable[[str], str], *, measure: str = "measure") -> str:
    """A CASE over a column with the measure's name; NULL for a measure that has no index.

    `index_measure_case(lambda name: us_sub_index_sql(name, "nowcast"))`
    """
    return measure_case(
        lambda each: expression(each.name) if each.name in INDEX_MEASURES else None, measure=measure
    )


def nowcast_sql(
    hourly: str, *, keys: Sequence[str], rowtime: str, mean: str, measure: str = "measure"
) -> str:
    """SELECT of the NowCast of each key, measure and hour: `keys`, `measure`, `window_end`, `nowcast`.

    `hourly` is a table or view with at most one row for each key, measure and hour: the name of the
    measure, a mean in µg/m³ (DOUBLE), and a time attribute in that hour (its start, or the `window_time`
    of the window that made the mean). `window_end` is the end of the newest hour, a TIMESTAMP of the
    session's time zone. An hour for which `nowcast` is None has no row.
    """
    columns = ", ".join((*keys, measure))
    hours = [f"hour_{age}" for age in range(NOWCAST_HOURS)]
    # window_time is the last millisecond of the window, so the newest hour is 0 whole hours away.
    picks = ",\n  ".join(
        f"MAX(CASE WHEN TIMESTAMPDIFF(HOUR, {rowtime}, window_time) = {age} THEN {mean} END) AS {hour}"
        for age, hour in enumerate(hours)
    )
    picked = f"""(
SELECT {columns}, window_end,
  {picks}
FROM TABLE(HOP(TABLE {hourly}, DESCRIPTOR({rowtime}), INTERVAL '1' HOUR, INTERVAL '{NOWCAST_HOURS}' HOUR))
WHERE {measure} IN ({", ".join(map(text, INDEX_MEASURES))}) AND {_is_present(mean)}
GROUP BY {columns}, window_start, window_end)"""
    return f"""
SELECT {columns}, window_end, nowcast
FROM (
{with_nowcast_sql(picked, hours=hours, measure=measure)})
WHERE nowcast IS NOT NULL
""".strip()


def with_nowcast_sql(source: str, *, hours: Sequence[str], measure: str = "measure") -> str:
    """SELECT of all columns of `source` and two more: `weight` and `nowcast` (µg/m³, DOUBLE, may be NULL).

    `source` is a table, a view, or a query in parentheses; `hours` are its columns with the hourly means
    in µg/m³, the newest first, NULL where one is missing.
    """
    weighed = f"(SELECT * FROM {source} {computed_once(_weight(hours), 'weight')})"
    truncated = index_measure_case(lambda name: _truncated(name, _weighted_mean(hours)), measure=measure)
    present = " + ".join(map(_one_if_present, hours[:NOWCAST_RECENT_HOURS]))
    nowcast = f"CASE WHEN {present} >= {NOWCAST_RECENT_HOURS_MIN} THEN {truncated} END"
    return f"SELECT * FROM {weighed} {computed_once(nowcast, 'nowcast')}"


def computed_once(expression: str, name: str) -> str:
    """Joins the value of `expression` as a column that the planner cannot write out again at each use.

    It merges projections: with the weight in each of its places, and that in each piece of the US scale,
    it takes minutes to generate the code.
    """
    return f"CROSS JOIN UNNEST(ARRAY[{expression}]) AS once_{name} ({name})"


def _weight(hours: Sequence[str]) -> str:
    lowest = ", ".join(f"COALESCE({hour}, {number(CONCENTRATION_UG_M3_MAX)})" for hour in hours)
    highest = ", ".join(f"COALESCE({hour}, 0E0)" for hour in hours)
    ratio = f"GREATEST(LEAST({lowest}) / GREATEST({highest}), {number(NOWCAST_WEIGHT_MIN)})"
    return f"CASE WHEN GREATEST({highest}) > 0E0 THEN {ratio} ELSE 1E0 END"


def _weighted_mean(hours: Sequence[str]) -> str:
    """Horner's rule, as in Python, so that both round alike."""
    weighted = weights = "0E0"
    for hour in reversed(hours):
        weighted = f"({weighted} * weight + COALESCE({hour}, 0E0))"
        weights = f"({weights} * weight + {_one_if_present(hour)})"
    return f"{weighted} / {weights}"


def _one_if_present(hour: str) -> str:
    return f"CASE WHEN {hour} IS NULL THEN 0E0 ELSE 1E0 END"


def _segment_index(segment: UsSegment, steps: str) -> str:
    low, rise = segment.category.low, segment.category.high - segment.category.low
    above, run = f"({steps} - {number(segment.low_steps)})", segment.high_steps - segment.low_steps
    return f"{low} + CAST(FLOOR({above} * {number(rise)} / {number(run)} + 0.5E0) AS INT)"


def _truncated(measure: str, concentration: str) -> str:
    return (
        f"{_truncated_steps(measure, concentration)} / {number(US_SCALE_BY_MEASURE[measure].steps_per_ug_m3)}"
    )


def _truncated_steps(measure: str, concentration: str) -> str:
    steps = f"({concentration}) * {number(US_SCALE_BY_MEASURE[measure].steps_per_ug_m3)}"
    return f"FLOOR({steps} + {number(TRUNCATION_TOLERANCE_STEPS)})"


def _is_present(concentration: str) -> str:
    return f"{concentration} BETWEEN 0E0 AND {number(CONCENTRATION_UG_M3_MAX)}"


def _worst(*indices: str) -> str:
    known = ", ".join(f"COALESCE({index}, {_NONE_YET})" for index in indices)
    return f"NULLIF(GREATEST({known}), {_NONE_YET})"
