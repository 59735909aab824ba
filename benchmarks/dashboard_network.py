"""A day of a network of 15,000 sensors as the collector stores it, made in minutes: to measure queries on.

Half of the sensors measure dust, half the climate, two at a station; one city has a tenth of all of them.
A line is `contracts`' own line of a message with other numbers in it.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice

from contracts.aggregates import FlaggedSpan, PlaceHour, PlaceRank, Throughput
from contracts.errors import UnavailableError
from contracts.flags import Flag
from contracts.line_protocol import Line, sensor_key
from contracts.measures import MEASURE_BY_NAME
from contracts.points import flagged_span_lines, place_hour_lines, place_rank_lines, throughput_lines
from contracts.stored import AIR_VALUES, QUANTILE_FIELDS
from runtime.influx_store import InfluxPointStore
from runtime.store_interface import WriteRefusedError

HOUR_S = 3600
READING_EVERY_S = 145
BATCH_LINES = 5_000
WRITERS = 2
TRIES = 10
DUST, CLIMATE = ("pm25", "pm10"), ("temperature", "humidity", "pressure")
BASE_BY_MEASURE = {"pm25": 12.0, "pm10": 20.0, "temperature": 9.0, "humidity": 75.0, "pressure": 1012.0}
COUNTRIES, CITIES = 60, 1_200
VARIANTS = 997
LARGE_CITY = 0


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor of the network: its series' key without the measurement, and the text of its position."""

    number: int
    sensor_type: str
    country: str
    city: str
    lat: float
    lon: float
    measures: tuple[str, ...]

    def key(self, measurement: str) -> str:
        """The series in a measurement."""
        return sensor_key(measurement, self.number, self.sensor_type, self.country, self.city)

    @property
    def position(self) -> str:
        """The fields of its position."""
        return f",lat={self.lat!r},lon={self.lon!r},indoor=0i"


def sensors(count: int) -> list[Sensor]:
    """So many sensors, two at a station."""
    return [_sensor(number) for number in range(count)]


def fill(
    network: list[Sensor], write: "Writer", *, until_s: int, hours: int, raw_hours: int
) -> Iterator[tuple[str, int]]:
    """Store the hours before `until_s` (Unix seconds, a whole hour): each measurement and its lines.

    Readings and windows of five minutes are of the last `raw_hours` only.
    """
    from_s, raw_s, live = until_s - hours * HOUR_S, until_s - raw_hours * HOUR_S, AIR_VALUES.bucket.name
    yield "place_1h", write("hourly", _place_hours(network, from_s, until_s))
    yield "place_rank_1h", write("hourly", _place_ranks(network, until_s - 3 * HOUR_S, until_s))
    yield "air_1h", write("hourly", _windows(network, "1h", HOUR_S, from_s, until_s))
    yield "flagged_span", write(live, _flagged_spans(network, from_s, until_s))
    yield "throughput_10s", write(live, _throughputs(from_s, until_s))
    yield "forecast", write("forecasts", _forecasts(network, from_s, until_s + 24 * HOUR_S))
    yield "air", write(live, _readings(network, raw_s, until_s))
    yield "air_5m", write(live, _windows(network, "5m", 300, raw_s, until_s))


class Writer:
    """Writes lines in large batches, several at once."""

    def __init__(self, *, url: str, org: str, token: str) -> None:
        self._url, self._org, self._token = url, org, token

    def __call__(self, bucket: str, lines: Iterator[str]) -> int:
        """Write all lines into the bucket; how many."""
        with ExitStack() as stack:
            stores = [stack.enter_context(closing(self._store(bucket))) for _ in range(WRITERS)]
            pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
            count, running = 0, []
            for number, batch in enumerate(_batches(lines)):
                count += len(batch)
                running.append(pool.submit(_write, stores[number % WRITERS], batch))
                if len(running) > WRITERS:
                    running.pop(0).result()
            for each in running:
                each.result()
        return count

    def _store(self, bucket: str) -> InfluxPointStore:
        return InfluxPointStore(url=self._url, org=self._org, bucket=bucket, token=self._token)


def _write(store: InfluxPointStore, batch: list[str]) -> None:
    """A store under such load says now and then that it could not follow: the same again."""
    for _ in range(TRIES - 1):
        try:
            store.write(batch)
        except (WriteRefusedError, UnavailableError):
            continue
        return
    store.write(batch)


def _sensor(number: int) -> Sensor:
    station = number // 2
    city = LARGE_CITY if station % 10 == 0 else 1 + station % (CITIES - 1)
    angle = station * 2.399963  # golden angle: stations lie evenly round their city
    spread = 0.05 * math.sqrt(station % 97 + 1)
    return Sensor(
        number=20_000_000 + number,
        sensor_type=("SDS011", "BME280")[number % 2],
        country=f"C{city % COUNTRIES:02}",
        city=f"City {city}",
        lat=round(-35 + city * 95 / CITIES + 0.1 * spread * math.sin(angle), 3),
        lon=round(-120 + city * 37 % 280 + 0.1 * spread * math.cos(angle), 3),
        measures=(DUST, CLIMATE)[number % 2],
    )


def _readings(network: list[Sensor], from_s: int, until_s: int) -> Iterator[str]:
    texts = {measures: _variants(_reading_fields, measures) for measures in (DUST, CLIMATE)}
    heads = [(f"{each.key('air')} ", each.position, texts[each.measures]) for each in network]
    for step, at_s in enumerate(range(from_s, until_s, READING_EVERY_S)):
        for number, (key, position, fields) in enumerate(heads):
            text = fields[(number * 7 + step) % VARIANTS]
            yield f"{key}{text}{position} {at_s + number % READING_EVERY_S}"


