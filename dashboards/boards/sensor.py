"""One sensor: what it sent, what became of it, what is doubted, who stands beside it."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.flags import Flag
from contracts.measures import MEASURES, Measure
from contracts.stored import AIR_VALUES, AIR_WINDOWS, FLAGGED_SPANS
from dashboards import scales, variables
from dashboards.boards.data_quality import SHOWN_FIRST
from dashboards.frame import SENSOR_ARCHIVE, Line, Section, board, page
from dashboards.panels import (
    COUNT,
    SHARE,
    in_columns,
    lines,
    link,
    linked,
    number,
    numbers,
    rows,
    set_to,
    states,
)
from dashboards.queries import INFLUX, influx, influx_table, stored

THIS = "\"sensor_id\" = '$sensor'"
DUST = ("pm1", "pm25", "pm4", "pm10")
CLIMATE = ("temperature", "humidity", "pressure", "pressure_sealevel")
# A sensor sends every 145 s: ten minutes without a value are a gap, not chance.
UPTIME_MINUTES = 10
DAY_H = 24
MATE_PAGE = page("sensor", sensor="${__data.fields.sensor_id}")
AIR = stored(AIR_VALUES)


def sensor() -> Dashboard:
    """The dashboard."""
    day = f"{SENSOR_ARCHIVE}/${{__from:date:YYYY-MM-DD}}/"
    api = "https://data.sensor.community/airrohr/v1/sensor/${sensor}/"
    return board(
        "sensor",
        "One sensor: raw values, windows, doubts, its neighbours in the same box, and how steadily it sends.",
        [
            variables.data_source(INFLUX),
            variables.country(),
            variables.city(),
            variables.sensor_type(),
            variables.sensor(),
            variables.measure(SHOWN_FIRST),
            variables.position("lat"),
            variables.position("lon"),
        ],
        [
            Section("Sensor $sensor", [Line(5, [(_uptime(), 6), (_flagged(), 6), (_mates(), 12)])]),
            Section(
                "Raw values",
                [
                    Line(
                        9,
                        [
                            (_raw("Dust", DUST, unit="conμgm3"), 8),
                            (_raw("Climate", CLIMATE), 8),
                            (_raw_others(), 8),
                        ],
                    ),
                ],
            ),
            Section("Windows of ${measure:text}", [Line(9, [(_hours(), 12), (_days(), 12)])]),
            Section("Doubts about ${measure:text}", [Line(9, [(_flags(), 12), (_spans(), 12)])]),
        ],
        links=[
            link("Raw archive of the day", day, is_outside=True).tooltip(
                "Files as sensor.community keeps them"
            ),
            link("Last five minutes at sensor.community", api, is_outside=True),
        ],
    )


def _uptime() -> Any:
    windows = DAY_H * 60 // UPTIME_MINUTES
    each = (
        f'SELECT count("lat") AS "readings" FROM {AIR} WHERE {THIS} AND time > now() - {DAY_H}h '
        f"GROUP BY time({UPTIME_MINUTES}m) fill(none)"
    )
    query = f'SELECT count("readings") / {windows}.0 AS "uptime" FROM ({each})'
    return (
        number(
            "Uptime, 24 h",
            f"Share of the last day's stretches of {UPTIME_MINUTES} minutes in which it sent.",
            SHARE,
            influx(query),
        )
        .thresholds(scales.steps((None, scales.RED), (0.5, scales.ORANGE), (0.9, scales.GREEN)))
        .max(1)
    )


def _flagged() -> Any:
    field = "${measure}_flags"
    doubted = (
        f'SELECT count("{field}") AS "doubted" FROM {AIR} WHERE {THIS} AND "{field}" > 0 AND $timeFilter'
    )
    values = f'SELECT count("{field}") AS "values" FROM {AIR} WHERE {THIS} AND $timeFilter'
    return numbers(
        "Values, and those doubted",
        "Values of the chosen measure and time, and how many of them have a doubt that one reading tells.",
        COUNT,
        influx(values),
        influx(doubted),
    ).no_value("0")


def _mates() -> Any:
    here = '"city" =~ /^${city:regex}$/ AND "lat" = $lat AND "lon" = $lon AND time > now() - 24h'
    panel = rows(
        "At the same place",
        "Sensors that sent from the same position within a day: mostly of the same box. Click for one.",
        COUNT,
        influx_table(
            f'SELECT count("lat") AS "readings in 24 h" FROM {AIR} WHERE {here} GROUP BY "sensor_id", "sensor_type"'
        ),
    ).override_by_name("sensor_id", [linked(MATE_PAGE, "Show the sensor"), set_to("displayName", "sensor")])
    return in_columns(panel, "sensor_id", "sensor_type", "readings in 24 h")


def _raw(title: str, names: tuple[str, ...], *, unit: str = COUNT) -> Any:
    measures = [scales.measure(name) for name in names]
    panel = lines(
        title,
        "Every value as it was stored, doubted ones too; a mean of those that share a pixel. "
        "Low-cost sensors: indicative.",
        unit,
        *(_value_of(measure) for measure in measures),
    )
    panel = panel.interval("2m").no_value("it measures none of these")
    for measure in measures:
        panel = panel.override_by_name(
            measure.field,
            [set_to("unit", scales.unit_of(measure)), set_to("displayName", scales.title_of(measure))],
        )
    return panel


def _raw_others() -> Any:
    names = tuple(each.name for each in MEASURES if each.name not in (*DUST, *CLIMATE))
    return _raw("Noise, counts, gas, radiation", names)


def _value_of(measure: Measure) -> Any:
    return influx(
        f'SELECT mean("{measure.field}") AS "{measure.field}" FROM {AIR} WHERE {THIS} AND $timeFilter '
        "GROUP BY time($__interval) fill(none)"
    )


def _hours() -> Any:
    return _windows("1h", "Hours: mean, lowest to highest")


def _days() -> Any:
    return _windows("1d", "Days: mean, lowest to highest").time_from("30d")


def _windows(size: str, title: str) -> Any:
    """The chosen measure's unit stands between its name and the part, so a regular expression finds the field."""
    units = "|".join(sorted({each.unit_suffix for each in MEASURES}))
    columns = ", ".join(f"mean(/^${{measure}}_({units})_{part}$/)" for part in ("min", "max", "mean"))
    query = (
        f"SELECT {columns} FROM {stored(AIR_WINDOWS[size])} WHERE {THIS} AND $timeFilter "
        f"GROUP BY time({size}) fill(none)"
    )
    panel = lines(
        title,
        f"Windows of {size} without the values that are doubted; in the unit that the heading names.",
        COUNT,
        influx(query),
    )
    panel = panel.override_by_regexp(
        "/_max$/",
        [set_to("displayName", "highest"), set_to("custom.lineWidth", 1), set_to("color", _fixed("#FF9830"))],
    )
    panel = panel.override_by_regexp(
        "/_min$/",
        [
            set_to("displayName", "lowest"),
            set_to("custom.lineWidth", 1),
            set_to("color", _fixed(scales.FORECAST)),
        ],
    )
    return panel.override_by_regexp(
        "/_mean$/", [set_to("displayName", "mean"), set_to("color", _fixed(scales.OBSERVED))]
    )


