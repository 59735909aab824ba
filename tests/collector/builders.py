"""Messages, records and lines for the collector's tests; what does not matter is filled in."""

import msgspec

from collector.lines import Lines, kept_periods, made_of
from collector.series_guard import SeriesGuard
from contracts.forecasts import HORIZON_H, QUANTILES, Forecast, Method
from contracts.measure_values import MeasureValue
from contracts.stored import LIVE_BUCKET, RETENTION_S_BY_BUCKET
from contracts.topics import FORECASTS, MEASURE_TOPICS
from runtime.clock import SystemClock
from runtime.log_interfaces import Partition, Records

NOW_S = 1_795_000_000
PM10 = MEASURE_TOPICS["pm10"]
PM10_PARTITION = Partition(PM10.name, 0)
PERIODS = kept_periods(NOW_S)


def a_value(**members):
    usual = {
        "sensor_id": 71,
        "observed_at_s": NOW_S - 60,
        "value": 12.5,
        "sensor_type": "SDS011",
        "country": "GB",
        "city": "Aberdeen",
        "lat": 57.1,
        "lon": -2.1,
        "indoor": 0,
    }
    return MeasureValue(**{**usual, **members})


def a_body(**members):
    return PM10.encode(a_value(**members))


def a_forecast(**members):
    usual = {
        "sensor_id": 71,
        "measure": "pm10",
        "issued_at_s": NOW_S,
        "method": Method.RNN,
        "model": "m1",
        "quantiles": [[float(i) for i in range(len(QUANTILES))]] * HORIZON_H,
    }
    return FORECASTS.encode(Forecast(**{**usual, **members}))


def records(*bodies, first_offset=0):
    """Records of these bodies, one behind the other."""
    return Records(range(first_offset, first_offset + len(bodies)), bodies)


def guards(**limits):
    """A guard for each bucket, with room for all unless told otherwise."""
    limits = {"series_max": 10**6, "new_per_hour_max": 10**6, **limits}
    return {bucket: SeriesGuard(clock=SystemClock(), **limits) for bucket in RETENTION_S_BY_BUCKET}


def made(*bodies, partition=PM10_PARTITION, **limits):
    """What the collector makes of these bodies."""
    return made_of({partition: records(*bodies)}, PERIODS, guards(**limits))


def some_lines(count, **members) -> Lines:
    """Lines of `count` sensors."""
    lines_by_bucket, letters = made(*(a_body(**{"sensor_id": i + 1, **members}) for i in range(count)))
    assert letters == []
    return lines_by_bucket[LIVE_BUCKET]


def influx_error(code, message):
    """The body of an error as InfluxDB writes it."""
    return msgspec.json.encode({"code": code, "message": message})
