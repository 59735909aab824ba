"""All that the Flink jobs can be told."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from flink_jobs.sql.timing import Timing
from runtime.kafka_security import KafkaSecuritySettings


class JobSettings(KafkaSecuritySettings):
    """What a job does; read once, at start, from FLINK_JOBS_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="FLINK_JOBS_")

    kafka_bootstrap_servers: str = Field(description="host:port of one or more brokers, with commas between")
    prefix: str = Field(
        default="luftstrom-v1",
        description="names the transactions and consumer groups; change it only after a clean stop",
    )
    exactly_once: bool = Field(
        default=True,
        description="values become visible at each checkpoint, once; else at once, and twice after a failure",
    )
    guard: bool = Field(default=True, description="also look for messages that are no readings")
    watermark_delay_min: int = Field(
        default=15, ge=1, le=44_640, description="how many minutes after others a reading is still in time"
    )
    short_window_min: Literal[1, 2, 5, 10, 15, 30] = Field(
        default=5, description="minutes of the shortest aggregates"
    )
    throughput_window_s: int = Field(default=10, ge=1, le=59, description="seconds of a count of readings")

    @property
    def timing(self) -> Timing:
        """The sizes of the windows, and the patience before they close."""
        return Timing(self.watermark_delay_min, self.short_window_min, self.throughput_window_s)


class Settings(JobSettings):
    """And how its own Java process runs it."""

    state_dir: Path = Field(description="folder of checkpoints, savepoints, logs and temporary files")
    connector_jars_dir: Path = Field(description="folder with the jar of the Kafka SQL connector")
    cache_dir: Path = Field(description="folder of what is built once: the planner's jar, the class archive")
    rest_port: int = Field(default=19081, description="port of Flink's web page and REST interface")
    metrics_port: int = Field(default=19249, description="port of Flink's own Prometheus reporter")
    checkpoint_interval_s: float = Field(
        default=5.0, ge=0.1, description="time between checkpoints; values become visible at each"
    )
    state_backend: Literal["hashmap", "rocksdb"] = Field(
        default="hashmap", description="where state lives: on the heap, or on disk where it outgrows that"
    )
    parallelism: int = Field(
        default=1, ge=1, description="parallel copies of each step of `split`, and of a replay"
    )
    heap_mb: int = Field(default=512, ge=192, description="largest heap of the Java process")
    is_optimizing: bool = Field(
        default=False,
        description="let Java optimise fully: slower to start, cheaper in a long back-fill",
    )
