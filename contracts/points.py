"""The registry of what is stored: for each topic the bucket, the measurements, and the lines of a message."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from typing import Any, Generic, TypeVar

from contracts.aggregates import Aggregate, FlaggedSpan, LateReading, PlaceHour, PlaceRank, Throughput
from contracts.dead_letters import Reason
from contracts.errors import BadInputError
from contracts.flags import Flag
from contracts.forecasts import HORIZON_H, Forecast, ForecastSkill
from contracts.line_protocol import (
    SERIES_KEYS_MAX,
    Fields,
    Line,
    Tags,
    field_text,
    line,
    sensor_key,
    series_key,
)
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURE_BY_NAME, Measure
from contracts.stored import (
    AIR,
    AIR_VALUES,
    AIR_WINDOWS,
    FLAGGED_SPANS,
    FORECAST_SKILLS,
    FORECASTS_BY_LEAD,
    FORECASTS_NEWEST,
    HIGHEST,
    LATE_READINGS,
    LEADS_H,
    LOWEST,
    PLACE_HOURS,
    PLACE_RANKS,
    QUANTILE_FIELDS,
    THROUGHPUT,
    Bucket,
    FieldType,
    Measurement,
)
from contracts.topics import (
    AGGREGATE_TOPICS,
    FLAGS,
    FORECAST_SKILL,
    FORECASTS,
    MEASURE_TOPICS,
    PLACE_RANKS_1H,
    PLACES_1H,
    READINGS_LATE,
    THROUGHPUT_10S,
    Topic,
)

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Generic[M]):
    """How the messages of one topic are stored.

    `lines` gives the lines of one message, at least one; it raises BadInputError where there can be none.
    `moment_s` gives the time (Unix seconds) by which a message is too old for the bucket, or from the future:
    of a forecast when it was issued, for the hours it is of are to come.
    """

    topic: Topic[M]
    measurements: tuple[Measurement, ...]
    lines: Callable[..., list[Line]]
    moment_s: Callable[[M], int]

    @property
    def bucket(self) -> Bucket:
        """The one bucket of all its measurements."""
        return self.measurements[0].bucket


class Placed:
    """The newest readings whose position was written, by hashes of their series and time.

    Of `newest_max` the older half is forgotten at once: a position is written again at worst.
    """

    def __init__(self, newest_max: int = 100_000) -> None:
        self._newer: set[int] = set()
        self._older: set[int] = set()
        self._half = newest_max // 2

    def is_first(self, reading: int) -> bool:
        """Whether the reading is met for the first time; from now on it is known."""
        if reading in self._newer or reading in self._older:
            return False
        self._newer.add(reading)
        if len(self._newer) >= self._half:
            self._older, self._newer = self._newer, set()
        return True


def value_lines(measure: Measure) -> Callable[..., list[Line]]:
    """Gives the one line of `air` of a value of the measure: fields of one reading's values merge there.

    So the position need not be written again with each of them: `placed` knows those that have it.
    """
    field, flags_field = f" {measure.field}=", f",{measure.flags_field}="

    def lines(value: MeasureValue, placed: Placed | None = None) -> list[Line]:
        number, at_s = value.value, value.observed_at_s
        if not math.isfinite(number):
            raise BadInputError(Reason.NOT_A_NUMBER, str(number))
        series, position = _sensor_texts(
            value.sensor_id, value.sensor_type, value.country, value.city,
            value.lat, value.lon, value.indoor,
        )  # fmt: skip
        if placed is not None and not placed.is_first(hash((series, at_s))):
            position = ""
        return [(series, f"{series}{field}{number!r}{flags_field}{value.flags}i{position} {at_s}")]

    return lines


def window_lines(measurement: Measurement) -> Callable[[Aggregate], list[Line]]:
    """Gives the one line of an aggregate in the measurement of its window's size."""

    def lines(window: Aggregate) -> list[Line]:
        field = _measure(window.measure).field
        fields = {
            f"{field}_mean": window.mean,
            f"{field}_min": window.low,
            f"{field}_max": window.high,
            f"{field}_count": window.count,
            f"{field}_flagged": window.flagged,
            "lat": window.lat,
            "lon": window.lon,
            "indoor": window.indoor,
        }
        key = sensor_key(measurement.name, window.sensor_id, window.sensor_type, window.country, window.city)
        return [line(measurement, key, fields, window.starts_at_s)]

    return lines


