"""Air-quality indices of particles, and the limits beside them: tables, and what follows from the tables.

Concentrations are in µg/m³; one that is None, NaN, negative or above `CONCENTRATION_UG_M3_MAX` is missing.
The network measures no NO2, O3 or SO2, so an index here is that of particles alone: say so where it is shown.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

CONCENTRATION_UG_M3_MAX = 1_000_000.0  # a gram in a cubic metre: more is a fault, not air


@dataclass(frozen=True, slots=True)
class Category:
    """One step of an index as it is shown: from value `low` to value `high` of the index, both included."""

    name: str
    colour: str
    low: int
    high: int


EUROPEAN_CATEGORIES = (
    Category("Good", "#50F0E6", 1, 1),
    Category("Fair", "#50CCAA", 2, 2),
    Category("Moderate", "#F0E641", 3, 3),
    Category("Poor", "#FF5050", 4, 4),
    Category("Very poor", "#960032", 5, 5),
    Category("Extremely poor", "#7D2181", 6, 6),
)
"""The levels of the European Air Quality Index, names and colours of the European Environment Agency."""

EUROPEAN_UPPER_UG_M3_BY_MEASURE: dict[str, tuple[float, ...]] = {
    "pm25": (5.0, 15.0, 50.0, 90.0, 140.0),
    "pm10": (15.0, 45.0, 120.0, 195.0, 270.0),
}
"""Highest hourly mean of each level but the last, which has no end. ETC HE Report 2024/17."""

US_CATEGORIES = (
    Category("Good", "#00E400", 0, 50),
    Category("Moderate", "#FFFF00", 51, 100),
    Category("Unhealthy for Sensitive Groups", "#FF7E00", 101, 150),
    Category("Unhealthy", "#FF0000", 151, 200),
    Category("Very Unhealthy", "#8F3F97", 201, 300),
    Category("Hazardous", "#7E0023", 301, 500),
)
"""The categories of the US Air Quality Index. EPA-454/B-24-002 (May 2024), tables 1 and 2."""

# The mean of twelve times 9.1 is 9.099999999999998 in binary: such a hair must not cost a step.
TRUNCATION_TOLERANCE_STEPS = 0.0001


@dataclass(frozen=True, slots=True)
class UsSegment:
    """A straight piece of the US scale; concentrations in whole steps of `UsScale.steps_per_ug_m3`."""

    low_steps: int
    high_steps: int
    category: Category

    def index(self, steps: int) -> int:
        """Equation 1 of EPA-454/B-24-002, rounded to the nearest whole number."""
        rise, run = self.category.high - self.category.low, self.high_steps - self.low_steps
        return self.category.low + math.floor((steps - self.low_steps) * rise / run + 0.5)


@dataclass(frozen=True, slots=True)
class UsScale:
    """The breakpoints of one measure: lowest and highest concentration (µg/m³) of each category.

    Concentrations are truncated to whole steps before they are looked up, so there is nothing between.
    """

    steps_per_ug_m3: int
    breakpoints_ug_m3: tuple[tuple[float, float], ...]

    def truncated_steps(self, concentration_ug_m3: float) -> int:
        """Whole steps in a concentration: 90 in 9.09 where a step is 0.1 µg/m³."""
        return math.floor(concentration_ug_m3 * self.steps_per_ug_m3 + TRUNCATION_TOLERANCE_STEPS)

    def segments(self) -> tuple[UsSegment, ...]:
        """One piece for each category, from the best to the worst."""
        return tuple(
            UsSegment(round(low * self.steps_per_ug_m3), round(high * self.steps_per_ug_m3), category)
            for (low, high), category in zip(self.breakpoints_ug_m3, US_CATEGORIES, strict=True)
        )

    def index(self, concentration_ug_m3: float) -> int:
        """Index of a concentration that is not missing; above 500 the last piece goes on."""
        steps, segments = self.truncated_steps(concentration_ug_m3), self.segments()
        return next((s for s in segments if steps <= s.high_steps), segments[-1]).index(steps)


US_SCALE_BY_MEASURE: dict[str, UsScale] = {
    "pm25": UsScale(
        10, ((0.0, 9.0), (9.1, 35.4), (35.5, 55.4), (55.5, 125.4), (125.5, 225.4), (225.5, 325.4))
    ),
    "pm10": UsScale(1, ((0, 54), (55, 154), (155, 254), (255, 354), (355, 424), (425, 604))),
}
"""Breakpoints and truncation of 24-hour means or NowCasts. EPA-454/B-24-002 (May 2024), table 6."""

INDEX_MEASURES = tuple(US_SCALE_BY_MEASURE)

NOWCAST_HOURS = 12
NOWCAST_WEIGHT_MIN = 0.5
NOWCAST_RECENT_HOURS = 3
NOWCAST_RECENT_HOURS_MIN = 2  # of the recent ones, so many must be there


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A mean concentration not to be exceeded, over a `period` of "day" or "year".

    `days_allowed` is how many days of a year may exceed the limit of a day; None for that of a year.
    """

    source: str
    measure: str
    period: str
    ug_m3: float
    days_allowed: int | None = None


