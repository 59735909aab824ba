"""Messages, records and lines for the collector's tests; what does not matter is filled in."""

import msgspec

from collector.lines import Line, kept_period, lines_and_letters
from contracts.measure_values import MeasureValue
from contracts.stored import LIVE_RETENTION_S
from contracts.topics import MEASURE_TOPICS
from runtime.log_interfaces import Partition, Record

NOW_S = 1_795_000_000
PM10 = MEASURE_TOPICS["pm10"]
PM10_PARTITION = Partition(PM10.name, 0)
PERIOD = kept_period(now_s=NOW_S, retention_s=LIVE_RETENTION_S)


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


def a_record(body=None, *, offset=0, **members):
    body = a_body(**members) if body is None else body
    return Record(offset, b"71", body, NOW_S * 1000)


def some_lines(count, **members) -> list[Line]:
    """Lines of `count` sensors."""
    records = [a_record(offset=i, **{"sensor_id": i + 1, **members}) for i in range(count)]
    lines, letters = lines_and_letters({PM10_PARTITION: records}, PERIOD)
    assert letters == []
    return lines


def influx_error(code, message):
    """The body of an error as InfluxDB writes it."""
    return msgspec.json.encode({"code": code, "message": message})
