"""A second reading of what the jobs must give, in plain Python, which shares no code with the product.

Written from the words of the contracts; every number is written out by hand on purpose: were it imported,
a wrong unit or limit in the product would be wrong here too. It is slow and simple: whole lists, no streams.
"""

import math
import statistics
from collections import Counter, defaultdict
from datetime import UTC, datetime
from fractions import Fraction
from typing import NamedTuple

PATIENCE_S = 15 * 60
FUTURE_S = 300

OUT_OF_RANGE, SATURATED, UNIT_REPAIRED, PM25_ABOVE_PM10, SENSOR_FAULT, FROM_FUTURE = 1, 2, 4, 8, 16, 32
DEAD, SPIKE, STUCK, HIGH_HUMIDITY, FAR_FROM_NEIGHBOURS = 64, 128, 256, 512, 1024

# value_type -> (measure, factor, low, high, end of the scale)
MEASURE_OF_VALUE_TYPE = {
    "P1": ("pm10", 1.0, 0.0, 1900.0, 1999.9),
    "P2": ("pm25", 1.0, 0.0, 900.0, 999.9),
    "temperature": ("temperature", 1.0, -50.0, 60.0, None),
    "humidity": ("humidity", 1.0, 0.0, 100.0, None),
    "pressure": ("pressure", 0.01, 300.0, 1100.0, None),
}
CLIMATE = ("temperature", "humidity", "pressure")
DUST = ("pm10", "pm25")
FASTEST_PER_MIN = {"pm10": 100.0, "pm25": 100.0, "temperature": 5.0, "humidity": 20.0, "pressure": 3.0}
FAR_AT_LEAST = {"pm10": 15.0, "pm25": 15.0, "temperature": 5.0, "humidity": 20.0}
EUROPEAN_UPPER = {"pm25": (5, 15, 50, 90, 140), "pm10": (15, 45, 120, 195, 270)}
US_INDEX = ((0, 50), (51, 100), (101, 150), (151, 200), (201, 300), (301, 500))
US_BREAKPOINTS = {
    "pm25": ("0 9.0", "9.1 35.4", "35.5 55.4", "55.5 125.4", "125.5 225.4", "225.5 325.4"),
    "pm10": ("0 54", "55 154", "155 254", "255 354", "355 424", "425 604"),
}
US_STEP = {"pm25": Fraction(1, 10), "pm10": Fraction(1)}
SIZE_S = {"5m": 300, "1h": 3600, "1d": 86_400}


class Series(NamedTuple):
    """What a window is of."""

    sensor_id: int
    sensor_type: str
    country: str
    city: str
    lat: float
    lon: float
    indoor: int
    measure: str


class Value(NamedTuple):
    """A value with the doubts that its reading tells."""

    series: Series
    at_s: int
    value: float
    flags: int

    @property
    def believable(self):
        return self.value if self.flags & ~UNIT_REPAIRED == 0 else None


class Window(NamedTuple):
    """What is known of a window."""

    count: int
    flagged: int
    mean: float | None
    low: float | None
    high: float | None


