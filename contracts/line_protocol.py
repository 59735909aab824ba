"""The line protocol of InfluxDB: how a series and its fields are written, second precision."""

import math
from collections.abc import Mapping
from functools import lru_cache

from contracts.dead_letters import Reason
from contracts.errors import BadInputError
from contracts.stored import FieldType, Measurement

SERIES_KEYS_MAX = 50_000

_ESCAPED = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\=", "\n": r"\ ", "\r": r"\ ", "\t": r"\ "})
_QUOTED = str.maketrans({'"': r"\"", "\\": r"\\", "\n": " ", "\r": " "})

Line = tuple[str, str]  # the series, and the whole text, which begins with it
Tags = Mapping[str, str | int | None]
Fields = Mapping[str, float | str | None]


def series_key(measurement: str, tags: Tags) -> str:
    """Measurement and tags, which come sorted; an unknown tag is left out, for InfluxDB refuses an empty one.

    A tag's value never ends in a backslash, which would escape the separator.
    """
    written = ((key, _tag_value(str(value))) for key, value in tags.items() if value is not None)
    return measurement + "".join(f",{key}={value}" for key, value in written if value)


@lru_cache(maxsize=SERIES_KEYS_MAX)
def sensor_key(
    measurement: str, sensor_id: int, sensor_type: str | None, country: str | None, city: str | None
) -> str:
    """`series_key` of a sensor, by the tags of `contracts.stored.AIR_TAGS`."""
    tags = {"city": city, "country": country, "sensor_id": sensor_id, "sensor_type": sensor_type}
    return series_key(measurement, tags)


def line(measurement: Measurement, series: str, fields: Fields, time_s: int) -> Line:
    """One line; each field in the type of its measurement, what is None left out.

    Raises BadInputError where a number is not finite, or no field is left.
    """
    types = measurement.fields
    written = [f"{name}={field_text(types[name], v)}" for name, v in fields.items() if v is not None]
    if not written:
        raise BadInputError(Reason.NOT_A_NUMBER, f"a point of {measurement.name} without any field")
    return series, f"{series} {','.join(written)} {time_s}"


def field_text(kind: FieldType, value: float | str) -> str:
    """A field's value; `repr` keeps every digit of a float. Raises BadInputError where it is not finite."""
    if kind is FieldType.STRING:
        return f'"{str(value).translate(_QUOTED)}"'
    if kind is FieldType.INTEGER:
        return f"{int(value)}i"
    if not math.isfinite(number := float(value)):
        raise BadInputError(Reason.NOT_A_NUMBER, str(value))
    return repr(number)


def _tag_value(value: str) -> str:
    return value.strip().replace("\\", "/").translate(_ESCAPED)