def place_hour_lines(hour: PlaceHour) -> list[Line]:
    """The one line of a city's hour; hours of its measures merge."""
    measure = _measure(hour.measure)
    fields = {
        f"{measure.field}_mean": hour.mean,
        f"{measure.field}_median": hour.median,
        f"{measure.name}_sensors": hour.sensors,
        f"{measure.name}_european_aqi": hour.european_aqi,
        f"{measure.name}_us_aqi": hour.us_aqi,
        f"{measure.field}_nowcast": hour.nowcast,
    }
    key = series_key(PLACE_HOURS.name, {"city": hour.city, "country": hour.country})
    return [line(PLACE_HOURS, key, fields, hour.starts_at_s)]


def place_rank_lines(rank: PlaceRank) -> list[Line]:
    """The one line of a rank; ranks of a city's measures merge."""
    measure = _measure(rank.measure)
    fields = {
        f"{measure.field}_mean": rank.mean,
        f"{measure.name}_sensor_id": rank.sensor_id,
        f"{measure.name}_sensor_type": rank.sensor_type,
        f"{measure.name}_lat": rank.lat,
        f"{measure.name}_lon": rank.lon,
    }
    extreme = HIGHEST if rank.is_highest else LOWEST
    tags: Tags = {"city": rank.city, "country": rank.country, "extreme": extreme, "rank": rank.rank}
    return [line(PLACE_RANKS, series_key(PLACE_RANKS.name, tags), fields, rank.starts_at_s)]


def throughput_lines(window: Throughput) -> list[Line]:
    """The one line of a country's ten seconds."""
    key = series_key(THROUGHPUT.name, {"country": window.country})
    return [line(THROUGHPUT, key, {"readings": window.readings}, window.starts_at_s)]


def late_reading_lines(late: LateReading) -> list[Line]:
    """The one line of a late reading."""
    key = series_key(LATE_READINGS.name, {"sensor_id": late.sensor_id})
    return [line(LATE_READINGS, key, {"late_s": late.late_s}, late.observed_at_s)]


def flagged_span_lines(span: FlaggedSpan) -> list[Line]:
    """A line for each flag of the span."""
    fields = {f"{_measure(span.measure).name}_ends_at_s": span.ends_at_s}
    flags = [flag for flag in Flag if flag & span.flags]
    if not flags:
        raise BadInputError(Reason.UNDECODABLE, f"no flag in {span.flags}")
    return [line(FLAGGED_SPANS, _span_key(span, flag), fields, span.starts_at_s) for flag in flags]


def forecast_lines(forecast: Forecast) -> list[Line]:
    """A line for each hour, and one more for those at the leads that are kept."""
    rows = forecast.quantiles
    if len(rows) != HORIZON_H or any(len(row) != len(QUANTILE_FIELDS) for row in rows):
        raise BadInputError(
            Reason.UNDECODABLE, f"quantiles are not {HORIZON_H} rows of {len(QUANTILE_FIELDS)}"
        )
    _measure(forecast.measure)
    newest = [_hour_line(FORECASTS_NEWEST, forecast, horizon_h) for horizon_h in range(1, HORIZON_H + 1)]
    return newest + [_hour_line(FORECASTS_BY_LEAD, forecast, lead_h) for lead_h in LEADS_H]


def forecast_skill_lines(skill: ForecastSkill) -> list[Line]:
    """The one line of the skill of an hour."""
    _measure(skill.measure)
    tags = {"horizon_group": skill.horizon_group, "measure": skill.measure, "method": skill.method.value}
    fields: Fields = {name: getattr(skill, name) for name in FORECAST_SKILLS.fields}
    return [line(FORECAST_SKILLS, series_key(FORECAST_SKILLS.name, tags), fields, skill.valid_at_s)]


