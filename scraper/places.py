"""Places by position, offline: nearest city of GeoNames, in one language, at once."""

from collections.abc import Iterable

import pygeohash

from contracts.readings import Place

GEOHASH_CHARACTERS = 7
# Sensors of one house give positions that differ in the last digits; 4 decimals are about 11 m.
POSITION_DECIMALS = 4
PLACES_MAX = 100_000
# GeoNames knows Britain as GB; sensor.community said UK once, and others may again.
COUNTRY_BY_OTHER_NAME = {"UK": "GB", "EL": "GR"}

Position = tuple[float, float]


class Places:
    """The place of a position; remembers what it was asked, up to `PLACES_MAX`."""

    def __init__(self) -> None:
        self._place_by_position: dict[Position, Place] = {}

    def of(self, positions: Iterable[Position]) -> list[Place]:
        """The places of positions (latitude, longitude in degrees), in their order."""
        rounded = [_rounded(position) for position in positions]
        unknown = list({position for position in rounded if position not in self._place_by_position})
        if unknown:
            self._remember(unknown)
        return [self._place_by_position[position] for position in rounded]

    def _remember(self, positions: list[Position]) -> None:
        # Loading takes 0.4 s and its tree 100 MB; who never asks never pays.
        import reverse_geocode  # noqa: PLC0415

        if len(self._place_by_position) + len(positions) > PLACES_MAX:
            self._place_by_position.clear()
        for position, found in zip(positions, reverse_geocode.search(positions), strict=True):
            self._place_by_position[position] = _place(position, found)


def _rounded(position: Position) -> Position:
    return round(position[0], POSITION_DECIMALS), round(position[1], POSITION_DECIMALS)


def _place(position: Position, found: dict[str, str]) -> Place:
    country = found.get("country_code", "").upper()
    return Place(
        country=COUNTRY_BY_OTHER_NAME.get(country, country),
        city=found.get("city", ""),
        geohash=pygeohash.encode(*position, precision=GEOHASH_CHARACTERS),
    )