def _windows(network: list[Sensor], size: str, size_s: int, from_s: int, until_s: int) -> Iterator[str]:
    texts = {measures: _variants(_window_fields, measures) for measures in (DUST, CLIMATE)}
    heads = [(f"{each.key(f'air_{size}')} ", each.position, texts[each.measures]) for each in network]
    for step, at_s in enumerate(range(from_s, until_s, size_s)):
        for number, (key, position, fields) in enumerate(heads):
            yield f"{key}{fields[(number * 7 + step) % VARIANTS]}{position} {at_s}"


def _variants(fields_of: Callable[[str, float], str], measures: tuple[str, ...]) -> list[str]:
    """The fields of so many lines, one after another in time: to make them costs more than to store them."""
    return [
        ",".join(fields_of(name, _value(name, 0, variant * READING_EVERY_S)) for name in measures)
        for variant in range(VARIANTS)
    ]


def _reading_fields(measure: str, value: float) -> str:
    return f"{MEASURE_BY_NAME[measure].field}={value},{measure}_flags=0i"


def _window_fields(measure: str, mean: float) -> str:
    field = MEASURE_BY_NAME[measure].field
    values = f"{field}_mean={mean},{field}_min={mean - 1:.2f},{field}_max={mean + 1:.2f}"
    return f"{values},{field}_count=2i,{field}_flagged=0i"


def _forecasts(network: list[Sensor], from_s: int, until_s: int) -> Iterator[str]:
    texts = {measure: _variants(_quantile_fields, (measure,)) for measure in (*DUST, *CLIMATE)}
    for number, sensor in enumerate(network):
        tags = sensor.key("forecast").partition(",")[2]
        city_country, _, rest = tags.partition(",sensor_id=")
        for measure in sensor.measures:
            key = f"forecast,{city_country},measure={measure},method=rnn,sensor_id={rest}"
            for step, at_s in enumerate(range(from_s, until_s, HOUR_S)):
                bands = texts[measure][(number * 7 + step) % VARIANTS]
                yield f'{key} {bands},horizon_h=1i,issued_at={at_s}i,model="m1" {at_s}'


def _quantile_fields(_measure: str, middle: float) -> str:
    return ",".join(f"{name}={middle + n - 5:.2f}" for n, name in enumerate(QUANTILE_FIELDS))


def _place_hours(network: list[Sensor], from_s: int, until_s: int) -> Iterator[str]:
    for city, country in sorted({(each.city, each.country) for each in network}):
        for at_s in range(from_s, until_s, HOUR_S):
            for measure in (*DUST, *CLIMATE):
                mean = _value(measure, len(city), at_s)
                is_dust = measure in DUST
                yield from _texts(place_hour_lines(
                    PlaceHour(
                        country=country, city=city, measure=measure, starts_at_s=at_s, sensors=6,
                        mean=mean, median=mean, european_aqi=2 if is_dust else None,
                        nowcast=mean if is_dust else None, us_aqi=50 if is_dust else None,
                    )
                ))  # fmt: skip


def _place_ranks(network: list[Sensor], from_s: int, until_s: int) -> Iterator[str]:
    by_city: dict[tuple[str, str], list[Sensor]] = {}
    for sensor in network:
        if sensor.measures == DUST:
            by_city.setdefault((sensor.city, sensor.country), []).append(sensor)
    for (city, country), of_city in by_city.items():
        for at_s in range(from_s, until_s, HOUR_S):
            for rank, sensor in enumerate(of_city[:10], 1):
                for measure in DUST:
                    yield from _texts(place_rank_lines(
                        PlaceRank(
                            country=country, city=city, measure=measure, starts_at_s=at_s, is_highest=True,
                            rank=rank, sensor_id=sensor.number, mean=30.0 - rank, sensor_type="SDS011",
                            lat=sensor.lat, lon=sensor.lon,
                        )
                    ))  # fmt: skip


def _flagged_spans(network: list[Sensor], from_s: int, until_s: int) -> Iterator[str]:
    """One sensor in twenty is doubted each hour."""
    doubts = (Flag.STUCK, Flag.SPIKE, Flag.HIGH_HUMIDITY, Flag.FAR_FROM_NEIGHBOURS)
    for sensor in network[::20]:
        for at_s in range(from_s, until_s, HOUR_S):
            yield from _texts(flagged_span_lines(
                FlaggedSpan(
                    sensor_id=sensor.number, measure=sensor.measures[0],
                    starts_at_s=at_s, ends_at_s=at_s + HOUR_S,
                    flags=doubts[sensor.number // 20 % len(doubts)], sensor_type=sensor.sensor_type,
                    country=sensor.country, city=sensor.city,
                )
            ))  # fmt: skip


def _throughputs(from_s: int, until_s: int) -> Iterator[str]:
    for at_s in range(from_s, until_s, 10):
        for country in range(COUNTRIES):
            yield from _texts(
                throughput_lines(Throughput(starts_at_s=at_s, readings=30, country=f"C{country:02}"))
            )


def _texts(lines: list[Line]) -> list[str]:
    return [text for _, text in lines]


def _value(measure: str, number: int, at_s: int) -> float:
    return round(BASE_BY_MEASURE[measure] + (number % 31 - 15) / 3 + 4 * math.sin(at_s / 13_751 + number), 2)


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    rows = iter(lines)
    while batch := list(islice(rows, BATCH_LINES)):
        yield batch