def _hour_line(measurement: Measurement, forecast: Forecast, horizon_h: int) -> Line:
    known: dict[str, Any] = {
        "city": forecast.city,
        "country": forecast.country,
        "lead_h": horizon_h,
        "measure": forecast.measure,
        "method": forecast.method.value,
        "sensor_id": forecast.sensor_id,
        "sensor_type": forecast.sensor_type,
        "horizon_h": horizon_h,
        "issued_at": forecast.issued_at_s,
        "model": forecast.model,
        **dict(zip(QUANTILE_FIELDS, forecast.quantiles[horizon_h - 1], strict=True)),
    }
    key = series_key(measurement.name, {name: known[name] for name in measurement.tags})
    fields = {name: known[name] for name in measurement.fields}
    return line(measurement, key, fields, forecast.valid_at_s(horizon_h))


def _span_key(span: FlaggedSpan, flag: Flag) -> str:
    tags = {
        "city": span.city,
        "country": span.country,
        "flag": str(flag.name).lower(),
        "sensor_id": span.sensor_id,
        "sensor_type": span.sensor_type,
    }
    return series_key(FLAGGED_SPANS.name, tags)


@lru_cache(maxsize=SERIES_KEYS_MAX)
def _sensor_texts(
    sensor_id: int,
    sensor_type: str | None,
    country: str | None,
    city: str | None,
    lat: float | None,
    lon: float | None,
    indoor: int | None,
) -> tuple[str, str]:
    """A sensor's series in `air`, and the fields of its position: it stands still."""
    position = ""
    if lat is not None and lon is not None:
        position = f",lat={field_text(FieldType.FLOAT, lat)},lon={field_text(FieldType.FLOAT, lon)}"
    if indoor is not None:
        position += f",indoor={indoor}i"
    tags = {"city": city, "country": country, "sensor_id": sensor_id, "sensor_type": sensor_type}
    return series_key(AIR, tags), position


def _measure(name: str) -> Measure:
    measure = MEASURE_BY_NAME.get(name)
    if measure is None:
        raise BadInputError(Reason.UNKNOWN_MEASURE, name)
    return measure


def _of_values(name: str, topic: Topic[MeasureValue]) -> Stored[MeasureValue]:
    return Stored(
        topic=topic,
        measurements=(AIR_VALUES,),
        lines=value_lines(MEASURE_BY_NAME[name]),
        moment_s=attrgetter("observed_at_s"),
    )


def _of_windows(topic: Topic[M], measurement: Measurement, lines: Callable[[M], list[Line]]) -> Stored[M]:
    return Stored(topic=topic, measurements=(measurement,), lines=lines, moment_s=attrgetter("starts_at_s"))


STORED: tuple[Stored[Any], ...] = (
    *(_of_values(name, topic) for name, topic in MEASURE_TOPICS.items()),
    *(
        _of_windows(topic, AIR_WINDOWS[size], window_lines(AIR_WINDOWS[size]))
        for size, topic in AGGREGATE_TOPICS.items()
    ),
    _of_windows(PLACES_1H, PLACE_HOURS, place_hour_lines),
    _of_windows(PLACE_RANKS_1H, PLACE_RANKS, place_rank_lines),
    _of_windows(THROUGHPUT_10S, THROUGHPUT, throughput_lines),
    _of_windows(FLAGS, FLAGGED_SPANS, flagged_span_lines),
    Stored(
        topic=READINGS_LATE,
        measurements=(LATE_READINGS,),
        lines=late_reading_lines,
        moment_s=attrgetter("observed_at_s"),
    ),
    Stored(
        topic=FORECASTS,
        measurements=(FORECASTS_NEWEST, FORECASTS_BY_LEAD),
        lines=forecast_lines,
        moment_s=attrgetter("issued_at_s"),
    ),
    Stored(
        topic=FORECAST_SKILL,
        measurements=(FORECAST_SKILLS,),
        lines=forecast_skill_lines,
        moment_s=attrgetter("valid_at_s"),
    ),
)

STORED_BY_TOPIC: dict[str, Stored[Any]] = {stored.topic.name: stored for stored in STORED}
