"""Places of OpenStreetMap, by the Nominatim service: finer than the gazetteer, one question at a time."""

from functools import partial
from urllib.parse import urlsplit

import geopy.geocoders
import msgspec
from geopy.adapters import RequestsAdapter
from geopy.exc import GeocoderRateLimited, GeopyError

from contracts.errors import UnavailableError
from contracts.places import DetailedPlace, PlaceOrigin
from scraper.places import Position, geohash_of, iso_country
from scraper.sensor_community_source import AskedToWaitError

TIMEOUT_S = 10.0
LANGUAGE = "en"
ZOOM = 13  # down to villages: https://nominatim.org/release-docs/latest/api/Reverse/
# geopy reads a body that is JSON and no answer without a look.
_NO_ANSWER = (AttributeError, LookupError, TypeError, ValueError)


class _Address(msgspec.Struct):
    country_code: str = ""
    country: str = ""
    state: str = ""
    region: str = ""
    province: str = ""
    county: str = ""
    city: str = ""
    town: str = ""
    village: str = ""
    municipality: str = ""
    hamlet: str = ""


class _Answer(msgspec.Struct):
    address: _Address


class Nominatim:
    """One Nominatim service."""

    def __init__(self, url: str, *, user_agent: str) -> None:
        address = urlsplit(url)
        self._geocoder = geopy.geocoders.Nominatim(
            scheme=address.scheme,
            domain=address.netloc + address.path,
            user_agent=user_agent,
            timeout=TIMEOUT_S,
            # The default asks again at once, twice.
            adapter_factory=partial(RequestsAdapter, max_retries=0),
        )

    def place_of(self, position: Position) -> DetailedPlace | None:
        """The place of a position (latitude, longitude in degrees); None where none is known.

        Raises UnavailableError where there is no answer, AskedToWaitError where we are to wait.
        """
        try:
            found = self._geocoder.reverse(position, language=LANGUAGE, zoom=ZOOM)
            answer = None if found is None else msgspec.convert(found.raw, _Answer)
        except GeocoderRateLimited as error:
            if error.retry_after is None:
                raise UnavailableError(f"Nominatim wants fewer questions: {error}") from error
            raise AskedToWaitError(f"Nominatim wants a pause: {error}", error.retry_after) from error
        except (GeopyError, *_NO_ANSWER) as error:
            raise UnavailableError(f"no answer from Nominatim: {error!r}") from error
        return None if answer is None else _place(position, answer.address)


def _place(position: Position, address: _Address) -> DetailedPlace | None:
    """None where the country or the city is not told: the gazetteer then knows more."""
    city = address.city or address.town or address.village or address.municipality or address.hamlet
    if not address.country_code or not city:
        return None
    return DetailedPlace(
        country=iso_country(address.country_code),
        country_name=address.country,
        admin_area=address.state or address.region or address.province or address.county,
        city=city,
        geohash=geohash_of(position),
        origin=PlaceOrigin.NOMINATIM,
    )
