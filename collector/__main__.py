"""Wiring: `python -m collector` collects until SIGTERM."""

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

import structlog
from prometheus_client import CollectorRegistry

from collector.batches import TooManyBadError
from collector.collecting import Collector, Surroundings
from collector.live_schema import SchemaConflictError, count_series, require_same_types
from collector.metrics import Metrics
from collector.series_guard import SeriesGuard
from collector.settings import Settings, read_token
from collector.writer_thread import WriterThread
from collector.writing import BatchWriter
from contracts.errors import UnavailableError
from contracts.points import STORED_BY_TOPIC
from contracts.stored import BUCKETS
from runtime.clock import Clock, SystemClock
from runtime.confluent_log import ConfluentRecordSource
from runtime.health import Health, serving_health
from runtime.influx_reader import InfluxReader
from runtime.influx_store import InfluxPointStore
from runtime.kafka_publisher import KafkaPublisher
from runtime.log_interfaces import RecordSource
from runtime.logs import configure_logs
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals

log = structlog.get_logger()

UNAVAILABLE_EXIT_CODE = 1
TOO_MANY_BAD_EXIT_CODE = 3
SCHEMA_CONFLICT_EXIT_CODE = 4
CLIENT_ID = "collector"
CONNECT_BACKOFF_CAP_S = 5.0


def main() -> int:
    """Collect until told to stop; the exit code."""
    try:
        settings = read_settings(Settings)
        token = read_token(settings)
    except SettingsError as error:
        exit_on_bad_settings(error)
    configure_logs("collector", level=settings.log_level)
    stopping = stop_on_signals()
    try:
        _collect(settings, token, stopping)
    except TooManyBadError as error:
        log.error("collector_stopped_itself", error=str(error))  # noqa: TRY400 - the message says it all
        return TOO_MANY_BAD_EXIT_CODE
    except SchemaConflictError as error:
        log.error("schema_conflict", error=str(error))  # noqa: TRY400 - the message says it all
        return SCHEMA_CONFLICT_EXIT_CODE
    except UnavailableError as error:
        # While stopping this is no failure: the part that was waited for never came.
        log.error("collector_gave_up", error=str(error))  # noqa: TRY400 - the message says it all
        return 0 if stopping.is_set() else UNAVAILABLE_EXIT_CODE
    return 0


def _collect(settings: Settings, token: str, stopping: threading.Event) -> None:
    registry = CollectorRegistry()
    clock, health, metrics = SystemClock(), Health(), Metrics(registry)
    with ExitStack() as open_parts:
        port = open_parts.enter_context(
            serving_health(health, registry, port=settings.metrics_port, host=settings.metrics_host)
        )
        log.info("collector_started", metrics_port=port)
        guards = {bucket.name: _guard(settings, clock) for bucket in BUCKETS}
        health.unready(f"waiting for InfluxDB at {settings.influx_url}")
        _look_at_store(settings, token, guards, health, stopping)
        writers = {}
        for bucket in BUCKETS:
            store = open_parts.enter_context(closing(_store(settings, bucket.name, token)))
            writers[bucket.name] = BatchWriter(
                store, bucket=bucket.name, clock=clock, stopping=stopping, metrics=metrics
            )
        health.unready(f"waiting for Kafka at {settings.kafka_bootstrap_servers}")
        publisher = open_parts.enter_context(closing(_publisher(settings, health, stopping)))
        source = open_parts.enter_context(closing(_source(settings, health, stopping)))
        writer = WriterThread(
            writers,
            publisher,
            queue_batches=settings.queue_batches,
            clock=clock,
            stopping=stopping,
            metrics=metrics,
        )
        surroundings = Surroundings(
            clock=clock, health=health, metrics=metrics, guards=guards, stopping=stopping
        )
        Collector(source, writer, settings, surroundings).run()


def _guard(settings: Settings, clock: Clock) -> SeriesGuard:
    return SeriesGuard(
        series_max=settings.series_max, new_per_hour_max=settings.new_series_per_hour_max, clock=clock
    )


def _look_at_store(
    settings: Settings,
    token: str,
    guards: dict[str, SeriesGuard],
    health: Health,
    stopping: threading.Event,
) -> None:
    """Raises SchemaConflictError; goes on where the token may not read, for writing is what it is for."""

    def look() -> None:
        health.tick()
        token_now, ca_file = _token_now(settings, token), settings.influx_ca_file
        reader = InfluxReader(url=settings.influx_url, token=token_now, ca_file=ca_file)
        try:
            require_same_types(reader)
            count_series(reader, guards)
        except UnavailableError as error:
            health.unready(str(error))
            raise
        except ValueError as error:
            log.warning("store_not_readable", error=str(error), remedy="let the token read the buckets, too")

    retry_unavailable(look, what="looking at the store", stopping=stopping, cap_s=CONNECT_BACKOFF_CAP_S)


def _store(settings: Settings, bucket: str, token: str) -> InfluxPointStore:
    return InfluxPointStore(
        url=settings.influx_url,
        org=settings.influx_org,
        bucket=bucket,
        token=token,
        token_now=lambda: _token_now(settings, token),
        ca_file=settings.influx_ca_file,
    )


def _token_now(settings: Settings, token: str) -> str:
    """The token as its file has it, for it may have been rotated."""
    try:
        return read_token(settings)
    except SettingsError as error:
        # It is being put in place; InfluxDB is asked again anyway.
        log.warning("token_unreadable", error=str(error))
        return token


def _publisher(settings: Settings, health: Health, stopping: threading.Event) -> KafkaPublisher:
    def connect() -> KafkaPublisher:
        health.tick()
        return KafkaPublisher(
            settings.kafka_bootstrap_servers, client_id=CLIENT_ID, security=settings.kafka_security
        )

    return retry_unavailable(
        connect, what="connecting to Kafka", stopping=stopping, cap_s=CONNECT_BACKOFF_CAP_S
    )


def _source_type(settings: Settings) -> Callable[..., RecordSource]:
    if settings.kafka_client == "confluent-kafka":
        return ConfluentRecordSource
    from runtime.kafka_log import KafkaRecordSource  # noqa: PLC0415 - 8 MiB, only for who asks it

    return KafkaRecordSource


def _source(settings: Settings, health: Health, stopping: threading.Event) -> RecordSource:
    source_of = _source_type(settings)

    def connect() -> RecordSource:
        health.tick()
        return source_of(
            settings.kafka_bootstrap_servers,
            topics=sorted(STORED_BY_TOPIC),
            group_id=settings.group_id,
            client_id=CLIENT_ID,
            member_id=settings.member_id,
            security=settings.kafka_security,
        )

    return retry_unavailable(
        connect, what="connecting to Kafka", stopping=stopping, cap_s=CONNECT_BACKOFF_CAP_S
    )


if __name__ == "__main__":
    sys.exit(main())