class Reference:
    """All that must come of readings (dictionaries as they lie in the raw log), in the order they come in."""

    def __init__(self, readings):
        self.values, self.late, timely = [], Counter(), []
        seen, watermark_s = set(), -math.inf
        for reading in readings:
            at_s = reading["event_time_ms"] // 1000
            before_s = watermark_s
            is_ahead = at_s > _fetched_s(reading) + FUTURE_S
            if not is_ahead:
                watermark_s = max(watermark_s, at_s - PATIENCE_S)
            if reading["id"] in seen:
                continue
            seen.add(reading["id"])
            values = _values_of(reading, at_s, is_ahead=is_ahead)
            self.values += values
            if is_ahead:
                continue
            if at_s <= before_s:
                self.late[reading["sensor"]["id"], at_s, int(before_s - at_s)] += 1
            else:
                timely.append((reading, at_s, values))
        self.throughput = Counter(
            ((reading.get("place") or {}).get("country"), at_s // 10 * 10) for reading, at_s, _ in timely
        )
        self._judge([value for _, _, values in timely for value in values])
        self._count_places()

    def _judge(self, timely):
        self.flags = Counter()  # (sensor, measure, from, to): mask
        usable = self._dead_and_spikes(timely)
        self.windows = {size: _windows(timely, usable, size_s) for size, size_s in SIZE_S.items()}
        self._humid()
        self._stuck()
        self._far()

    def _dead_and_spikes(self, timely):
        """Whether each value, by its place in the list, counts in the means."""
        by_sequence = defaultdict(list)
        for number, value in enumerate(timely):
            by_sequence[value.series.sensor_id, value.series.measure].append((value.at_s, number))
        usable = {}
        for (sensor_id, measure), order in by_sequence.items():
            numbers = [number for _, number in sorted(order)]
            for n, number in enumerate(numbers):
                value = timely[number]
                last = [timely[each].believable for each in numbers[max(0, n - 4) : n + 1]]
                mask = 0
                if measure in DUST and len(last) == 5 and all(x is not None and x < 1.0 for x in last):
                    mask |= DEAD
                if len(last) > 1 and None not in last[-2:]:
                    elapsed_min = max(value.at_s - timely[numbers[n - 1]].at_s, 60) / 60
                    if abs(last[-1] - last[-2]) > FASTEST_PER_MIN[measure] * elapsed_min:
                        mask |= SPIKE
                if mask:
                    self.flags[sensor_id, measure, value.at_s, value.at_s, mask] += 1
                usable[number] = value.believable is not None and not mask
        return usable

    def _humid(self):
        humidity = defaultdict(list)
        for (series, start_s), window in self.windows["5m"].items():
            if series.measure == "humidity" and window.high is not None:
                humidity[series.lat, series.lon, start_s].append(window.high)
        for series, start_s in self.windows["5m"]:
            beside = humidity.get((series.lat, series.lon, start_s), [0.0])
            if series.lat is not None and series.measure in DUST and max(beside) > 85.0:
                self.flags[series.sensor_id, series.measure, start_s, start_s + 300, HIGH_HUMIDITY] += 1

    def _stuck(self):
        hours = defaultdict(list)
        for (series, start_s), window in self.windows["1h"].items():
            hours[series.sensor_id, series.measure].append((start_s, window))
        for (sensor_id, measure), of_sensor in hours.items():
            of_sensor.sort(key=lambda hour: hour[0])
            for n in range(2, len(of_sensor)):
                three = of_sensor[n - 2 : n + 1]
                values = {edge for _, window in three for edge in (window.low, window.high)}
                is_whole = None not in values and three[2][0] - three[0][0] == 7200
                if is_whole and len(values) == 1 and (measure, *values) != ("humidity", 100.0):
                    self.flags[sensor_id, measure, three[2][0], three[2][0] + 3600, STUCK] += 1

    def _far(self):
        cells = defaultdict(list)
        for (series, start_s), window in self.windows["1h"].items():
            is_placed = series.lat is not None and series.indoor != 1
            if is_placed and window.mean is not None and series.measure in FAR_AT_LEAST:
                cell = _geohash_cell(series.lat), _geohash_cell(series.lon)
                cells[cell, series.measure, start_s].append((series.sensor_id, window.mean))
        for (_, measure, start_s), hours in cells.items():
            if len(hours) < 5:
                continue
            median = statistics.median(mean for _, mean in hours)
            spread = statistics.median(abs(mean - median) for _, mean in hours)
            for sensor_id, mean in hours:
                if abs(mean - median) > max(5 * 1.4826 * spread, FAR_AT_LEAST[measure]):
                    self.flags[sensor_id, measure, start_s, start_s + 3600, FAR_FROM_NEIGHBOURS] += 1

    def _count_places(self):
        self.hours_of_places = defaultdict(list)  # (country, city, measure, start): (mean, sensor)
        for (series, start_s), window in self.windows["1h"].items():
            if window.mean is not None and series.city is not None and series.indoor != 1:
                place = series.country, series.city, series.measure, start_s
                self.hours_of_places[place].append((window.mean, series.sensor_id))
        self.places = {}
        means = {
            place: statistics.mean(mean for mean, _ in rows) for place, rows in self.hours_of_places.items()
        }
        for place, rows in self.hours_of_places.items():
            *key, measure, start_s = place
            twelve = [means.get((*key, measure, start_s - age * 3600)) for age in range(12)]
            concentration = nowcast(measure, twelve) if measure in DUST else None
            self.places[place] = (
                len(rows),
                means[place],
                statistics.median(mean for mean, _ in rows),
                european_level(measure, means[place]) if measure in DUST else None,
                None if concentration is None else float(concentration),
                None if concentration is None else us_index(measure, concentration),
            )

    def ranks(self, place):
        """The sensors of a city's hour from the highest down and from the lowest up, ten of each."""
        rows = self.hours_of_places[place]
        highest = sorted(rows, key=lambda row: (-row[0], row[1]))[:10]
        return [sensor for _, sensor in highest], [sensor for _, sensor in sorted(rows)[:10]]


def _fetched_s(reading):
    return datetime.fromisoformat(reading["fetched_at"]).replace(tzinfo=UTC).timestamp()


def _values_of(reading, at_s, *, is_ahead):
    place, location = reading.get("place") or {}, reading["location"]
    is_placed = place.get("country") is not None
    found = []
    for entry in reading["sensordatavalues"]:
        if entry["value_type"] not in MEASURE_OF_VALUE_TYPE:
            continue
        measure, factor, low, high, end = MEASURE_OF_VALUE_TYPE[entry["value_type"]]
        number, flags = float(entry["value"]), 0
        if measure == "pressure" and 300.0 <= number <= 1200.0:
            factor, flags = 1.0, UNIT_REPAIRED
        value = number * factor
        flags |= 0 if low <= value <= high else OUT_OF_RANGE
        flags |= SATURATED if end is not None and value >= end else 0
        found.append((measure, value, flags))
    values = {measure: value for measure, value, _ in found}
    shared = FROM_FUTURE if is_ahead else 0
    if any(measure in CLIMATE and flags & OUT_OF_RANGE for measure, _, flags in found):
        shared |= SENSOR_FAULT
    is_upside_down = "pm10" in values and values.get("pm25", -1.0) > values["pm10"]
    return [
        Value(
            Series(
                reading["sensor"]["id"], reading["sensor"]["sensor_type"]["name"],
                place.get("country"), place.get("city"),
                float(location["latitude"]) if is_placed else None,
                float(location["longitude"]) if is_placed else None,
                location["indoor"], measure,
            ),
            at_s, value,
            flags | shared | (PM25_ABOVE_PM10 if is_upside_down and measure in DUST else 0),
        )
        for measure, value, flags in found
    ]  # fmt: skip


def _windows(timely, usable, size_s):
    inside = defaultdict(list)
    for number, value in enumerate(timely):
        inside[value.series, value.at_s // size_s * size_s].append((value.value, usable[number]))
    windows = {}
    for key, values in inside.items():
        good = [value for value, is_usable in values if is_usable]
        mean = float(sum(map(Fraction, good)) / len(good)) if good else None
        flagged = len(values) - len(good)
        windows[key] = Window(len(good), flagged, mean, min(good, default=None), max(good, default=None))
    return windows


def _geohash_cell(degrees):
    """The cell of a geohash of five characters: 25 bits, 12 of them of the latitude, 13 of the longitude."""
    return math.floor(degrees * 4096 / 180)


def european_level(measure, mean):
    """1 (good) to 6 (extremely poor), of an hour's mean."""
    return 1 + sum(mean > upper for upper in EUROPEAN_UPPER[measure])


def nowcast(measure, twelve):
    """The EPA's NowCast of hourly means, the newest first, truncated to the measure's step; exact."""
    if sum(mean is not None for mean in twelve[:3]) < 2:
        return None
    means = [mean for mean in twelve if mean is not None]
    weight = max(min(means) / max(means), 0.5) if max(means) > 0 else 1.0
    pairs = [(weight**age, mean) for age, mean in enumerate(twelve) if mean is not None]
    mean = sum(each * mean for each, mean in pairs) / sum(each for each, _ in pairs)
    return math.floor(Fraction(mean) / US_STEP[measure] + Fraction(1, 10_000)) * US_STEP[measure]


def us_index(measure, concentration):
    """Equation 1 of the EPA's technical document, of a truncated concentration."""
    for (low_index, high_index), pair in zip(US_INDEX, US_BREAKPOINTS[measure], strict=True):
        low, high = map(Fraction, pair.split())
        if concentration <= high:
            slope = Fraction(high_index - low_index) / (high - low)
            return math.floor(slope * (concentration - low) + low_index + Fraction(1, 2))
    raise AssertionError("no air of the recording is beyond the scale")
