"""All that is known of a place; a reading carries only the short `contracts.readings.Place`."""

from enum import StrEnum

import msgspec

from contracts.readings import Place


class PlaceOrigin(StrEnum):
    """Who named a place."""

    GAZETTEER = "gazetteer"  # GeoNames, offline
    NOMINATIM = "nominatim"  # OpenStreetMap, asked online


class DetailedPlace(msgspec.Struct, frozen=True, gc=False):
    """Where a position is, in English; what is unknown is empty.

    `country` is an ISO 3166 two-letter code in capitals, `admin_area` the level below it: a state, a region;
    `city` the nearest city, `geohash` one of 7 characters.
    """

    country: str
    country_name: str
    admin_area: str
    city: str
    geohash: str
    origin: PlaceOrigin

    @property
    def short(self) -> Place:
        """What a reading carries of it."""
        return Place(country=self.country, city=self.city, geohash=self.geohash)
