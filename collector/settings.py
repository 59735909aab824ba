"""All that the collector can be told."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from contracts.stored import ORG
from runtime.influx_access import InfluxAccessSettings
from runtime.kafka_security import KafkaSecuritySettings
from runtime.secret_file import secret_of


class Settings(KafkaSecuritySettings, InfluxAccessSettings):
    """Read once, at start, from COLLECTOR_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="COLLECTOR_")

    kafka_bootstrap_servers: str = Field(description="Kafka's addresses, host:port, by commas")
    influx_url: str = Field(description="InfluxDB's address, http://host:port")
    influx_token_file: Path = Field(description="file with a token that may read and write the buckets")
    metrics_port: int = Field(
        ge=0, le=65535, description="port of /metrics, /livez and /readyz; 0 takes any free one"
    )
    metrics_host: str = Field(default="127.0.0.1", description="address that the metrics port is bound to")
    influx_org: str = Field(default=ORG, description="organisation in InfluxDB")
    group_id: str = Field(default="collector", description="consumer group; a new one reads all again")
    member_id: str | None = Field(
        default=None,
        description="name in the group, another for each replica: kept over a restart, it spares a rebalance",
    )
    kafka_client: Literal["confluent-kafka", "kafka-python"] = Field(
        default="confluent-kafka", description="library that reads Kafka; the other one takes twice the CPU"
    )
    series_max: int = Field(
        default=1_000_000, ge=1, description="series in a bucket, at most; new ones beyond are set aside"
    )
    new_series_per_hour_max: int = Field(
        default=250_000, ge=1, description="new series in a bucket in an hour, at most; more are set aside"
    )
    batch_lines: int = Field(default=5000, ge=1, le=50_000, description="records in a batch, at most")
    batch_age_s: float = Field(default=1.0, gt=0.0, le=60.0, description="age of a batch in seconds, at most")
    queue_batches: int = Field(default=2, ge=1, le=64, description="batches waiting to be written, at most")
    stop_flush_s: float = Field(
        default=5.0, ge=0.0, le=60.0, description="seconds for writing what is held after SIGTERM"
    )
    log_level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="level of logs"
    )


def read_token(settings: Settings) -> str:
    """The token in the token file; raises SettingsError, naming the setting, where there is none."""
    return secret_of(
        settings, "influx_token_file", "a file that holds a token with write access to the buckets"
    )