LIMITS = (
    Limit(source="WHO 2021", measure="pm25", period="year", ug_m3=5.0),
    # The 99th percentile of the days of a year: 3 to 4 of them.
    Limit(source="WHO 2021", measure="pm25", period="day", ug_m3=15.0, days_allowed=3),
    Limit(source="WHO 2021", measure="pm10", period="year", ug_m3=15.0),
    Limit(source="WHO 2021", measure="pm10", period="day", ug_m3=45.0, days_allowed=3),
    Limit(source="EU", measure="pm25", period="year", ug_m3=25.0),
    Limit(source="EU", measure="pm10", period="year", ug_m3=40.0),
    Limit(source="EU", measure="pm10", period="day", ug_m3=50.0, days_allowed=35),
    Limit(source="EU from 2030", measure="pm25", period="year", ug_m3=10.0),
    Limit(source="EU from 2030", measure="pm25", period="day", ug_m3=25.0, days_allowed=18),
    Limit(source="EU from 2030", measure="pm10", period="year", ug_m3=20.0),
    Limit(source="EU from 2030", measure="pm10", period="day", ug_m3=45.0, days_allowed=18),
)
"""WHO global air quality guidelines (2021); Directives 2008/50/EC and (EU) 2024/2881, annex I."""


def european_level(measure: str, hourly_mean_ug_m3: float | None) -> int | None:
    """Level 1 (good) to 6 (extremely poor) of one measure; None where the mean is missing."""
    mean = present(hourly_mean_ug_m3)
    return None if mean is None else 1 + bisect_left(EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure], mean)


def european_aqi(pm25_ug_m3: float | None, pm10_ug_m3: float | None) -> int | None:
    """European AQI of hourly means: the worst level of those present, None where none is."""
    return _worst(european_level("pm25", pm25_ug_m3), european_level("pm10", pm10_ug_m3))


def us_sub_index(measure: str, concentration_ug_m3: float | None) -> int | None:
    """US AQI, 0 to 500 and beyond, of a measure's 24-hour mean or NowCast; None where that is missing."""
    concentration = present(concentration_ug_m3)
    return None if concentration is None else US_SCALE_BY_MEASURE[measure].index(concentration)


def us_aqi(pm25_ug_m3: float | None, pm10_ug_m3: float | None) -> int | None:
    """US AQI of 24-hour means or NowCasts: the highest sub-index of those present, None where none is."""
    return _worst(us_sub_index("pm25", pm25_ug_m3), us_sub_index("pm10", pm10_ug_m3))


def category(index: int, categories: Sequence[Category]) -> Category:
    """The category of an index value; the last one has no end."""
    return next((category for category in categories if index <= category.high), categories[-1])


def nowcast(measure: str, hourly_means_ug_m3: Sequence[float | None]) -> float | None:
    """NowCast (µg/m³) of hourly means, newest first, truncated as the measure's scale says.

    What is older than 12 hours does not count; None where fewer than two of the newest three are present.
    EPA-454/B-24-002, "How the NowCast is calculated"; what may be missing and that only the result is
    truncated: AirNow Tech forum, "The NowCast for PM2.5 and PM10".
    """
    hours = [present(mean) for mean in hourly_means_ug_m3[:NOWCAST_HOURS]]
    recent = sum(mean is not None for mean in hours[:NOWCAST_RECENT_HOURS])
    if recent < NOWCAST_RECENT_HOURS_MIN:
        return None
    weight = _nowcast_weight([mean for mean in hours if mean is not None])
    weighted = weights = 0.0
    for mean in reversed(hours):  # Horner's rule: the newest hour ends with the weight 1
        weighted = weighted * weight + (mean or 0.0)
        weights = weights * weight + (mean is not None)
    scale = US_SCALE_BY_MEASURE[measure]
    return scale.truncated_steps(weighted / weights) / scale.steps_per_ug_m3


def present(concentration_ug_m3: float | None) -> float | None:
    """The concentration, or None where it counts as missing."""
    is_present = concentration_ug_m3 is not None and 0.0 <= concentration_ug_m3 <= CONCENTRATION_UG_M3_MAX
    return concentration_ug_m3 if is_present else None


def _nowcast_weight(means: Sequence[float]) -> float:
    """1 − range / maximum, which is minimum / maximum; still air that is clean has no range."""
    highest = max(means)
    return max(min(means) / highest, NOWCAST_WEIGHT_MIN) if highest > 0 else 1.0


def _worst(*indices: int | None) -> int | None:
    return max((index for index in indices if index is not None), default=None)
