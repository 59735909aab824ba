"""All that the API can be told."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from runtime.influx_access import InfluxAccessSettings
from runtime.settings import SettingsError, environment_name


class Settings(InfluxAccessSettings):
    """Read once, at start, from LIVE_PAGE_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="LIVE_PAGE_")

    influx_url: str = Field(description="InfluxDB's address, http://host:port")
    influx_token_file: Path = Field(description="file with a token that may read the buckets, and no more")
    port: int = Field(ge=1, le=65535, description="port of the API")
    host: str = Field(default="127.0.0.1", description="address that the API's port is bound to")
    metrics_port: int = Field(
        ge=0, le=65535, description="port of /metrics, /livez and /readyz; 0 takes any free one"
    )
    metrics_host: str = Field(default="127.0.0.1", description="address that the metrics port is bound to")
    cache_s: float = Field(default=10.0, ge=0.0, le=300.0, description="seconds that an answer is kept")
    cache_answers: int = Field(default=256, ge=1, le=10_000, description="answers kept, at most")
    watched: str = Field(
        default="",
        description="processes whose health is shown, as name=address of its /readyz, separated by commas",
    )
    tiles_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/]+/.*\{z\}.*$",
        description="map tiles, https://…/{z}/{x}/{y}.png, which the browsers of your readers load from "
        "there; without it the map is the land's outline and loads nothing from elsewhere",
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="level of logs"
    )

    @field_validator("watched")
    @classmethod
    def _readable(cls, watched: str) -> str:
        _url_by_name(watched)
        return watched

    @property
    def url_by_process(self) -> dict[str, str]:
        """Where each watched process says how it fares, by its name."""
        return _url_by_name(self.watched)


def _url_by_name(watched: str) -> dict[str, str]:
    pairs = [part.strip().partition("=") for part in watched.split(",") if part.strip()]
    if any(not name or not url.startswith(("http://", "https://")) for name, _, url in pairs):
        raise ValueError("name=http://host:port/readyz, several separated by commas")
    return {name: url for name, _, url in pairs}


def read_token(settings: Settings) -> str:
    """The token in the token file; raises SettingsError, naming the setting, where there is none."""
    name = environment_name(Settings, "influx_token_file")
    remedy = f"Set {name} to a file that holds a token with read access to the buckets."
    try:
        token = settings.influx_token_file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{name} cannot be read: {error.strerror}. {remedy}") from error
    if not token:
        raise SettingsError(f"{name} is an empty file. {remedy}")
    return token
