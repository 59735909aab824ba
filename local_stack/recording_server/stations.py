"""Where the stations of a whole network stand: at the world's populated places."""

from dataclasses import dataclass

import msgspec

from scraper.gazetteer import cities_json

# As far as a station is from the middle of its town, in degrees.
OFFSET_DEG = 0.02
ALTITUDE_M_MAX = 200
INDOOR_EVERY = 20
FIRST_LOCATION_ID = 1_000
GOLDEN_RATIO = 0.618033988749895


@dataclass(frozen=True, slots=True)
class Station:
    """A station: its height above the sea in metres, and upstream's `location`, as JSON."""

    altitude_m: float
    location: msgspec.Raw


class _Town(msgspec.Struct):
    country_code: str
    latitude: float
    longitude: float


def stations(count: int) -> list[Station]:
    """So many stations, each beside a town of the gazetteer, all over the world."""
    towns = _towns()
    return [_station(number, towns[int(scattered(number) * len(towns))]) for number in range(count)]


def scattered(number: int) -> float:
    """A number from 0 to 1 that is far from those of its neighbours, always the same."""
    return number * GOLDEN_RATIO % 1


def _station(number: int, town: _Town) -> Station:
    altitude_m = round(scattered(2 * number) * ALTITUDE_M_MAX, 1)
    offset_deg = (2 * scattered(3 * number) - 1) * OFFSET_DEG
    location = {
        "id": FIRST_LOCATION_ID + number,
        "latitude": f"{town.latitude + offset_deg:.3f}",
        "longitude": f"{town.longitude - offset_deg:.3f}",
        "altitude": f"{altitude_m}",
        "country": town.country_code,
        "exact_location": 0,
        "indoor": int(number % INDOOR_EVERY == 0),
    }
    return Station(altitude_m, msgspec.Raw(msgspec.json.encode(location)))


def _towns() -> list[_Town]:
    """GeoNames' places of 1,000 people and more."""
    return msgspec.json.decode(cities_json(), type=list[_Town])
