"""A small network's messages of the last day, one of each topic's kind, as the stream would publish them."""

import math

from contracts.aggregates import Aggregate, FlaggedSpan, LateReading, PlaceHour, PlaceRank, Throughput
from contracts.air_quality_indices import INDEX_MEASURES, european_level, us_sub_index
from contracts.flags import Flag
from contracts.forecasts import HORIZON_GROUPS, HORIZON_H, QUANTILES, Forecast, ForecastSkill, Method
from contracts.measure_values import MeasureValue
from contracts.measures import MEASURES
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
)

HOUR_S, DAY_S = 3600, 86_400
READING_EVERY_S = 300
LATE_S = (61, 1_800, 7_200, 200_000)  # one of each class that the dashboard counts
SIZE_S = {"5m": 300, "1h": HOUR_S, "1d": DAY_S}
FORECAST_MEASURES = ("pm25", "pm10", "temperature", "humidity", "pressure")
CHAMPIONS = ("20261120T0600Z-1a2b3c4d", "20261125T0600Z-5e6f7a8b")
MIDDLE = {
    "pm25": 14.0,
    "pm10": 24.0,
    "temperature": 8.0,
    "humidity": 72.0,
    "pressure": 1009.0,
    "noise_laeq": 52.0,
}
SPREAD = {"pressure": 6.0, "humidity": 12.0, "temperature": 4.0, "pm25": 3.0, "pm10": 4.0}
EVERYTHING = tuple(measure.name for measure in MEASURES)
# An apostrophe, a slash and brackets are what a query breaks on. The last number is how dusty it is there:
# together the cities have every level of the European index.
CITIES = (
    ("GB", "Aberdeen", 57.15, -2.10, 0.6), ("GB", "Stonehaven", 56.96, -2.21, 0.1),
    ("IT", "L'Aquila", 42.35, 13.40, 2.0), ("DE", "Halle (Saale)", 51.48, 11.97, 4.5),
    ("BE", "Woluwe/Wolu", 50.84, 4.43, 7.7), ("IN", "New Delhi", 28.61, 77.21, 20.0),
)  # fmt: skip


class Sensor:
    """One sensor: what it measures, and the fields of its place that every message carries."""

    def __init__(self, number, sensor_type, city, at, measures):
        self.number, self.measures = number, measures
        country, name, lat, lon, self.dust = city
        self.place = {"country": country, "city": name}
        self.labels = {"sensor_type": sensor_type, **self.place}
        self.position = {
            "lat": round(lat + at * 0.011, 3),
            "lon": round(lon + at % 3 * 0.017, 3),
            "indoor": 0,
        }


def sensors():
    """Stations of two in each city; the first of all measures everything."""
    made = [Sensor(100, "ALL", CITIES[0], 0, EVERYTHING)]
    for number, city in enumerate(CITIES):
        for at in range(max(6 - number, 2)):
            pair = 200 + number * 20 + 2 * at
            made.append(Sensor(pair, "SDS011", city, at, ("pm25", "pm10")))
            made.append(Sensor(pair + 1, "BME280", city, at, ("temperature", "humidity", "pressure")))
    return made


def messages(now_s):
    """Topic and message, of all that is stored of the day before `now_s`."""
    network = sensors()
    this_hour_s = now_s // HOUR_S * HOUR_S
    yield from _values(network, now_s)
    for size, size_s in SIZE_S.items():
        yield from _windows(network, size, size_s, now_s)
    for starts_at_s in range(this_hour_s - 26 * HOUR_S, this_hour_s, HOUR_S):
        yield from _place_hour(network, starts_at_s)
    yield from _streams(network, now_s)
    yield from _forecasts(network, this_hour_s)
    yield from _skills(this_hour_s)


def value_of(measure, sensor, at_s):
    """A believable course: a day's wave, and a sensor's own height."""
    wave = math.sin(at_s / DAY_S * 2 * math.pi + sensor.number) + 0.3 * math.sin(at_s / 3000 + sensor.number)
    middle, spread = MIDDLE.get(measure, 40.0), SPREAD.get(measure, 5.0)
    value = max(middle + spread * wave * 0.6 + spread * (sensor.number % 5) / 8, 0.5)
    return round(value * (sensor.dust if measure.startswith("pm") else 1.0), 2)


def _values(network, now_s):
    for at_s in range(now_s - DAY_S, now_s, READING_EVERY_S):
        for sensor in network:
            for measure in sensor.measures:
                is_high = measure == "pm25" and at_s % (5 * HOUR_S) < 1200
                flags = Flag.PM25_ABOVE_PM10 | Flag.OUT_OF_RANGE if is_high else 0
                yield MEASURE_TOPICS[measure], MeasureValue(
                    sensor_id=sensor.number, observed_at_s=at_s, value=value_of(measure, sensor, at_s),
                    flags=int(flags), **sensor.labels, **sensor.position,
                )  # fmt: skip


def _windows(network, size, size_s, now_s):
    for starts_at_s in range(
        (now_s - max(26 * HOUR_S, 3 * size_s)) // size_s * size_s, now_s - size_s, size_s
    ):
        for sensor in network:
            for measure in sensor.measures:
                mean = value_of(measure, sensor, starts_at_s)
                yield AGGREGATE_TOPICS[size], Aggregate(
                    sensor_id=sensor.number, measure=measure, starts_at_s=starts_at_s, count=22,
                    flagged=2 if sensor.number % 3 == 0 else 0, mean=mean, low=mean * 0.9, high=mean * 1.1,
                    **sensor.labels, **sensor.position,
                )  # fmt: skip


