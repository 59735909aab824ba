"""All that the predictor can be told."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from contracts.measures import MEASURE_BY_NAME
from forecasting.registry_settings import RegistrySettings
from runtime.influx_access import InfluxAccessSettings
from runtime.kafka_security import KafkaSecuritySettings
from runtime.secret_file import secret_of

MEASURES = "pm10,pm25,temperature,humidity,pressure"


class Settings(KafkaSecuritySettings, InfluxAccessSettings, RegistrySettings):
    """Read once, at start, from APP_PREDICT_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="APP_PREDICT_")

    kafka_bootstrap_servers: str = Field(description="Kafka's addresses, host:port, by commas")
    influx_url: str = Field(description="InfluxDB's address, http://host:port")
    influx_token_file: Path = Field(description="file with a token that may read the bucket `hourly`")
    state_dir: Path = Field(description="folder of the last issues and their scores; one process a folder")
    metrics_port: int = Field(
        ge=0, le=65535, description="port of /metrics, /livez and /readyz; 0 takes any free one"
    )
    metrics_host: str = Field(default="127.0.0.1", description="address that the metrics port is bound to")
    measures: str = Field(default=MEASURES, description="measures to forecast, with commas between")
    issue_minute: int = Field(
        default=20,
        ge=0,
        le=59,
        description="minutes past the hour at which it is issued; the last hour is stored from about 17 on",
    )
    complete_share: float = Field(
        default=0.8, ge=0.0, le=1.0, description="share of the usual sensors that the last hour must have"
    )
    patience_min: float = Field(
        default=25.0, ge=0.0, le=59.0, description="minutes to wait for that; then it is issued without"
    )
    check_interval_s: float = Field(
        default=15.0, gt=0.0, le=600.0, description="seconds between two looks for what is due"
    )
    champion_poll_s: float = Field(
        default=30.0, gt=0.0, le=3600.0, description="seconds between two looks for a new champion"
    )
    threads: int = Field(default=2, ge=1, le=64, description="threads of a measure's forecasts")
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="level of logs"
    )

    @field_validator("measures")
    @classmethod
    def _are_known(cls, measures: str) -> str:
        unknown = sorted(set(_listed(measures)) - set(MEASURE_BY_NAME))
        if unknown or not _listed(measures):
            raise ValueError(f"no measure {unknown}; choose of {sorted(MEASURE_BY_NAME)}")
        return measures

    @property
    def measure_names(self) -> tuple[str, ...]:
        """The measures, each once, in the given order."""
        return tuple(dict.fromkeys(_listed(self.measures)))


def read_token(settings: Settings) -> str:
    """The token in the token file; raises SettingsError, naming the setting, where there is none."""
    return secret_of(
        settings, "influx_token_file", "a file that holds a token with read access to the bucket 'hourly'"
    )


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
