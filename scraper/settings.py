"""All that the scraper can be told."""

import socket
from importlib.metadata import version
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin, urlsplit

from pydantic import Field, HttpUrl, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from runtime.kafka_security import KafkaSecuritySettings
from scraper.selection import Box, Circle, Selection, box_of, circle_of, listed

LIVE_URL = "https://data.sensor.community/static/v1/data.json"
# What there is to fall back to: one average a sensor over five minutes; the feed's own records, by country.
FALLBACK_PATHS = {"v2": "/static/v2/data.json", "filter": "/airrohr/v1/filter/country={countries}"}
ARCHIVE_URL = "https://archive.sensor.community"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# The service asks for politeness; its file changes once a minute.
LIVE_REQUEST_GAP_S = 60.0
# The broker refuses records that are dated further ahead, again in each poll.
FUTURE_S_MAX = 3600.0
MIB = 1024 * 1024
INDOOR = {"both": None, "only": True, "never": False}


class Settings(KafkaSecuritySettings):
    """Read once, at start, from SCRAPER_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="SCRAPER_")

    kafka_bootstrap_servers: str = Field(description="host:port of one or more brokers, with commas between")
    redis_url: str = Field(
        description="where the published ids are kept, redis://host:port/0; rediss:// for TLS"
    )
    redis_password_file: Path | None = Field(default=None, description="file with the password at Redis")
    redis_ca_file: Path | None = Field(
        default=None, description="PEM file of the CA of Redis' certificate; the system's CAs if not set"
    )
    source_url: str = Field(default=LIVE_URL, description="the feed to read")
    fallback: str = Field(
        default="",
        description="what to ask where the feed fails, in order: v2 (averages), filter (by country)",
    )
    archive_url: str = Field(default=ARCHIVE_URL, description="the archive service that back-fills read")
    contact: str | None = Field(
        default=None, description="mail or web address where the service's operators reach you"
    )
    poll_interval_s: float = Field(
        default=120.0, ge=0.0, description="seconds between two polls; at least 60 on the live network"
    )
    instance: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="name of this scraper where others read of it; the host's name if not set",
    )
    lease_s: float = Field(
        default=15.0,
        gt=0.0,
        description="seconds until another scraper may poll, where this one stands still in the middle of a "
        "poll; at least 60 on the live network",
    )
    connect_timeout_s: float = Field(default=10.0, gt=0.0, description="limit of connecting to the source")
    read_timeout_s: float = Field(default=60.0, gt=0.0, description="limit of waiting for the source")
    payload_bytes_max: int = Field(
        default=256 * MIB, gt=0, description="largest payload that is read, unpacked"
    )
    future_s_max: float = Field(
        default=300.0,
        ge=0.0,
        le=FUTURE_S_MAX,
        description="how far ahead of our clock a reading may be dated",
    )
    countries: str = Field(default="", description="take only these, ISO codes with commas between: DE,GB")
    sensor_types: str = Field(default="", description="take only these, with commas between: SDS011,BME280")
    sensor_ids: str = Field(default="", description="take only these sensors, ids with commas between")
    box: str = Field(default="", description="take only what lies within south,west,north,east in degrees")
    near: str = Field(default="", description="take only what lies within latitude,longitude,km")
    indoor: Literal["both", "only", "never"] = Field(
        default="both",
        description="what to do with indoor sensors: take both kinds, only these, or never these",
    )
    refine_places: bool = Field(
        default=False,
        description="whether to ask Nominatim for better places, one a second, beside the polls",
    )
    nominatim_url: str = Field(
        default="https://nominatim.openstreetmap.org", description="the Nominatim service to ask for places"
    )
    pushgateway_url: HttpUrl | None = Field(
        default=None,
        description="Pushgateway that gets the metrics of a single poll, http://host:9091; none if not set",
    )
    metrics_port: int | None = Field(default=None, description="port of health and metrics; none if not set")
    metrics_host: str = Field(default="127.0.0.1", description="address that the metrics port is bound to")

    @property
    def is_live(self) -> bool:
        """Whether the source is somebody else's machine."""
        return not _is_loopback(self.source_url)

    @property
    def user_agent(self) -> str:
        """How we present ourselves to other people's machines."""
        contact = f" (+{self.contact})" if self.contact else ""
        return f"Luftstrom/{version('luftstrom')}{contact}"

    @property
    def request_gap_s(self) -> float:
        """Least seconds from one request to the next, whoever makes it."""
        return LIVE_REQUEST_GAP_S if self.is_live else 0.0

    @property
    def fallback_urls(self) -> dict[str, str]:
        """By its name, each address to fall back to, in order; on the host of the feed."""
        countries = ",".join(listed(self.countries.upper(), str))
        return {
            name: urljoin(self.source_url, FALLBACK_PATHS[name].format(countries=countries))
            for name in listed(self.fallback, str)
        }

    @property
    def asks_live_archive(self) -> bool:
        """Whether the archive service is somebody else's machine."""
        return not _is_loopback(self.archive_url)

    @property
    def selection(self) -> Selection:
        """Which readings to take; raises ValueError where one of the choices cannot be read."""
        areas: list[Box | Circle] = [
            *([box_of(self.box)] if self.box else []),
            *([circle_of(self.near)] if self.near else []),
        ]
        return Selection(
            countries=frozenset(listed(self.countries.upper(), str)),
            sensor_types=frozenset(listed(self.sensor_types.upper(), str)),
            sensor_ids=frozenset(listed(self.sensor_ids, int)),
            areas=tuple(areas),
            indoor=INDOOR[self.indoor],
        )

    @field_validator("contact")
    @classmethod
    def _fits_a_header(cls, contact: str | None) -> str | None:
        if contact is not None and not (contact.isascii() and contact.isprintable()):
            raise ValueError("only plain ASCII characters may stand in an HTTP header")
        return contact.strip() if contact is not None else None

    @field_validator("nominatim_url")
    @classmethod
    def _is_address(cls, nominatim_url: str) -> str:
        address = urlsplit(nominatim_url)
        if address.scheme not in {"http", "https"} or not address.hostname:
            raise ValueError(f"{nominatim_url!r} is no http or https address")
        return nominatim_url

    @field_validator("fallback")
    @classmethod
    def _are_fallbacks(cls, fallback: str) -> str:
        odd = [name for name in listed(fallback, str) if name not in FALLBACK_PATHS]
        if odd:
            raise ValueError(f"{', '.join(odd)}: not of {', '.join(FALLBACK_PATHS)}")
        return fallback

    @field_validator("countries")
    @classmethod
    def _are_countries(cls, countries: str) -> str:
        odd = [country for country in listed(countries, str) if len(country) != 2 or not country.isalpha()]
        if odd:
            raise ValueError(f"{', '.join(odd)}: not ISO codes of two letters")
        return countries

    @field_validator("sensor_ids")
    @classmethod
    def _are_ids(cls, sensor_ids: str) -> str:
        listed(sensor_ids, int)
        return sensor_ids

    @field_validator("box")
    @classmethod
    def _is_box(cls, box: str) -> str:
        if box:
            box_of(box)
        return box

    @field_validator("near")
    @classmethod
    def _is_circle(cls, near: str) -> str:
        if near:
            circle_of(near)
        return near

    @model_validator(mode="after")
    def _filter_by_country(self) -> "Settings":
        if "filter" in self.fallback_urls and not self.countries:
            raise ValueError(
                "SCRAPER_FALLBACK has filter, which asks by country: set SCRAPER_COUNTRIES, or take it out"
            )
        return self

    @model_validator(mode="after")
    def _be_polite(self) -> "Settings":
        if self.is_live and not self.contact:
            raise ValueError(
                "SCRAPER_CONTACT is not set: sensor.community wants to reach whoever reads its feed. "
                "Set it to your mail or web address, or play a recording instead"
            )
        if self.is_live and self.poll_interval_s < LIVE_REQUEST_GAP_S:
            raise ValueError(
                f"SCRAPER_POLL_INTERVAL_S is under {LIVE_REQUEST_GAP_S:.0f}: "
                "the live network is asked at most once a minute"
            )
        if self.refine_places and not self.contact and not _is_loopback(self.nominatim_url):
            raise ValueError(
                "SCRAPER_CONTACT is not set: Nominatim wants to reach whoever asks it for places. "
                "Set it to your mail or web address, or leave SCRAPER_REFINE_PLACES off"
            )
        return self


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in LOOPBACK_HOSTS
