"""All that the collector can be told."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from contracts.stored import LIVE_BUCKET, ORG, RETENTION_S_BY_BUCKET
from runtime.settings import RoomSettings, SettingsError, environment_name


class Settings(RoomSettings):
    """Read once, at start, from COLLECTOR_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="COLLECTOR_")

    kafka_bootstrap_servers: str = Field(description="Kafka's addresses, host:port, by commas")
    influx_url: str = Field(description="InfluxDB's address, http://host:port")
    influx_token_file: Path = Field(description="file with a token that may write the bucket")
    metrics_port: int = Field(
        ge=0, le=65535, description="port of /metrics, /livez and /readyz; 0 takes any free one"
    )
    metrics_host: str = Field(default="127.0.0.1", description="address that the metrics port is bound to")
    influx_org: str = Field(default=ORG, description="organisation in InfluxDB")
    influx_bucket: str = Field(default=LIVE_BUCKET, description="bucket that takes the points")
    group_id: str = Field(default="collector", description="consumer group; a new one reads all again")
    batch_lines: int = Field(default=5000, ge=1, le=50_000, description="records in a batch, at most")
    batch_age_s: float = Field(default=1.0, gt=0.0, le=60.0, description="age of a batch in seconds, at most")
    queue_batches: int = Field(default=4, ge=1, le=64, description="batches waiting to be written, at most")
    stop_flush_s: float = Field(
        default=5.0, ge=0.0, le=60.0, description="seconds for writing what is held after SIGTERM"
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="level of logs"
    )

    @field_validator("influx_bucket")
    @classmethod
    def _is_known(cls, bucket: str) -> str:
        if bucket not in RETENTION_S_BY_BUCKET:
            raise ValueError(f"must be one of {sorted(RETENTION_S_BY_BUCKET)}")
        return bucket


def read_token(settings: Settings) -> str:
    """The token in the token file; raises SettingsError, naming the setting, where there is none."""
    path, name = settings.influx_token_file, environment_name(Settings, "influx_token_file")
    remedy = f"Set {name} to a file that holds a token with write access to '{settings.influx_bucket}'."
    try:
        token = path.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{name}={path} cannot be read: {error.strerror}. {remedy}") from error
    if not token:
        raise SettingsError(f"{name}={path} is empty. {remedy}")
    return token
