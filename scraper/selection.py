"""Which readings to take, of all that the feed shows. Everything that is asked for must hold."""

from collections.abc import Callable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import TypeVar

from contracts.readings import Place
from scraper.parsing import Reading

EARTH_RADIUS_KM = 6371.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Box:
    """South, west, north and east in degrees; west may be greater than east, across the date line."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, latitude: float, longitude: float) -> bool:
        """Whether the position lies in the box, its edges included."""
        if not self.south <= latitude <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= longitude <= self.east
        return longitude >= self.west or longitude <= self.east


@dataclass(frozen=True, slots=True)
class Circle:
    """A position in degrees and a radius in kilometres."""

    latitude: float
    longitude: float
    radius_km: float

    def holds(self, latitude: float, longitude: float) -> bool:
        """Whether the position lies in the circle, by the great-circle distance."""
        return distance_km((self.latitude, self.longitude), (latitude, longitude)) <= self.radius_km


@dataclass(frozen=True, slots=True)
class Selection:
    """What to take; an empty choice takes everything.

    `countries` are ISO 3166 two-letter codes in capitals, `sensor_types` names in capitals.
    A reading without a position is not in any country, box or circle.
    """

    countries: frozenset[str] = frozenset()
    sensor_types: frozenset[str] = frozenset()
    sensor_ids: frozenset[int] = frozenset()
    areas: tuple[Box | Circle, ...] = ()
    indoor: bool | None = None

    def takes(self, reading: Reading, place: Place | None) -> bool:
        """Whether the reading is asked for."""
        return (
            (not self.countries or (place is not None and place.country in self.countries))
            and (not self.sensor_types or reading.sensor_type.upper() in self.sensor_types)
            and (not self.sensor_ids or reading.sensor_id in self.sensor_ids)
            and (self.indoor is None or reading.is_indoor == self.indoor)
            and all(_holds(area, reading) for area in self.areas)
        )


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Great-circle distance of two positions (latitude, longitude in degrees): the haversine formula."""
    latitude, other_latitude = radians(one[0]), radians(other[0])
    half_latitude = sin((other_latitude - latitude) / 2) ** 2
    half_longitude = sin(radians(other[1] - one[1]) / 2) ** 2
    chord = half_latitude + cos(latitude) * cos(other_latitude) * half_longitude
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord)))


def listed(text: str, parse: Callable[[str], T]) -> list[T]:
    """The parts of a text with commas between; raises ValueError where one cannot be parsed."""
    return [parse(part.strip()) for part in text.split(",") if part.strip()]


def box_of(text: str) -> Box:
    """A box from `south,west,north,east`; raises ValueError where it is none."""
    numbers = listed(text, float)
    if len(numbers) != 4:
        raise ValueError(f"{text!r} is not south,west,north,east in degrees")
    box = Box(*numbers)
    if not (-90 <= box.south <= box.north <= 90 and _is_longitude(box.west) and _is_longitude(box.east)):
        raise ValueError(f"{text!r} is no box: south to north within ±90, west and east within ±180")
    return box


def circle_of(text: str) -> Circle:
    """A circle from `latitude,longitude,km`; raises ValueError where it is none."""
    numbers = listed(text, float)
    if len(numbers) != 3:
        raise ValueError(f"{text!r} is not latitude,longitude,km")
    circle = Circle(*numbers)
    if not (-90 <= circle.latitude <= 90 and _is_longitude(circle.longitude) and circle.radius_km > 0):
        raise ValueError(f"{text!r} is no circle: a position in degrees and a radius over 0 km")
    return circle


def _holds(area: Box | Circle, reading: Reading) -> bool:
    if reading.latitude is None or reading.longitude is None:
        return False
    return area.holds(reading.latitude, reading.longitude)


def _is_longitude(degrees: float) -> bool:
    return -180 <= degrees <= 180
