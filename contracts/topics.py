"""The registry of topics: every message is encoded and decoded here and nowhere else.

Retention is by size, never by record time, for replays carry old timestamps.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import msgspec

from contracts.aggregates import Aggregate, FlaggedSpan, LateReading, PlaceHour, PlaceRank, Throughput
from contracts.dead_letters import DeadLetter
from contracts.errors import BadInputError
from contracts.forecasts import Forecast, ForecastSkill
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURES
from contracts.readings import RawReading, decode_raw_reading, encode_raw_reading
from contracts.sensors import Sensor

GIB = 1024**3

M = TypeVar("M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Generic[M]):
    """One topic: what lies in it, who writes it, who reads it, and how it is kept."""

    name: str
    about: str
    key: str
    encode: Callable[[M], bytes]
    decode: Callable[[bytes], M]
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    partitions: int = 4
    retention_bytes: int = GIB  # of each partition
    settings: dict[str, str] = field(default_factory=dict)

    def of_version(self, version: int) -> "Topic[M]":
        """The same topic in another version, `readings-raw-v2`: filled by a replay, read once it is whole."""
        return replace(self, name=f"{self.name.rpartition('-v')[0]}-v{version}")

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings as Kafka names them."""
        return {"retention.ms": "-1", "retention.bytes": str(self.retention_bytes), **self.settings}


def _json_codec(message: type[M]) -> tuple[Callable[[M], bytes], Callable[[bytes], M]]:
    decoder = msgspec.json.Decoder(message)

    def decode(body: bytes) -> M:
        try:
            return decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise BadInputError("undecodable", str(error)) from error

    return msgspec.json.Encoder().encode, decode


READINGS_RAW: Topic[RawReading] = Topic(
    name="readings-raw-v1",
    about="The upstream record as it came, plus `place`, `fetched_at`, `schema`, any `origin`: the one log.",
    key="sensor id",
    encode=encode_raw_reading,
    decode=decode_raw_reading,
    writers=("scraper",),
    readers=("flink_jobs",),
    retention_bytes=4 * GIB,
)

READINGS_ARCHIVE: Topic[RawReading] = Topic(
    name="readings-archive-v1",
    about="The same as readings-raw-v1, from archives.",
    key="sensor id",
    encode=encode_raw_reading,
    decode=decode_raw_reading,
    writers=("scraper",),
    readers=("flink_jobs",),
    retention_bytes=4 * GIB,
)

# One way in each; its counts in Redis, a replay and a letter's `door` are named by it.
DOORS: dict[str, Topic[RawReading]] = {"live": READINGS_RAW, "archive": READINGS_ARCHIVE}


def _measure_topic(measure_name: str) -> Topic[MeasureValue]:
    encode, decode = _json_codec(MeasureValue)
    return Topic(
        name=f"measure-{measure_name.replace('_', '-')}-v1",
        about=f"One value of {measure_name}: sensor, place, position, time, value, flags.",
        key="sensor id",
        encode=encode,
        decode=decode,
        writers=("flink_jobs",),
        readers=("collector",),
        partitions=2,
    )


MEASURE_TOPICS: dict[str, Topic[MeasureValue]] = {
    measure.name: _measure_topic(measure.name) for measure in MEASURES
}


def _aggregated(name: str, message: type[M], about: str, *, key: str, partitions: int = 2) -> Topic[M]:
    encode, decode = _json_codec(message)
    return Topic(
        name=name,
        about=about,
        key=key,
        encode=encode,
        decode=decode,
        writers=("flink_jobs",),
        readers=("collector",),
        partitions=partitions,
    )


AGGREGATE_TOPICS: dict[str, Topic[Aggregate]] = {
    size: _aggregated(
        f"aggregates-{size}-v1", Aggregate, f"A sensor's values of one measure in {words}.", key="sensor id"
    )
    for size, words in (("5m", "five minutes"), ("1h", "an hour"), ("1d", "a day, UTC"))
}

PLACES_1H: Topic[PlaceHour] = _aggregated(
    "places-1h-v1",
    PlaceHour,
    "A city's sensors, mean, median and air quality indices of an hour.",
    key="city",
)

PLACE_RANKS_1H: Topic[PlaceRank] = _aggregated(
    "place-ranks-1h-v1", PlaceRank, "The ten highest and ten lowest sensors of a city in an hour.", key="city"
)

THROUGHPUT_10S: Topic[Throughput] = _aggregated(
    "throughput-10s-v1", Throughput, "Readings of a country in ten seconds.", key="country", partitions=1
)

READINGS_LATE: Topic[LateReading] = _aggregated(
    "readings-late-v1", LateReading, "Where a reading lies that came after its window.", key="sensor id"
)

FLAGS: Topic[FlaggedSpan] = _aggregated(
    "flags-v1", FlaggedSpan, "Doubts that a reading alone does not tell, of a span of time.", key="sensor id"
)

_encode_forecast, _decode_forecast = _json_codec(Forecast)

FORECASTS: Topic[Forecast] = Topic(
    name="forecasts-v1",
    about="One issue of one sensor and measure: quantiles of the next 24 hours.",
    key="sensor id",
    encode=_encode_forecast,
    decode=_decode_forecast,
    writers=("app_predict",),
    readers=("collector",),
    partitions=2,
)

_encode_forecast_skill, _decode_forecast_skill = _json_codec(ForecastSkill)

FORECAST_SKILL: Topic[ForecastSkill] = Topic(
    name="forecast-skill-v1",
    about="How the forecasts for an hour did, by measure, method and group of horizons.",
    key="measure",
    encode=_encode_forecast_skill,
    decode=_decode_forecast_skill,
    writers=("app_predict",),
    readers=("collector",),
    partitions=1,
)

_encode_dead_letter, _decode_dead_letter = _json_codec(DeadLetter)

DEAD_LETTERS: Topic[DeadLetter] = Topic(
    name="dead-letters-v1",
    about="What could not be used: the reason, where it was read, and its bytes.",
    key="none",
    encode=_encode_dead_letter,
    decode=_decode_dead_letter,
    writers=("scraper", "flink_jobs", "collector"),
    readers=("luftstrom",),
    partitions=1,
    settings={"max.message.bytes": str(2 * 1024 * 1024)},
)

_encode_sensor, _decode_sensor = _json_codec(Sensor)

SENSORS: Topic[Sensor] = Topic(
    name="sensors-v1",
    about="The last known description of each sensor: new, moved, retyped, silent, back. Compacted.",
    key="sensor id",
    encode=_encode_sensor,
    decode=_decode_sensor,
    writers=("scraper",),
    readers=("anyone",),
    partitions=1,
    settings={"cleanup.policy": "compact"},
)

TOPICS: tuple[Topic[Any], ...] = (
    READINGS_RAW,
    READINGS_ARCHIVE,
    *MEASURE_TOPICS.values(),
    *AGGREGATE_TOPICS.values(),
    PLACES_1H,
    PLACE_RANKS_1H,
    THROUGHPUT_10S,
    READINGS_LATE,
    FLAGS,
    FORECASTS,
    FORECAST_SKILL,
    DEAD_LETTERS,
    SENSORS,
)
