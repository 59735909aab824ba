"""One sensor's forecast beside what came: the band, and what was said 1, 6 and 24 hours before."""

from typing import Any

from grafana_foundation_sdk.models.dashboard import Dashboard

from contracts.forecasts import HORIZON_H
from contracts.measures import Measure
from contracts.stored import AIR_WINDOWS, FORECASTS_BY_LEAD, FORECASTS_NEWEST, LEADS_H
from dashboards import scales, variables
from dashboards.frame import Line, Section, board
from dashboards.panels import in_columns, lines, rows, with_band, with_line
from dashboards.queries import INFLUX, influx, influx_table, stored

# Those that a champion was trained for; each other measure has no forecast.
FORECAST_MEASURES = ("pm25", "pm10", "temperature", "humidity", "pressure")
THIS = '"sensor_id" =~ /^${station:regex}$/'
LEAD_COLOURS = {1: "#F2CC0C", 6: "#FF9830", 24: "#E02F44"}


def forecast() -> Dashboard:
    """The dashboard."""
    measures = [scales.measure(name) for name in FORECAST_MEASURES]
    return board(
        "forecast",
        "What is forecast for a sensor and those beside it, and what earlier forecasts said of what then came.",
        [
            variables.data_source(INFLUX),
            variables.country(of=FORECASTS_NEWEST),
            variables.city(of=FORECASTS_NEWEST),
            variables.sensor_type(of=FORECASTS_NEWEST),
            variables.sensor(of=FORECASTS_NEWEST),
            variables.position("lat"),
            variables.position("lon"),
            variables.station(),
        ],
        [
            Section("The sensors at the place of $sensor", [Line(6, [(_methods(), 24)])]),
            *(
                Section(scales.title_of(each), [Line(9, [(_band(each), 12), (_said(each), 12)])])
                for each in measures
            ),
        ],
        time=("now-24h", "now+24h"),
        refresh="5m",
    )


def _methods() -> Any:
    query = (
        f'SELECT last("issued_at") * 1000 AS "issued", last("model") AS "model" FROM {stored(FORECASTS_NEWEST)} '
        f'WHERE {THIS} AND time >= now() - 1h AND time < now() + {HORIZON_H}h GROUP BY "measure", "method"'
    )
    panel = rows(
        "Method and model",
        "By measure: rnn is the champion, rnn-cold one that knows less than a week, blend the baseline where no model "
        "has skill or the air is outside what it was trained on, blend-sparse the same on few hours.",
        "dateTimeAsIso",
        influx_table(query),
    )
    return in_columns(panel, "measure", "method", "model", "issued")


def _observed(measure: Measure) -> Any:
    hours = stored(AIR_WINDOWS["1h"])
    return influx(
        f'SELECT mean("{measure.field}_mean") AS "observed" FROM {hours} WHERE {THIS} AND $timeFilter '
        "GROUP BY time(1h) fill(none)"
    )


def _band(measure: Measure) -> Any:
    columns = ", ".join(f'last("{name}") AS "{name}"' for name in ("q05", "q20", "q50", "q80", "q95"))
    query = (
        f"SELECT {columns} FROM {stored(FORECASTS_NEWEST)} WHERE {THIS} AND \"measure\" = '{measure.name}' "
        "AND $timeFilter GROUP BY time(1h) fill(none)"
    )
    panel = lines(
        f"{scales.title_of(measure)}: observed, and the newest forecast of each hour",
        "Hourly means; bands from the 5th to the 95th and from the 20th to the 80th percentile. Of hours that are over, "
        "the last forecast that was made before them.",
        scales.unit_of(measure),
        _observed(measure),
        influx(query),
    )
    panel = with_band(panel, "q05", "q95", colour=scales.FORECAST, name="9 in 10")
    panel = with_band(panel, "q20", "q80", colour=scales.FORECAST, name="6 in 10")
    panel = with_line(panel, "q50", colour=scales.FORECAST, dash=(8, 6), name="forecast")
    return _from_zero(with_line(panel, "observed", colour=scales.OBSERVED), measure)


def _said(measure: Measure) -> Any:
    queries = [
        influx(
            f'SELECT last("q50") AS "{lead_name(lead_h)}" FROM {stored(FORECASTS_BY_LEAD)} WHERE {THIS} '
            f"AND \"measure\" = '{measure.name}' AND \"lead_h\" = '{lead_h}' AND $timeFilter GROUP BY time(1h) fill(none)"
        )
        for lead_h in LEADS_H
    ]
    panel = lines(
        f"{scales.title_of(measure)}: what we said before",
        "Observed hours, and the median that was forecast of them so many hours ahead.",
        scales.unit_of(measure),
        _observed(measure),
        *queries,
    )
    for lead_h in LEADS_H:
        panel = with_line(panel, lead_name(lead_h), colour=LEAD_COLOURS[lead_h], dash=(8, 6), width=1)
    return _from_zero(with_line(panel, "observed", colour=scales.OBSERVED), measure)


def _from_zero(panel: Any, measure: Measure) -> Any:
    panel = panel.no_value("no sensor here measures it")
    return panel.min(0) if measure.low == 0 and measure.unit != "%" else panel


def lead_name(lead_h: int) -> str:
    """`6 h before`."""
    return f"{lead_h} h before"
