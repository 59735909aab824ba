"""Wiring: `python -m collector` collects until SIGTERM."""

import sys
import threading
from contextlib import ExitStack, closing

import structlog
from prometheus_client import CollectorRegistry

from collector.batches import TooManyBadError
from collector.collecting import Collector, Surroundings
from collector.lines import MEASURE_BY_TOPIC
from collector.metrics import Metrics
from collector.settings import Settings, read_token
from collector.writer_thread import WriterThread
from collector.writing import BatchWriter
from contracts.errors import UnavailableError
from contracts.stored import RETENTION_S_BY_BUCKET
from runtime.clock import SystemClock
from runtime.health import Health, serving_health
from runtime.influx_store import InfluxPointStore
from runtime.kafka_log import KafkaPublisher, KafkaRecordSource
from runtime.logs import configure_logs
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals

log = structlog.get_logger()

UNAVAILABLE_EXIT_CODE = 1
TOO_MANY_BAD_EXIT_CODE = 3
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
        log.info("collector_started", metrics_port=port, bucket=settings.influx_bucket)
        store = open_parts.enter_context(closing(_store(settings, token)))
        health.unready(f"waiting for Kafka at {settings.kafka_bootstrap_servers}")
        publisher = open_parts.enter_context(closing(_publisher(settings, health, stopping)))
        source = open_parts.enter_context(closing(_source(settings, health, stopping)))
        batch_writer = BatchWriter(
            store,
            retention_s=RETENTION_S_BY_BUCKET[settings.influx_bucket],
            clock=clock,
            stopping=stopping,
            metrics=metrics,
        )
        writer = WriterThread(
            batch_writer,
            publisher,
            queue_batches=settings.queue_batches,
            clock=clock,
            stopping=stopping,
            metrics=metrics,
        )
        surroundings = Surroundings(clock=clock, health=health, metrics=metrics, stopping=stopping)
        Collector(source, writer, settings, surroundings).run()


def _store(settings: Settings, token: str) -> InfluxPointStore:
    return InfluxPointStore(
        url=settings.influx_url, org=settings.influx_org, bucket=settings.influx_bucket, token=token
    )


def _publisher(settings: Settings, health: Health, stopping: threading.Event) -> KafkaPublisher:
    def connect() -> KafkaPublisher:
        health.tick()
        return KafkaPublisher(settings.kafka_bootstrap_servers, client_id=CLIENT_ID)

    return retry_unavailable(
        connect, what="connecting to Kafka", stopping=stopping, cap_s=CONNECT_BACKOFF_CAP_S
    )


def _source(settings: Settings, health: Health, stopping: threading.Event) -> KafkaRecordSource:
    def connect() -> KafkaRecordSource:
        health.tick()
        return KafkaRecordSource(
            settings.kafka_bootstrap_servers,
            topics=sorted(MEASURE_BY_TOPIC),
            group_id=settings.group_id,
            client_id=CLIENT_ID,
        )

    return retry_unavailable(
        connect, what="connecting to Kafka", stopping=stopping, cap_s=CONNECT_BACKOFF_CAP_S
    )


if __name__ == "__main__":
    sys.exit(main())
