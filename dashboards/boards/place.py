"""One city: its indices, each measure with its limits, yesterday and tomorrow, noise by day and night."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.air_quality_indices import EUROPEAN_CATEGORIES, INDEX_MEASURES, US_CATEGORIES, Category
from contracts.measures import MEASURE_BY_NAME, Measure
from contracts.stored import HIGHEST, PLACE_HOURS, PLACE_RANKS
from dashboards import scales
from dashboards.frame import Line, Section, board, page
from dashboards.panels import (
    COUNT,
    bars,
    by_thresholds,
    coloured_background,
    in_columns,
    lines,
    linked,
    number,
    rows,
    set_to,
    sorted_by,
    with_band,
    with_line,
)
from dashboards.places import NEWEST_HOUR, forecast_of_place, limit_line, worst_index
from dashboards.queries import INFLUX, influx, influx_table, stored
from dashboards.variables import chosen, data_source, place_city, place_country, time_zone

HERE = chosen("country", "city")
HOURS = stored(PLACE_HOURS)
LIMIT_COLOURS = {"WHO 2021": "#B877D9", "EU": "#FF780A", "EU from 2030": "#FADE2A"}
SENSOR_PAGE = page(
    "sensor",
    sensor="${__data.fields.sensor:raw}",
    country="${country:percentencode}",
    city="${city:percentencode}",
)
# One decibel is this much of the exponent: exp(L × ln(10) / 10) is the energy.
ENERGY = 0.23025850929940458


def place() -> Dashboard:
    """The dashboard."""
    dust = [_measure(MEASURE_BY_NAME[name]) for name in INDEX_MEASURES]
    climate = [_measure(MEASURE_BY_NAME[name]) for name in ("temperature", "humidity", "pressure")]
    return board(
        "place",
        "One city: its air now, the last 24 hours and the next 24, beside what WHO and EU call too much.",
        [data_source(INFLUX), place_country(), place_city(), time_zone()],
        [
            Section("Now in $city", [Line(5, [(panel, 4) for panel in _now()])]),
            Section("Particles, 24 hours back and ahead", [Line(11, [(panel, 12) for panel in dust])]),
            Section("Climate, 24 hours back and ahead", [Line(8, [(panel, 8) for panel in climate])]),
            Section("Noise and sensors", [Line(11, [(_noise(), 12), (_top("pm25"), 6), (_top("pm10"), 6)])]),
        ],
        time=("now-24h", "now+24h"),
        refresh="5m",
    )


def _now() -> list[Any]:
    return [
        _european(),
        _us(),
        *(_day_mean(MEASURE_BY_NAME[name]) for name in INDEX_MEASURES),
        _newest(MEASURE_BY_NAME["temperature"]),
        _newest(MEASURE_BY_NAME["humidity"]),
    ]


def _european() -> Any:
    return _index(
        "European index",
        "The worse level of PM2.5 and PM10 in the newest full hour, of particles alone. ",
        EUROPEAN_CATEGORIES,
        influx(worst_index("european_aqi", HERE)),
    ).mappings(scales.european_names())


def _us() -> Any:
    number_and_name = (influx(worst_index("us_aqi", HERE), alias=alias) for alias in ("index", "category"))
    return _index(
        "US index",
        "The worse index of PM2.5 and PM10, of their NowCasts of twelve hours; of particles alone. ",
        US_CATEGORIES,
        *number_and_name,
    ).override_by_name("category", [set_to("mappings", scales.us_names())])


def _index(title: str, about: str, categories: Sequence[Category], *queries: Any) -> Any:
    return (
        number(
            title,
            about + ", ".join(f"{each.low}…{each.high} {each.name}" for each in categories),
            COUNT,
            *queries,
        )
        .thresholds(scales.index_thresholds(categories))
        .color_mode(BigValueColorMode.BACKGROUND_SOLID)
        .text_mode(BigValueTextMode.VALUE)
    )


def _day_mean(measure: Measure) -> Any:
    limits = scales.day_limits(measure.name)
    query = f'SELECT mean("{measure.field}_mean") AS "mean" FROM {HOURS} WHERE {HERE} AND time > now() - 26h'
    ordered = sorted({limit.ug_m3 for limit in limits})
    colours = (scales.YELLOW, scales.ORANGE, scales.RED)[: len(ordered)]
    return (
        number(
            f"{scales.title_of(measure)}, mean of 24 h",
            "Mean of the last 24 full hours, against the limits of a day: "
            + ", ".join(scales.limit_name(limit) for limit in limits)
            + " µg/m³.",
            scales.unit_of(measure),
            influx(query),
        )
        .thresholds(scales.steps((None, scales.GREEN), *zip(ordered, colours, strict=True)))
        .decimals(1)
    )


def _newest(measure: Measure) -> Any:
    query = f'SELECT last("{measure.field}_median") AS "median" FROM {HOURS} WHERE {HERE} AND {NEWEST_HOUR}'
    return number(
        scales.title_of(measure),
        "Median of the city's outdoor sensors in the newest full hour.",
        scales.unit_of(measure),
        influx(query),
    ).decimals(1)


def _measure(measure: Measure) -> Any:
    """Observed hours, the band that is forecast, and the limits of a day where there are any."""
    observed = ", ".join(f'mean("{measure.field}_{part}") AS "{name}"' for part, name in _OBSERVED)
    limits = scales.day_limits(measure.name)
    about = " Limits are of a day's mean: an hour above one is no breach." if limits else ""
    panel = lines(
        scales.title_of(measure),
        "Mean and median of the city's outdoor sensors by hour; forecast: mean over its sensors of the median and of "
        f"the 80 % band.{about}",
        scales.unit_of(measure),
        influx(f"SELECT {observed} FROM {HOURS} WHERE {HERE} AND $timeFilter GROUP BY time(1h) fill(none)"),
        influx(forecast_of_place(measure.name, HERE, quantiles=("q10", "q50", "q90"))),
        *(influx(limit_line(limit, HERE)) for limit in limits),
    )
    panel = with_band(panel, "q10", "q90", colour=scales.FORECAST, name="forecast, 80 %")
    panel = with_line(panel, "q50", colour=scales.FORECAST, dash=(8, 6), name="forecast")
    panel = with_line(panel, "mean", colour=scales.OBSERVED)
    panel = with_line(panel, "median", colour="#96D98D", width=1)
    for limit in limits:
        panel = with_line(
            panel, scales.limit_name(limit), colour=LIMIT_COLOURS[limit.source], dash=(2, 4), width=1
        )
    return panel.min(0) if limits else panel


_OBSERVED = (("mean", "mean"), ("median", "median"))


def _noise() -> Any:
    field = MEASURE_BY_NAME["noise_laeq"].field
    energies = f'SELECT exp("{field}_mean" * {ENERGY}) AS "energy" FROM {HOURS} WHERE {HERE} AND $timeFilter'
    query = (
        f'SELECT 10 * log10(mean("energy")) AS "LAeq" FROM ({energies}) WHERE $timeFilter '
        "GROUP BY time(4h, 3h) fill(none) tz('$time_zone')"
    )
    return (
        bars(
            "Noise by day, evening and night",
            "LAeq of the city's sensors, by energy, in blocks of four hours of the chosen time zone: 07, 11 and 15 are "
            "the day, 19 the evening, 23 and 03 the night (Directive 2002/49/EC). WHO advises under 53 dB for the whole "
            "day and 45 dB at night, of road traffic.",
            scales.unit_of(MEASURE_BY_NAME["noise_laeq"]),
            influx(query),
            is_stacked=False,
        )
        .min(20)
        .thresholds(
            scales.steps((None, scales.GREEN), (45, scales.YELLOW), (53, scales.ORANGE), (65, scales.RED))
        )
        .color_scheme(by_thresholds())
    )


def _top(name: str) -> Any:
    measure = MEASURE_BY_NAME[name]
    query = (
        f'SELECT last("{name}_sensor_id") AS "sensor", last("{name}_sensor_type") AS "type", '
        f'last("{measure.field}_mean") AS "{measure.field}" FROM {stored(PLACE_RANKS)} '
        f'WHERE {HERE} AND "extreme" = \'{HIGHEST}\' AND {NEWEST_HOUR} GROUP BY "rank"'
    )
    title = scales.title_of(measure)
    panel = (
        rows(
            f"Top 10 sensors: {title}",
            "The city's outdoor sensors with the highest means of the newest full hour. Click for the sensor.",
            scales.unit_of(measure),
            influx_table(query),
        )
        .thresholds(scales.european_thresholds(name))
        .decimals(1)
        .override_by_name(
            "sensor", [linked(SENSOR_PAGE, "Show the sensor"), set_to("unit", "none"), set_to("decimals", 0)]
        )
        .override_by_name("rank", [set_to("custom.width", 60)])
        .override_by_name(measure.field, [*coloured_background(), set_to("displayName", title)])
    )
    return sorted_by(in_columns(panel, "rank", "sensor", "type", measure.field), title)
