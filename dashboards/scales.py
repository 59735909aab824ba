"""Colours, names and units, from the tables of `contracts`: as Grafana's thresholds and value mappings."""

import math
from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardRangeMapOptions,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from contracts.air_quality_indices import (
    EUROPEAN_CATEGORIES,
    EUROPEAN_UPPER_UG_M3_BY_MEASURE,
    LIMITS,
    US_CATEGORIES,
    Category,
    Limit,
)
from contracts.measures import MEASURE_BY_NAME, Measure

UNIT_BY_OURS = {
    "µg/m³": "conμgm3",
    "°C": "celsius",
    "%": "percent",
    "hPa": "pressurehpa",
    "dB(A)": "suffix: dB(A)",
    "1/cm³": "suffix: /cm³",
    "µm": "suffix: µm",
    "ppm": "ppm",
    "1/min": "suffix: /min",
}
TITLE_BY_MEASURE = {
    "pm1": "PM1", "pm25": "PM2.5", "pm4": "PM4", "pm10": "PM10", "pressure_sealevel": "Pressure at sea level",
    "noise_laeq": "Noise LAeq", "noise_la_min": "Noise LAmin", "noise_la_max": "Noise LAmax",
    "n05": "N0.5", "n1": "N1", "n25": "N2.5", "n4": "N4", "n10": "N10", "co2": "CO₂",
}  # fmt: skip
GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
PLAIN, OBSERVED, FORECAST = "#8AB8FF", "#73BF69", "#5794F2"


def unit_of(measure: Measure) -> str:
    """Grafana's name of the measure's unit."""
    return UNIT_BY_OURS[measure.unit]


def title_of(measure: Measure) -> str:
    """The measure as people write it: PM2.5."""
    return TITLE_BY_MEASURE.get(measure.name, measure.name.replace("_", " ").capitalize())


def steps(*pairs: tuple[float | None, str]) -> ThresholdsConfig:
    """Thresholds: each colour from its value on; the first has no value."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value, colour) for value, colour in pairs])
    )


def european_thresholds(measure: str) -> ThresholdsConfig:
    """The European levels of a concentration.

    A bound belongs to the better level and Grafana's threshold to the worse: so a hair above it.
    """
    bounds = EUROPEAN_UPPER_UG_M3_BY_MEASURE[measure]
    starts = [None, *(math.nextafter(bound, math.inf) for bound in bounds)]
    return steps(*zip(starts, (each.colour for each in EUROPEAN_CATEGORIES), strict=True))


def index_thresholds(categories: Sequence[Category]) -> ThresholdsConfig:
    """The colours of an index' value."""
    first, *others = categories
    return steps((None, first.colour), *((float(each.low), each.colour) for each in others))


def european_names() -> list[ValueMapping]:
    """Level 1…6 by name and colour."""
    results = {
        str(each.low): ValueMappingResult(text=each.name, color=each.colour, index=number)
        for number, each in enumerate(EUROPEAN_CATEGORIES)
    }
    return [ValueMap(options=results)]


def us_names() -> list[ValueMapping]:
    """The US index' value by the name and colour of its category; the last has no end."""
    last = US_CATEGORIES[-1]
    return [
        RangeMap(
            options=DashboardRangeMapOptions(
                from_val=float(each.low),
                to=1e9 if each is last else float(each.high),
                result=ValueMappingResult(text=each.name, color=each.colour, index=number),
            )
        )
        for number, each in enumerate(US_CATEGORIES)
    ]


def yes_or_no(yes: str, no: str, *, is_good: bool = True) -> list[ValueMapping]:
    """1 and 0 in words; a yes that is not good is red."""
    colours = (GREEN, RED) if is_good else (RED, GREEN)
    named = {
        value: ValueMappingResult(text=text, color=colour, index=number)
        for number, (value, text, colour) in enumerate(zip("10", (yes, no), colours, strict=True))
    }
    return [ValueMap(options=named)]


def doubt_names() -> list[ValueMapping]:
    """A flag's bit alone: 0 is no doubt, all else is one."""
    fine = ValueMap(options={"0": ValueMappingResult(text="–", color="#2A3B2C", index=0)})
    doubted = ValueMappingResult(text="doubted", color="#F2495C", index=1)
    return [fine, RangeMap(options=DashboardRangeMapOptions(from_val=1.0, to=1e9, result=doubted))]


def day_limits(measure: str) -> list[Limit]:
    """The limits of a day's mean."""
    return [limit for limit in LIMITS if limit.measure == measure and limit.period == "day"]


def limit_name(limit: Limit) -> str:
    """`WHO 2021: 15`."""
    return f"{limit.source}: {limit.ug_m3:g}"


def measure(name: str) -> Measure:
    """The measure of that name."""
    return MEASURE_BY_NAME[name]
