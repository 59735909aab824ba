"""All that the trainer can be told by its environment; the rest are options of its commands."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from forecasting.registry_settings import RegistrySettings
from runtime.influx_access import InfluxAccessSettings
from runtime.kafka_security import KafkaSecuritySettings

# The registry that comes with the code, README.md tells of what.
CHAMPIONS = Path(__file__).parent / "champions"


class Settings(KafkaSecuritySettings, InfluxAccessSettings, RegistrySettings):
    """Read once, at start, from MODEL_TRAINING_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="MODEL_TRAINING_")

    registry: str = Field(default="models", description="folder of the model registry, or s3://bucket/prefix")
    influx_url: str | None = Field(
        default=None, description="InfluxDB's address, http://host:port, for fetch"
    )
    influx_token_file: Path | None = Field(
        default=None, description="file with a token that may read the bucket hourly"
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="Kafka's addresses, host:port, by commas, for fetch"
    )