def _fixed(colour: str) -> dict[str, str]:
    return {"mode": "fixed", "fixedColor": colour}


def _flags() -> Any:
    bits = ", ".join(f'"${{measure}}_flags" & {flag.value} AS "{flag_name(flag)}"' for flag in OF_ONE_READING)
    columns = ", ".join(f'max("{flag_name(flag)}") AS "{flag_name(flag)}"' for flag in OF_ONE_READING)
    query = (
        f"SELECT {columns} FROM (SELECT {bits} FROM {AIR} WHERE {THIS} AND $timeFilter) WHERE $timeFilter "
        "GROUP BY time($__interval) fill(none)"
    )
    return (
        states(
            "Doubts that one reading tells",
            "For each doubt, when any value had it: outside the plausible range, at the end of the scale, in another "
            "unit, PM2.5 above PM10, a faulty climate chip, a clock that is ahead.",
            COUNT,
            influx(query),
        )
        .mappings(scales.doubt_names())
        .interval("5m")
    )


def _spans() -> Any:
    query = (
        f'SELECT "${{measure}}_ends_at_s" * 1000 AS "until" FROM {stored(FLAGGED_SPANS)} WHERE {THIS} AND $timeFilter '
        'GROUP BY "flag" ORDER BY time DESC LIMIT 50'
    )
    panel = rows(
        "Doubts that need other readings",
        "Dead, spike, stuck: of its last readings; high humidity, far from its neighbours: of what stands near.",
        "dateTimeAsIso",
        influx_table(query),
    ).override_by_name("flag", [set_to("displayName", "doubt")])
    panel = panel.override_by_name("Time", [set_to("displayName", "from")])
    return in_columns(panel, "flag", "Time", "until")


OF_ONE_READING = (
    Flag.OUT_OF_RANGE, Flag.SATURATED, Flag.UNIT_REPAIRED, Flag.PM25_ABOVE_PM10, Flag.SENSOR_FAULT, Flag.FROM_FUTURE,
)  # fmt: skip


def flag_name(flag: Flag) -> str:
    """The flag as people read it: `out of range`."""
    return str(flag.name).lower().replace("_", " ")
