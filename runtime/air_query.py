"""Values out of the store: whose, of which measure, from when to when, in which resolution."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.errors import BadInputError
from contracts.measures import MEASURE_BY_NAME, Measure
from contracts.stored import AIR, AIR_VALUES, AIR_WINDOWS, LIVE_BUCKET, Measurement
from runtime.influx_reader import InfluxReader

HOUR_S = 3600
DAY_S = 24 * HOUR_S
RAW = "raw"
RESOLUTIONS = (RAW, *AIR_WINDOWS)
# The finest that gives a sensor no more than some thousand rows: raw is a row in 145 s.
SPAN_S_MAX_BY_RESOLUTION = {RAW: 2 * DAY_S, "5m": 14 * DAY_S, "1h": 180 * DAY_S}
TAGS = ("sensor_id", "sensor_type", "country", "city")
RAW_COLUMNS = ("value", "flags")
WINDOW_COLUMNS = ("value", "min", "max", "count", "flagged")


@dataclass(frozen=True, slots=True, kw_only=True)
class AirQuery:
    """What is asked for; times are Unix seconds, the end is left out. All that is given must hold."""

    measure: Measure
    from_s: int
    to_s: int
    sensor_id: int | None = None
    city: str | None = None
    country: str | None = None

    def __post_init__(self) -> None:
        """Raises BadInputError where it can have no answer."""
        if self.sensor_id is None and self.city is None and self.country is None:
            raise BadInputError("nobody", "name a sensor or a place: --sensor, --city, --country")
        if self.from_s >= self.to_s:
            raise BadInputError("no_time", "--from is not before --to")

    @property
    def whose(self) -> str:
        """Who is asked for, in words."""
        places = [each for each in (self.city, self.country) if each]
        sensor = [] if self.sensor_id is None else [f"sensor {self.sensor_id}"]
        return ", ".join([*sensor, *places])


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, each `time` (Unix seconds), the tags, and the `columns` of its resolution."""

    resolution: str
    columns: tuple[str, ...]
    rows: Iterator[dict[str, Any]]


def measure_named(name: str) -> Measure:
    """The measure of that name; raises BadInputError, with those that there are, where there is none."""
    if name not in MEASURE_BY_NAME:
        raise BadInputError("unknown_measure", f"{name!r}; there are {', '.join(MEASURE_BY_NAME)}")
    return MEASURE_BY_NAME[name]


def resolution_for(span_s: int) -> str:
    """The resolution that shows so many seconds in some thousand rows a sensor at most."""
    fitting = (name for name, most_s in SPAN_S_MAX_BY_RESOLUTION.items() if span_s <= most_s)
    return next(fitting, RESOLUTIONS[-1])


def answered(influx: InfluxReader, query: AirQuery, resolution: str | None) -> Answer:
    """The rows in that resolution; with None in the one that fits the span, or the nearest that has any.

    Raises BadInputError where nobody of that name was ever heard of.
    """
    fitting = resolution_for(query.to_s - query.from_s)
    # Windows come with the job `aggregate`, which need not run: then finer ones do.
    choices = [resolution] if resolution else [fitting, *reversed(RESOLUTIONS[: RESOLUTIONS.index(fitting)])]
    for choice in choices:
        rows = _rows(influx, query, choice)
        first = next(rows, None)
        if first is not None:
            return Answer(choice, _columns(choice), _after(first, rows))
    _require_known(influx, query)
    return Answer(choices[0], _columns(choices[0]), iter(()))


def influxql(query: AirQuery, resolution: str) -> str:
    """The query as InfluxQL, oldest row first."""
    names = _stored_names(query.measure, resolution)
    chosen = ", ".join(f'"{stored}" AS "{name}"' for name, stored in names.items())
    tags = ", ".join(f'"{tag}"' for tag in TAGS)
    measurement = _measurement(resolution).name
    # Only rows of this measure: others have the tags alone.
    return (
        f'SELECT {chosen}, {tags} FROM "{measurement}" WHERE {conditions(query)} '  # noqa: S608 - quoted
        f"AND time >= {query.from_s}s AND time < {query.to_s}s ORDER BY time ASC"
    )


def conditions(query: AirQuery) -> str:
    """Whose values, as a condition of InfluxQL."""
    sensor = None if query.sensor_id is None else str(query.sensor_id)
    return " AND ".join(tag_conditions(sensor_id=sensor, city=query.city, country=query.country))


def tag_conditions(**value_by_tag: str | None) -> list[str]:
    """A condition of InfluxQL for each tag that is given."""
    return [f'"{tag}" = {quoted(value)}' for tag, value in value_by_tag.items() if value is not None]


def quoted(text: str) -> str:
    """Text of somebody else as a string of InfluxQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", " ")
    return f"'{escaped}'"


def _rows(influx: InfluxReader, query: AirQuery, resolution: str) -> Iterator[dict[str, Any]]:
    bucket = _measurement(resolution).bucket.name
    for chunk in influx.chunks(bucket, influxql(query, resolution)):
        yield from chunk.rows()


def _after(first: dict[str, Any], rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rows


def _require_known(influx: InfluxReader, query: AirQuery) -> None:
    known = f'SELECT last("lat") FROM "{AIR}" WHERE {conditions(query)} AND time < now() + 1d'  # noqa: S608
    values = (
        f'SELECT last("{query.measure.field}") FROM "{AIR}" WHERE {conditions(query)} AND time < now() + 1d'  # noqa: S608
    )
    if not influx.query(LIVE_BUCKET, known) and not influx.query(LIVE_BUCKET, values):
        raise BadInputError(
            "unknown_place_or_sensor",
            f"nothing is stored of {query.whose}; `luftstrom stations` lists who sends, and as which place",
        )


def _columns(resolution: str) -> tuple[str, ...]:
    return RAW_COLUMNS if resolution == RAW else WINDOW_COLUMNS


def _stored_names(measure: Measure, resolution: str) -> dict[str, str]:
    if resolution == RAW:
        return {"value": measure.field, "flags": measure.flags_field}
    parts: Sequence[str] = ("mean", "min", "max", "count", "flagged")
    return {name: f"{measure.field}_{part}" for name, part in zip(WINDOW_COLUMNS, parts, strict=True)}


def _measurement(resolution: str) -> Measurement:
    return AIR_VALUES if resolution == RAW else AIR_WINDOWS[resolution]
