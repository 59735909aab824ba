"""What is doubted, who is faulty or silent, what was set aside, what came late."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.measures import MEASURES
from contracts.stored import AIR_WINDOWS, FLAGGED_SPANS, LATE_READINGS
from dashboards import scales, variables
from dashboards.frame import Line, Section, board, page
from dashboards.panels import (
    COUNT,
    SECONDS,
    SHARE,
    bars,
    gauges,
    in_columns,
    linked,
    number,
    numbers,
    rows,
    set_to,
    sorted_by,
)
from dashboards.queries import INFLUX, PROMETHEUS, influx, influx_table, promql, promql_now, stored
from dashboards.variables import chosen

HERE = chosen("country")
HOURS, SPANS = stored(AIR_WINDOWS["1h"]), stored(FLAGGED_SPANS)
SENSOR = '"sensor_id", "sensor_type", "city", "country"'
SENSOR_PAGE = page(
    "sensor",
    country="${__data.fields.country:percentencode}",
    city="${__data.fields.city:percentencode}",
    sensor="${__data.fields.sensor_id}",
)
# One measure stands for a sensor: dust sensors by PM2.5, climate sensors by the temperature.
SHOWN = ("pm25", "temperature")
# A scraper or a job that lagged, an outage, a back-fill: each is late by a length of its own.
LATE_BY_S = {
    "up to 15 min": (0, 900),
    "up to 1 h": (900, 3600),
    "up to 1 d": (3600, 86_400),
    "more": (86_400, 10**10),
}
SHOWN_FIRST = tuple(sorted(MEASURES, key=lambda each: each.name not in ("pm25", "pm10")))


def data_quality() -> Dashboard:
    """The dashboard."""
    return board(
        "data-quality",
        "Which values are doubted and why, which sensors are faulty or silent, what was set aside or came late.",
        [
            variables.data_source(INFLUX),
            variables.data_source(PROMETHEUS),
            variables.country(),
            variables.measure(SHOWN_FIRST),
        ],
        [
            Section(
                "Now", [Line(5, [(_sensors(), 6), (_set_aside(), 6), (_late_count(), 4), (_shares(), 8)])]
            ),
            Section(
                "Doubts",
                [Line(9, [(_doubts(), 24)]), Line(10, [(_faulty(), 12), (_silent(), 12)])],
            ),
            Section("Set aside and late", [Line(9, [(_letters(), 8), (_refused(), 8), (_late(), 8)])]),
        ],
        refresh="5m",
    )


def _sensors() -> Any:
    return numbers(
        "Sensors by state",
        "Sending, or silent: nothing newer for a day. Told by the scraper, of the whole network.",
        COUNT,
        promql_now("sum by (state) (scraper_sensors)", legend="{{state}}"),
    )


def _set_aside() -> Any:
    return (
        number(
            "Set aside in a day",
            "Messages on the dead-letter topic from the collector, and records that the scraper refused.",
            COUNT,
            promql_now("sum(increase(collector_messages_set_aside_total[1d]))", legend="collector"),
            promql_now("sum(increase(scraper_records_refused_total[1d])) or vector(0)", legend="scraper"),
        )
        .decimals(0)
        .thresholds(scales.steps((None, scales.GREEN), (1, scales.YELLOW)))
    )


def _late_count() -> Any:
    return number(
        "Late readings",
        "Readings of the chosen time that came after their windows had closed: stored, but in no window.",
        COUNT,
        influx(f'SELECT count("late_s") AS "late" FROM {stored(LATE_READINGS)} WHERE $timeFilter'),
    ).no_value("0")


def _shares() -> Any:
    queries = [
        influx(
            f'SELECT sum("{measure.field}_flagged") / (sum("{measure.field}_flagged") + sum("{measure.field}_count")) '
            f'AS "{scales.title_of(measure)}" FROM {HOURS} WHERE {HERE} AND time > now() - 26h'
        )
        for measure in map(scales.measure, SHOWN)
    ]
    return (
        gauges(
            "Left out of means, 24 h",
            "Share of the last day's values that have a doubt which is not harmless. PM2.5 stands for dust sensors, "
            "temperature for climate sensors.",
            SHARE,
            *queries,
        )
        .thresholds(scales.steps((None, scales.GREEN), (0.1, scales.YELLOW), (0.3, scales.ORANGE)))
        .max(1)
    )


def _doubts() -> Any:
    query = (
        f'SELECT count("${{measure}}_ends_at_s") FROM {SPANS} WHERE {HERE} AND $timeFilter '
        'GROUP BY time(1h), "flag" fill(none)'
    )
    return bars(
        "Doubts about ${measure:text}, by type",
        "Doubts that need other readings to tell, by the hour in which they begin: dead, spike, stuck, high humidity, far "
        "from neighbours.",
        COUNT,
        influx(query, alias="$tag_flag"),
    )


def _faulty() -> Any:
    counted = f'SELECT count("${{measure}}_ends_at_s") AS "spans" FROM {SPANS} WHERE {HERE} AND $timeFilter GROUP BY {SENSOR}'
    return _sensor_table(
        "Most doubted sensors: ${measure:text}",
        "By how often the measure was doubted for a reason that needs other readings, in the chosen time. Click for the "
        "sensor.",
        f'SELECT top("spans", {SENSOR}, 20) AS "doubts" FROM ({counted}) WHERE $timeFilter',
        counted="doubts",
    )


def _silent() -> Any:
    counted = (
        f'SELECT count("lat") AS "hours" FROM {HOURS} WHERE {HERE} AND time > now() - 26h GROUP BY {SENSOR}'
    )
    return _sensor_table(
        "Least heard sensors",
        "By hours of the last day in which they sent at all, fewest first. Click for the sensor.",
        f'SELECT bottom("hours", {SENSOR}, 20) AS "hours" FROM ({counted}) WHERE time > now() - 26h',
        counted="hours",
    )


def _sensor_table(title: str, about: str, query: str, *, counted: str) -> Any:
    panel = rows(title, about, COUNT, influx_table(query)).override_by_name(
        "sensor_id", [linked(SENSOR_PAGE, "Show the sensor"), set_to("displayName", "sensor")]
    )
    panel = in_columns(panel, "sensor_id", "sensor_type", "city", "country", counted)
    return sorted_by(panel, counted, is_descending=counted == "doubts")


def _letters() -> Any:
    return bars(
        "Set aside by the collector, by reason",
        "Messages on the dead-letter topic in ten minutes. `luftstrom dead-letters list` shows them.",
        COUNT,
        promql(
            "sum by (reason) (increase(collector_messages_set_aside_total[10m])) > 0", legend="{{reason}}"
        ),
    )


def _refused() -> Any:
    return bars(
        "Readings by outcome",
        "What became of the feed's records in ten minutes: most are repeated, for polls overlap by design.",
        COUNT,
        promql("sum by (outcome) (increase(scraper_readings_total[10m]))", legend="{{outcome}}"),
    )


def _late() -> Any:
    late = f"FROM {stored(LATE_READINGS)} WHERE $timeFilter"
    counts = [
        influx(
            f'SELECT count("late_s") AS "{name}" {late} AND "late_s" > {over_s} AND "late_s" <= {to_s} '
            "GROUP BY time($__interval) fill(none)"
        )
        for name, (over_s, to_s) in LATE_BY_S.items()
    ]
    worst = f'SELECT max("late_s") AS "latest by" {late} GROUP BY time($__interval) fill(none)'
    return (
        bars(
            "Late readings",
            "How many came after their windows, by how late they were, and by how much the latest of them.",
            COUNT,
            *counts,
            influx(worst),
        )
        .interval("10m")
        .override_by_name(
            "latest by",
            [
                set_to("unit", SECONDS),
                set_to("custom.drawStyle", "points"),
                set_to("custom.axisPlacement", "right"),
                set_to("custom.stacking", {"mode": "none"}),
            ],
        )
    )
