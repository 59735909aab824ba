"""What lies in InfluxDB: buckets, measurements, and the line protocol of a point."""

from functools import lru_cache

from contracts.measure_values import MeasureValue
from contracts.measures import Measure

ORG = "luftstrom"
LIVE_BUCKET = "live"
LIVE_RETENTION_S = 30 * 24 * 3600
RETENTION_S_BY_BUCKET = {LIVE_BUCKET: LIVE_RETENTION_S}

AIR = "air"
AIR_TAGS = ("city", "country", "sensor_id", "sensor_type")  # sorted, as InfluxDB likes them
POSITION_FIELDS = ("lat", "lon", "indoor")

SERIES_KEYS_MAX = 50_000

_ESCAPED = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", "\n": r"\ ", "\r": r"\ ", "\t": r"\ "})


@lru_cache(maxsize=SERIES_KEYS_MAX)
def series_key(sensor_id: int, sensor_type: str | None, country: str | None, city: str | None) -> str:
    """Measurement and tags, sorted by key; an unknown tag is left out, for InfluxDB refuses an empty one."""
    tags = (("city", city), ("country", country), ("sensor_id", str(sensor_id)), ("sensor_type", sensor_type))
    return AIR + "".join(f",{key}={_tag_value(value)}" for key, value in tags if value and value.strip())


def measure_line(message: MeasureValue, measure: Measure) -> str:
    r"""One line of `air`, second precision; `repr` keeps every digit of a float.

    The value must be finite. A tag value never ends in a backslash, which would escape the separator.
    """
    fields = f"{measure.field}={float(message.value)!r},{measure.flags_field}={message.flags}i"
    if message.lat is not None and message.lon is not None:
        fields += f",lat={float(message.lat)!r},lon={float(message.lon)!r}"
    if message.indoor is not None:
        fields += f",indoor={message.indoor}i"
    key = series_key(message.sensor_id, message.sensor_type, message.country, message.city)
    return f"{key} {fields} {message.observed_at_s}"


def _tag_value(value: str) -> str:
    return value.strip().replace("\\", "/").translate(_ESCAPED)
