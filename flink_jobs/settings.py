"""All that the Flink jobs can be told."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from runtime.settings import RoomSettings


class Settings(RoomSettings):
    """Read once, at start, from FLINK_JOBS_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="FLINK_JOBS_")

    kafka_bootstrap_servers: str = Field(description="host:port of one or more brokers, with commas between")
    state_dir: Path = Field(description="folder of checkpoints, savepoints, logs and temporary files")
    connector_jars_dir: Path = Field(description="folder with the jar of the Kafka SQL connector")
    cache_dir: Path = Field(description="folder of what is built once: the planner's jar, the class archive")
    rest_port: int = Field(default=19081, description="port of Flink's web page and REST interface")
    metrics_port: int = Field(default=19249, description="port of Flink's own Prometheus reporter")
    checkpoint_interval_s: float = Field(
        default=5.0, ge=0.1, description="time between checkpoints; values become visible at each"
    )
    parallelism: int = Field(default=1, ge=1, description="parallel copies of each step")
    heap_mb: int = Field(default=512, ge=192, description="largest heap of the Java process")
    is_optimizing: bool = Field(
        default=False,
        description="let Java optimise fully: slower to start, cheaper in a long back-fill",
    )
    guard: bool = Field(default=True, description="also look for messages that are no readings")
    transactional_id_prefix: str = Field(
        default="split-v1", description="names the transactions and groups; change it only after a clean stop"
    )
