"""The first look: how the air is everywhere, where it is worst, and what comes tonight."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.air_quality_indices import EUROPEAN_CATEGORIES
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import AIR_VALUES, FORECASTS_NEWEST, PLACE_HOURS
from dashboards import scales
from dashboards.frame import Line, Section, board, page
from dashboards.panels import (
    COUNT,
    coloured_background,
    gauges,
    in_columns,
    joined,
    lines,
    linked,
    marker_map,
    number,
    numbers,
    rows,
    set_to,
    sorted_by,
    with_band,
    with_line,
)
from dashboards.places import (
    FIRST_BUCKET,
    NEWEST_HOUR,
    PLACE,
    extreme_places,
    newest,
    places_on_map,
    worst_index,
)
from dashboards.queries import INFLUX, PROMETHEUS, influx, influx_table, promql_now, stored
from dashboards.variables import chosen, data_source, place_city, place_country

PM25 = MEASURE_BY_NAME["pm25"]
COUNTRY = chosen("country")
TONIGHT_H = 12
PLACE_PAGE = page(
    "place", country="${__data.fields.country:percentencode}", city="${__data.fields.city:percentencode}"
)
SENSOR_PAGE = page(
    "sensor",
    sensor="${__data.fields.sensor_id}",
    country="${country:percentencode}",
    city="${city:percentencode}",
)


def overview() -> Dashboard:
    """The dashboard."""
    return board(
        "overview",
        "How the air is now, where it is best and worst, and what is forecast for tonight.",
        [data_source(INFLUX), data_source(PROMETHEUS), place_country(), place_city()],
        [
            Section("Now", [Line(6, [(_reporting(), 6), (_typical(), 4), (_places(), 4), (_levels(), 10)])]),
            Section("Where", [Line(16, [(_map_of_places(), 14), (_map_of_sensors(), 10)])]),
            Section(
                "Best, worst, tonight",
                [
                    Line(
                        10, [(_extremes("top"), 5), (_extremes("bottom"), 5), (_tonight(), 5), (_coming(), 9)]
                    )
                ],
            ),
        ],
        time=("now-24h", "now+24h"),
        refresh="5m",
    )


def _reporting() -> Any:
    return (
        numbers(
            "Sensors",
            "Sensors of the whole network by state: sending, or silent for a day.",
            COUNT,
            promql_now("sum by (state) (scraper_sensors)", legend="{{state}}"),
        )
        .time_from("1h")
        .hide_time_override(True)
    )  # what is asked for as it is now is asked at the end of the time, here tomorrow


def _typical() -> Any:
    query = f'SELECT median("mean") AS "median" FROM {newest(f"{PM25.field}_mean", COUNTRY, name="mean")} WHERE {NEWEST_HOUR}'
    return (
        number(
            "PM2.5, typical city",
            "Median over the chosen countries' cities of the mean of the newest full hour.",
            scales.unit_of(PM25),
            influx(query),
        )
        .thresholds(scales.european_thresholds("pm25"))
        .decimals(1)
    )


def _places() -> Any:
    query = (
        f'SELECT count("worst") AS "cities" FROM ({worst_index("european_aqi", COUNTRY)}) WHERE {NEWEST_HOUR}'
    )
    return number("Cities", "Cities with a particle sensor in the newest full hour.", COUNT, influx(query))


def _levels() -> Any:
    worst = worst_index("european_aqi", COUNTRY)
    queries = [
        influx(
            f'SELECT count("worst") AS "{each.name}" FROM ({worst}) WHERE {NEWEST_HOUR} AND "worst" = {each.low}'
        )
        for each in EUROPEAN_CATEGORIES
    ]
    panel = gauges(
        "Cities by European index",
        "Cities at each level of the European Air Quality Index (2024, hourly): the worse of PM2.5 and PM10.",
        COUNT,
        *queries,
    )
    for each in EUROPEAN_CATEGORIES:
        panel = panel.override_by_name(
            each.name, [set_to("color", {"mode": "fixed", "fixedColor": each.colour})]
        )
    return panel


def _map_of_places() -> Any:
    panel = marker_map(
        "Cities: PM2.5 of the newest hour",
        "Mean of a city's outdoor sensors in the newest full hour, coloured by the European level; larger with "
        "more sensors. A marker stands at the city's highest sensor. Click for the place.",
        scales.unit_of(PM25),
        *(influx_table(query) for query in places_on_map("pm25", COUNTRY)),
        value=PM25.field,
        size_by="sensors",
    )
    return (
        joined(panel)
        .thresholds(scales.european_thresholds("pm25"))
        .decimals(1)
        .override_by_name("sensors", [set_to("unit", COUNT), set_to("decimals", 0)])
        .override_by_name(PM25.field, [linked(PLACE_PAGE, "Show the place"), set_to("displayName", "PM2.5")])
    )


def _map_of_sensors() -> Any:
    where = chosen("country", "city")
    query = (
        f'SELECT last("{PM25.field}") AS "{PM25.field}", last("lat") AS "lat", last("lon") AS "lon" '
        f'FROM {stored(AIR_VALUES)} WHERE time > now() - 1h AND {where} AND "{PM25.field}" >= 0 GROUP BY "sensor_id", "sensor_type"'
    )
    return (
        marker_map(
            "Sensors in $city: last PM2.5",
            "Last value of the last hour of each sensor in the chosen city; single values, doubts not left out. "
            "Click for the sensor.",
            scales.unit_of(PM25),
            influx_table(query),
            value=PM25.field,
        )
        .thresholds(scales.european_thresholds("pm25"))
        .decimals(1)
        .override_by_name(
            PM25.field, [linked(SENSOR_PAGE, "Show the sensor"), set_to("displayName", "PM2.5")]
        )
    )


def _extremes(function: str) -> Any:
    title = {"top": "Worst places", "bottom": "Best places"}[function]
    where = f'{COUNTRY} AND "pm25_sensors" >= 1'
    return _place_table(
        title,
        "Ten cities by the mean PM2.5 of the newest full hour, coloured by the European level.",
        extreme_places("pm25", where, function=function, count=10),
        is_descending=function == "top",
    )


def _tonight() -> Any:
    ahead = f"time >= now() AND time < now() + {TONIGHT_H}h"
    around = f"time >= now() - {FIRST_BUCKET} AND time < now() + {TONIGHT_H}h"
    of_hours = (
        f'SELECT mean("q50") AS "mean" FROM {stored(FORECASTS_NEWEST)} '
        f"WHERE {ahead} AND {COUNTRY} AND \"measure\" = 'pm25' GROUP BY time(1h), {PLACE} fill(none)"
    )
    of_places = f'SELECT max("mean") AS "highest" FROM ({of_hours}) WHERE {around} GROUP BY {PLACE}'
    return _place_table(
        f"Highest in the next {TONIGHT_H} h",
        f"Ten cities by the highest forecast hour of the next {TONIGHT_H}: the median, averaged over the city's sensors.",
        f'SELECT top("highest", {PLACE}, 10) AS "{PM25.field}" FROM ({of_places}) WHERE {around}',
    )


def _place_table(title: str, about: str, query: str, *, is_descending: bool = True) -> Any:
    panel = (
        rows(title, about, scales.unit_of(PM25), influx_table(query))
        .thresholds(scales.european_thresholds("pm25"))
        .decimals(1)
        .override_by_name("city", [linked(PLACE_PAGE, "Show the place"), set_to("displayName", "City")])
        .override_by_name("country", [set_to("displayName", "In"), set_to("custom.width", 50)])
        .override_by_name(
            PM25.field, [*coloured_background(), set_to("displayName", "PM2.5"), set_to("custom.width", 105)]
        )
    )
    return sorted_by(in_columns(panel, "city", "country", PM25.field), "PM2.5", is_descending=is_descending)


def _coming() -> Any:
    """Each number is a query of its own: InfluxDB is several times slower on several at once."""
    mean, sensors = f'"{PM25.field}_mean"', f'"{PM25.name}_sensors"'
    observed = (
        'SELECT sum("product") / sum("count") AS "observed" FROM '
        f'(SELECT {mean} * {sensors} AS "product", {sensors} AS "count" FROM {stored(PLACE_HOURS)} '
        f"WHERE {COUNTRY} AND $timeFilter) WHERE $timeFilter GROUP BY time(1h) fill(none)"
    )
    ahead = f"{COUNTRY} AND \"measure\" = 'pm25' AND time >= now() - 1h AND $timeFilter GROUP BY time(1h) fill(none)"
    numbers_of_sensors = (
        'percentile("q50", 10) AS "low"',
        'mean("q50") AS "mean"',
        'percentile("q50", 90) AS "high"',
    )
    panel = lines(
        "PM2.5 everywhere, and its forecast",
        "The mean over all sensors, observed and forecast; eight in ten sensors are forecast within the band.",
        scales.unit_of(PM25),
        influx(observed),
        *(
            influx(f"SELECT {each} FROM {stored(FORECASTS_NEWEST)} WHERE {ahead}")
            for each in numbers_of_sensors
        ),
    ).min(0)
    panel = with_band(panel, "low", "high", colour=scales.FORECAST, name="8 in 10 sensors")
    panel = with_line(panel, "mean", colour=scales.FORECAST, dash=(8, 6), name="forecast")
    return with_line(panel, "observed", colour=scales.OBSERVED)
