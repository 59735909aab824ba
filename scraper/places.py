"""Places by position, offline: nearest city of GeoNames, in one language, at once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import pygeohash
import structlog

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace, PlaceOrigin
from contracts.readings import Place
from scraper.gazetteer import City, country_names, nearest_cities

log = structlog.get_logger()

GEOHASH_CHARACTERS = 7
# Sensors of one house give positions that differ in the last digits; 4 decimals are about 11 m.
POSITION_DECIMALS = 4
PLACES_MAX = 100_000
# GeoNames knows Britain as GB; sensor.community said UK once, and others may again.
COUNTRY_BY_OTHER_NAME = {"UK": "GB", "EL": "GR"}

Position = tuple[float, float]


class PlaceCache(Protocol):
    """Where places are kept between runs; may be away."""

    def known(self, positions: Sequence[Position]) -> dict[Position, DetailedPlace]:
        """The places that are kept; raises UnavailableError."""
        ...

    def keep(self, place_by_position: Mapping[Position, DetailedPlace]) -> None:
        """Keep places; raises UnavailableError."""
        ...


class Places:
    """The place of a position: from memory (up to `PLACES_MAX`), else the cache, else the gazetteer."""

    def __init__(
        self, cache: PlaceCache | None = None, *, refine: Callable[[list[Position]], None] | None = None
    ) -> None:
        """`refine` is told, once each, of the positions that only the gazetteer named."""
        self._cache, self._refine = cache, refine
        self._place_by_position: dict[Position, Place] = {}

    def of(self, positions: Iterable[Position]) -> list[Place]:
        """The places of positions (latitude, longitude in degrees), in their order."""
        rounded = [rounded_position(position) for position in positions]
        unknown = {position for position in rounded if position not in self._place_by_position}
        if len(self._place_by_position) + len(unknown) > PLACES_MAX:
            self._place_by_position, unknown = {}, set(rounded)
        if unknown:
            self._remember(list(unknown))
        return [self._place_by_position[position] for position in rounded]

    def detailed(self, positions: Iterable[Position]) -> list[DetailedPlace]:
        """The same with all that is known of them; not from memory, which holds only the short form."""
        rounded = [rounded_position(position) for position in positions]
        found = self._found(list(set(rounded)))
        return [found[position] for position in rounded]

    def learn(self, place_by_position: Mapping[Position, DetailedPlace]) -> None:
        """Take these for better, from any thread; raises UnavailableError where the cache is away."""
        # Not `|=`, which would also put back what another thread has just replaced.
        self._place_by_position.update(
            (position, place.short) for position, place in place_by_position.items()
        )
        if self._cache is not None:
            self._cache.keep(place_by_position)

    def _remember(self, positions: list[Position]) -> None:
        found = self._found(positions)
        self._place_by_position.update((position, place.short) for position, place in found.items())
        if self._refine is not None:
            coarse = PlaceOrigin.GAZETTEER
            self._refine([position for position, place in found.items() if place.origin == coarse])

    def _found(self, positions: list[Position]) -> dict[Position, DetailedPlace]:
        """The places of rounded positions: the cache's, else the gazetteer's, which are then kept."""
        cached = self._cached(positions)
        looked_up = looked_up_places([position for position in positions if position not in cached])
        self._keep(looked_up)
        return cached | looked_up

    def _cached(self, positions: list[Position]) -> dict[Position, DetailedPlace]:
        if self._cache is None:
            return {}
        try:
            return self._cache.known(positions)
        except UnavailableError as error:
            log.warning("place_cache_away", error=str(error))
            return {}

    def _keep(self, place_by_position: dict[Position, DetailedPlace]) -> None:
        if self._cache is None or not place_by_position:
            return
        try:
            self._cache.keep(place_by_position)
        except UnavailableError as error:
            log.warning("places_not_kept", places=len(place_by_position), error=str(error))


def looked_up_places(positions: list[Position]) -> dict[Position, DetailedPlace]:
    """Place by position (latitude, longitude in degrees), from the gazetteer."""
    if not positions:
        return {}
    found = nearest_cities(positions)
    return {position: _place(position, each) for position, each in zip(positions, found, strict=True)}


def rounded_position(position: Position) -> Position:
    """The position with the decimals that places are kept by."""
    return round(position[0], POSITION_DECIMALS), round(position[1], POSITION_DECIMALS)


def iso_country(code: str) -> str:
    """An ISO 3166 code in capitals, whatever others call the country."""
    country = code.upper()
    return COUNTRY_BY_OTHER_NAME.get(country, country)


def geohash_of(position: Position) -> str:
    """The geohash of a position in degrees."""
    return str(pygeohash.encode(*position, precision=GEOHASH_CHARACTERS))


def _place(position: Position, found: City) -> DetailedPlace:
    return DetailedPlace(
        country=iso_country(found.country_code),
        country_name=country_names().get(found.country_code, ""),
        admin_area=found.state,
        city=found.city,
        geohash=geohash_of(position),
        origin=PlaceOrigin.GAZETTEER,
    )
