"""What the stack needs beside Python packages, found or installed into the cache folder."""

from dataclasses import dataclass
from pathlib import Path

from local_stack.install.cache import Tell, install_lock
from local_stack.install.class_archive import install_broker_archive
from local_stack.install.influxd import install_influxd
from local_stack.install.jars import install_jars
from local_stack.install.java import install_java
from local_stack.install.valkey import install_valkey


@dataclass(frozen=True, slots=True)
class Installed:
    """Where every part lies."""

    java: Path
    kafka_jars: Path
    kafka_archive: Path | None
    connector_jars: Path
    influxd: Path
    valkey_server: Path
    cache: Path

    @property
    def flink_cache(self) -> Path:
        """Where the Flink process keeps what it makes once."""
        return self.cache / "flink"

    @property
    def kafka_archive_option(self) -> str | None:
        """Java's option for the broker's class archive, if there is one."""
        return f"-XX:SharedArchiveFile={self.kafka_archive}" if self.kafka_archive else None


def install(tell: Tell) -> Installed:
    """Find or install every part; safe to run again and twice at once.

    Raises UnavailableError, naming the remedy, for what cannot be had.
    """
    with install_lock(tell) as cache:
        java = install_java(cache, tell)
        kafka_jars = install_jars("kafka", cache, tell)
        return Installed(
            java=java,
            kafka_jars=kafka_jars,
            kafka_archive=install_broker_archive(java, kafka_jars, cache, tell),
            connector_jars=install_jars("flink-connector", cache, tell),
            influxd=install_influxd(cache, tell),
            valkey_server=install_valkey(),
            cache=cache,
        )
