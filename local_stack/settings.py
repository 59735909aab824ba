"""All that the stack on one machine can be told."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from runtime.influx_access import InfluxAccessSettings
from runtime.kafka_security import KafkaSecuritySettings
from runtime.proxies import spare_loopback

LOOPBACK = "127.0.0.1"
CHAMPIONS = Path(__file__).parents[1] / "model_training" / "champions"
# They mean something else in the configuration files of supervisord and Kafka.
FORBIDDEN_IN_FOLDER = set('%;#,"\\')


def cache_dir() -> Path:
    """The folder of everything downloaded or built; outside the checkout, shared by all checkouts."""
    given = os.environ.get("LUFTSTROM_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "luftstrom"


def _default_data_dir() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "luftstrom"


def environment_of_children() -> dict[str, str]:
    """The little that a child process gets of our environment."""
    names = (
        "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "JAVA_HOME", "XDG_CACHE_HOME", "LUFTSTROM_CACHE",
        # Of a network that has its own way out.
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE",
    )  # fmt: skip
    environment = {name: os.environ[name] for name in names if name in os.environ}
    spare_loopback(environment)
    return environment


def environment_of_room(prefix: str) -> dict[str, str]:
    """What the caller set for one room, for example SCRAPER_CONTACT; the stack's own choices win over it."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


class Settings(KafkaSecuritySettings, InfluxAccessSettings):
    """Read once, at start, from LOCAL_STACK_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="LOCAL_STACK_")

    data_dir: Path = Field(
        default_factory=_default_data_dir, description="folder of all data, secrets and logs"
    )
    source: Literal["live", "recording"] = Field(
        default="live", description="the live network, or a recording that stands in for it"
    )
    recording: str = Field(default="aberdeen-2019-05-12", description="name or path of the recording to play")
    recording_advance_per_fetch_s: int = Field(
        default=0,
        ge=0,
        le=300,
        description="seconds that the recording moves on at each poll; 0: as time does",
    )
    recording_starts_at_s: int | None = Field(
        default=None,
        description="Unix second at which the recording begins; kept from the first start if not set",
    )
    recording_network_records: int = Field(
        default=0,
        ge=0,
        description="scale the recording to a network that shows so many records at a time, the whole one "
        "48000; 0: not at all",
    )
    recording_once: bool = Field(default=False, description="end with the recording, do not begin it again")
    poll_interval_s: float = Field(
        default=120.0, ge=0.0, description="seconds between two polls of the source"
    )
    flink_heap_mb: int = Field(default=512, ge=256, description="largest heap of the Flink process")
    checkpoint_interval_s: float = Field(
        default=5.0, ge=0.1, description="seconds between two checkpoints; values become visible at each"
    )
    exactly_once: bool = Field(
        default=True,
        description="values become visible at each checkpoint, once; else at once, and twice after a failure",
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="a running Kafka to use; none is started then"
    )
    redis_url: str | None = Field(default=None, description="a running Redis to use; none is started then")
    redis_password_file: Path | None = Field(default=None, description="file with the password at that Redis")
    redis_ca_file: Path | None = Field(
        default=None, description="PEM file of the CA of its certificate; the system's CAs if not set"
    )
    influx_url: str | None = Field(
        default=None, description="a running InfluxDB 2 to use; none is started then"
    )
    influx_operator_token_file: Path | None = Field(
        default=None, description="file with the operator token of that InfluxDB"
    )
    kafka_port: int = Field(default=19092, description="port of the Kafka broker")
    kafka_controller_port: int = Field(default=19093, description="port of Kafka's controller")
    influxd_port: int = Field(default=19086, description="port of InfluxDB")
    valkey_port: int = Field(default=19079, description="port of Valkey")
    recording_port: int = Field(default=19080, description="port of the recording server")
    flink_rest_port: int = Field(default=19081, description="port of Flink's web page")
    flink_metrics_port: int = Field(default=19249, description="port of Flink's Prometheus metrics")
    scraper_metrics_port: int = Field(default=19101, description="port of the scraper's health and metrics")
    collector_metrics_port: int = Field(
        default=19102, description="port of the collector's health and metrics"
    )
    predictor_metrics_port: int = Field(
        default=19103, description="port of the predictor's health and metrics"
    )
    page_port: int = Field(default=19100, description="port of the live page and its API")
    page_metrics_port: int = Field(default=19104, description="port of the live page's health and metrics")
    grafana_port: int = Field(default=19300, description="port of Grafana, where the machine has one")
    # Grafana refuses an empty recipient.
    alert_email: str = Field(default="nobody@localhost", description="who gets Grafana's alerts on the air")
    alert_webhook_url: str = Field(
        default="http://localhost", description="where Grafana sends those that are urgent"
    )
    prometheus_url: str = Field(
        default=f"http://{LOOPBACK}:9090", description="the Prometheus that Grafana asks, if there is one"
    )
    registry_dir: Path = Field(default=CHAMPIONS, description="folder of the model registry to forecast by")

    @field_validator("data_dir")
    @classmethod
    def _whole(cls, folder: Path) -> Path:
        """The processes are started elsewhere, and are known by this path."""
        whole = folder.expanduser().absolute()
        if FORBIDDEN_IN_FOLDER & set(str(whole)):
            raise ValueError(f"a folder whose path has none of {' '.join(sorted(FORBIDDEN_IN_FOLDER))}")
        return whole

    @model_validator(mode="after")
    def _has_token_for_influx(self) -> Self:
        if self.influx_url is not None and self.influx_operator_token_file is None:
            raise ValueError("LOCAL_STACK_INFLUX_URL needs LOCAL_STACK_INFLUX_OPERATOR_TOKEN_FILE beside it")
        return self

    @property
    def is_elsewhere(self) -> bool:
        """Whether all servers are somebody else's: a cluster, or compose."""
        return None not in {self.kafka_bootstrap_servers, self.redis_url, self.influx_url}

    @property
    def kafka_address(self) -> str:
        """Where Kafka is."""
        return self.kafka_bootstrap_servers or f"{LOOPBACK}:{self.kafka_port}"

    @property
    def redis_address(self) -> str:
        """Where Redis or Valkey is."""
        return self.redis_url or f"redis://{LOOPBACK}:{self.valkey_port}/0"

    @property
    def influx_address(self) -> str:
        """Where InfluxDB is."""
        return self.influx_url or f"http://{LOOPBACK}:{self.influxd_port}"

    @property
    def logs_dir(self) -> Path:
        """Folder of every process's log."""
        return self.data_dir / "logs"

    @property
    def flink_dir(self) -> Path:
        """Folder of the Flink job's state."""
        return self.data_dir / "flink"

    @property
    def predictor_dir(self) -> Path:
        """Folder of the predictor's issues and their scores."""
        return self.data_dir / "app_predict"

    @property
    def grafana_dir(self) -> Path:
        """Folder of Grafana's data and of what it is provisioned with."""
        return self.data_dir / "grafana"

    @property
    def secrets_dir(self) -> Path:
        """Folder of tokens, readable by the owner alone."""
        return self.data_dir / "secrets"