def _place_hour(network, starts_at_s):
    for country, city, *_ in CITIES:
        for measure in EVERYTHING:
            there = [s for s in network if s.place["city"] == city and measure in s.measures]
            if not there:
                continue
            ranked = sorted(
                ((value_of(measure, s, starts_at_s), s) for s in there), key=lambda pair: -pair[0]
            )
            mean = sum(value for value, _ in ranked) / len(ranked)
            is_index = measure in INDEX_MEASURES
            yield PLACES_1H, PlaceHour(
                country=country, city=city, measure=measure, starts_at_s=starts_at_s, sensors=len(there),
                mean=mean, median=ranked[len(ranked) // 2][0],
                european_aqi=european_level(measure, mean) if is_index else None,
                nowcast=mean if is_index else None, us_aqi=us_sub_index(measure, mean) if is_index else None,
            )  # fmt: skip
            for is_highest, order in ((True, ranked), (False, ranked[::-1])):
                for rank, (value, sensor) in enumerate(order[:10], 1):
                    yield PLACE_RANKS_1H, PlaceRank(
                        country=country, city=city, measure=measure, starts_at_s=starts_at_s, rank=rank,
                        is_highest=is_highest, sensor_id=sensor.number, mean=value,
                        sensor_type=sensor.labels["sensor_type"], lat=sensor.position["lat"],
                        lon=sensor.position["lon"],
                    )  # fmt: skip


def _streams(network, now_s):
    for starts_at_s in range((now_s - 4 * HOUR_S) // 10 * 10, now_s - 900, 10):
        yield (
            THROUGHPUT_10S,
            Throughput(starts_at_s=starts_at_s, readings=3 + starts_at_s % 70 // 10, country="GB"),
        )
        yield THROUGHPUT_10S, Throughput(starts_at_s=starts_at_s, readings=1, country=None)
    for number, sensor in enumerate(network):
        flag = (Flag.STUCK, Flag.SPIKE, Flag.HIGH_HUMIDITY, Flag.FAR_FROM_NEIGHBOURS, Flag.DEAD)[number % 5]
        for hours_ago in range(1, 20, 3):
            starts_at_s = (now_s // HOUR_S - hours_ago) * HOUR_S
            yield FLAGS, FlaggedSpan(
                sensor_id=sensor.number, measure="pm25" if "pm25" in sensor.measures else "temperature",
                flags=int(flag), starts_at_s=starts_at_s, ends_at_s=starts_at_s + HOUR_S, **sensor.labels,
            )  # fmt: skip
            yield READINGS_LATE, LateReading(
                sensor_id=sensor.number, observed_at_s=starts_at_s + number,
                late_s=LATE_S[number % len(LATE_S)], source_topic="readings-raw-v1",
                source_partition=0, source_offset=number,
            )  # fmt: skip


def _forecasts(network, this_hour_s):
    for sensor in network:
        # The whole day before for one sensor, the newest for all.
        hours_back = range(26, -1, -1) if sensor.number == 100 else range(1)
        for issued_at_s in (this_hour_s - hours * HOUR_S for hours in hours_back):
            for measure in FORECAST_MEASURES:
                if measure in sensor.measures:
                    yield FORECASTS, Forecast(
                        sensor_id=sensor.number, measure=measure, issued_at_s=issued_at_s,
                        method=Method.RNN if sensor.number % 2 == 0 else Method.BLEND, model=CHAMPIONS[0],
                        quantiles=[_quantiles(measure, sensor, issued_at_s, h) for h in range(HORIZON_H)],
                        **sensor.labels,
                    )  # fmt: skip


def _quantiles(measure, sensor, issued_at_s, hours):
    middle = value_of(measure, sensor, issued_at_s + hours * HOUR_S)
    width = SPREAD.get(measure, 5.0) * (0.15 + 0.02 * hours)
    return [round(max(middle + width * 3 * (share - 0.5), 0.0), 3) for share in QUANTILES]


def _skills(this_hour_s):
    for valid_at_s in range(this_hour_s - 3 * DAY_S, this_hour_s - HOUR_S, HOUR_S):
        for number, measure in enumerate(FORECAST_MEASURES):
            for step, group in enumerate(HORIZON_GROUPS):
                for method in (Method.RNN, Method.BLEND):
                    wave = math.sin(valid_at_s / 20_000 + number + step)
                    yield FORECAST_SKILL, ForecastSkill(
                        measure=measure, method=method, horizon_group=group, valid_at_s=valid_at_s,
                        model=CHAMPIONS[valid_at_s > this_hour_s - DAY_S], count=40,
                        mae=1.2 + 0.2 * step + 0.1 * wave, bias=0.1 * wave, wql=0.2, mase=0.7 + 0.05 * wave,
                        coverage_80=0.8 + 0.04 * wave,
                        skill_blend=0.05 + 0.03 * wave if method is Method.RNN else 0.0,
                        skill_naive=0.1 + 0.05 * wave, skill_seasonal_naive=0.3 + 0.05 * wave,
                    )  # fmt: skip
