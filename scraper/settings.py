"""All that the scraper can be told."""

from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from runtime.settings import RoomSettings

LIVE_URL = "https://data.sensor.community/static/v1/data.json"
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# The service asks for politeness; its file changes once a minute.
LIVE_POLL_INTERVAL_S_MIN = 60.0
MIB = 1024 * 1024


class Settings(RoomSettings):
    """Read once, at start, from SCRAPER_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="SCRAPER_")

    kafka_bootstrap_servers: str = Field(description="host:port of one or more brokers, with commas between")
    redis_url: str = Field(description="where the published ids are kept, redis://host:port/0")
    source_url: str = Field(default=LIVE_URL, description="the feed to read")
    contact: str | None = Field(
        default=None, description="mail or web address where the service's operators reach you"
    )
    poll_interval_s: float = Field(
        default=120.0, ge=0.0, description="seconds between two polls; at least 60 on the live network"
    )
    connect_timeout_s: float = Field(default=10.0, gt=0.0, description="limit of connecting to the source")
    read_timeout_s: float = Field(default=60.0, gt=0.0, description="limit of waiting for the source")
    payload_bytes_max: int = Field(
        default=256 * MIB, gt=0, description="largest payload that is read, unpacked"
    )
    future_s_max: float = Field(
        default=300.0, ge=0.0, description="how far ahead of our clock a reading may be dated"
    )
    metrics_port: int | None = Field(default=None, description="port of health and metrics; none if not set")

    @property
    def is_live(self) -> bool:
        """Whether the source is somebody else's machine."""
        return urlsplit(self.source_url).hostname not in LOOPBACK_HOSTS

    @model_validator(mode="after")
    def _be_polite(self) -> "Settings":
        if self.is_live and not self.contact:
            raise ValueError(
                "SCRAPER_CONTACT is not set: sensor.community wants to reach whoever reads its feed. "
                "Set it to your mail or web address, or play a recording instead"
            )
        if self.is_live and self.poll_interval_s < LIVE_POLL_INTERVAL_S_MIN:
            raise ValueError(
                f"SCRAPER_POLL_INTERVAL_S is under {LIVE_POLL_INTERVAL_S_MIN:.0f}: "
                "the live network is asked at most once a minute"
            )
        return self
