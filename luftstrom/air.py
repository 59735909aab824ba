"""The latest air by place, as the store has it."""

from collections import defaultdict
from dataclasses import dataclass
from statistics import median

from contracts.measures import MEASURES, Measure
from contracts.stored import AIR, LIVE_BUCKET
from runtime.influx_reader import InfluxReader

LATEST_WITHIN = "1h"


@dataclass(frozen=True, slots=True)
class PlaceAir:
    """One place: how many sensors reported, and the median of their latest undoubted values by measure."""

    country: str
    city: str
    sensors: int
    value_by_measure: dict[str, float]


def latest_air(influx: InfluxReader) -> list[PlaceAir]:
    """Every place that reported within the last hour, most sensors first."""
    values: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    sensors: dict[tuple[str, str], set[str]] = defaultdict(set)
    for measure in MEASURES:
        for row in influx.query(LIVE_BUCKET, _latest_of(measure)):
            place = (row["country"], row["city"])
            values[place][measure.name].append(row["last"])
            sensors[place].add(row["sensor_id"])
    return sorted(
        (
            PlaceAir(country, city, len(sensors[country, city]), _medians(by_measure))
            for (country, city), by_measure in values.items()
        ),
        key=lambda place: (-place.sensors, place.country, place.city),
    )


def _latest_of(measure: Measure) -> str:
    return (
        f'SELECT last("{measure.field}") FROM {AIR} '  # noqa: S608 - names of our own table
        f'WHERE "{measure.flags_field}" = 0 AND time > now() - {LATEST_WITHIN} AND time < now() + 1d '
        "GROUP BY country, city, sensor_id"
    )


def _medians(values_by_measure: dict[str, list[float]]) -> dict[str, float]:
    return {name: median(values) for name, values in values_by_measure.items()}
