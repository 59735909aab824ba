"""Wiring: `python -m app_predict` issues hours until SIGTERM, `--once` one, `--dry-run` prints one."""

import argparse
import sys
import threading
from contextlib import ExitStack, closing

import structlog
from prometheus_client import CollectorRegistry

from app_predict.champions import Champions
from app_predict.dry_run import table_lines
from app_predict.hourly_source import HourlySource
from app_predict.issue_times import due_issue_s
from app_predict.metrics import Metrics
from app_predict.predicting import MINUTE_S, Predictor, Surroundings
from app_predict.settings import Settings, read_token
from app_predict.state_folder import StateFolder
from contracts.errors import UnavailableError
from forecasting.registry_settings import opened_registry
from runtime.clock import SystemClock
from runtime.health import Health, serving_health
from runtime.kafka_publisher import KafkaPublisher
from runtime.log_interfaces import Publisher
from runtime.logs import configure_logs
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals

log = structlog.get_logger()

UNAVAILABLE_EXIT_CODE = 1
CLIENT_ID = "app-predict"
CONNECT_BACKOFF_CAP_S = 5.0
# A broker that went away holds a flush for long; what was not acknowledged is issued again.
STOP_LIMIT_S = 8.0
ONCE_LIMIT_S = 120.0  # beyond the patience: for reading and publishing


def main() -> int:
    """Run as told; the exit code."""
    told = _arguments()
    try:
        settings = read_settings(Settings)
        read_token(settings)
    except SettingsError as error:
        exit_on_bad_settings(error)
    configure_logs("app_predict", level=settings.log_level)
    stopping = stop_on_signals(limit_s=STOP_LIMIT_S)
    try:
        if told.dry_run:
            _print(settings, stopping)
        else:
            _serve(settings, stopping, is_once=told.once)
    except SettingsError as error:
        exit_on_bad_settings(error)
    except UnavailableError as error:
        # While stopping this is no failure: the part that was waited for never came.
        log.error("app_predict_ended", error=str(error))  # noqa: TRY400 - the message says it all
        return 0 if stopping.is_set() else UNAVAILABLE_EXIT_CODE
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app_predict",
        description="Forecast the next 24 hours of every sensor, and score what was forecast before. "
        "Settings are APP_PREDICT_* environment variables: see app_predict/README.md.",
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--once",
        action="store_true",
        help="issue the hour that is due, if it was not, and end: for a CronJob",
    )
    way.add_argument(
        "--dry-run", action="store_true", help="print the forecasts as a table; publish and remember nothing"
    )
    return parser.parse_args()


def _print(settings: Settings, stopping: threading.Event) -> None:
    around = _surroundings(settings, stopping, CollectorRegistry())
    around.champions.look()
    issued_at_s = due_issue_s(around.clock.now_s(), minute=settings.issue_minute)
    for line in table_lines(settings, around, issued_at_s=issued_at_s):
        sys.stdout.write(f"{line}\n")


def _serve(settings: Settings, stopping: threading.Event, *, is_once: bool) -> None:
    registry = CollectorRegistry()
    around = _surroundings(settings, stopping, registry)
    with ExitStack() as open_parts:
        port = open_parts.enter_context(
            serving_health(around.health, registry, port=settings.metrics_port, host=settings.metrics_host)
        )
        open_parts.enter_context(around.state.locked())
        log.info("app_predict_started", metrics_port=port, measures=settings.measure_names)
        around.health.unready(f"waiting for Kafka at {settings.kafka_bootstrap_servers}")
        publisher = open_parts.enter_context(closing(_publisher(settings, around.health, stopping)))
        predictor = Predictor(settings, around)
        predictor.show_earlier()
        if is_once:
            _issue_once(predictor, publisher, settings, around)
        else:
            _issue_hourly(predictor, publisher, settings, around)


def _issue_hourly(
    predictor: Predictor, publisher: Publisher, settings: Settings, around: Surroundings
) -> None:
    while not around.stopping.is_set():
        around.health.tick()
        try:
            _look(predictor, publisher, around)
        except UnavailableError as error:
            around.health.unready(str(error))
            log.warning("issue_put_off", error=str(error))
        around.stopping.wait(settings.check_interval_s)


def _issue_once(predictor: Predictor, publisher: Publisher, settings: Settings, around: Surroundings) -> None:
    """Raises UnavailableError where there was nothing to issue, or a server away, for the whole patience."""
    ends_at_s = around.clock.monotonic_s() + settings.patience_min * MINUTE_S + ONCE_LIMIT_S
    problem = "the store has no hour to forecast from"
    while predictor.is_due and not around.stopping.is_set():
        around.health.tick()
        try:
            _look(predictor, publisher, around)
        except UnavailableError as error:
            problem = str(error)
        if predictor.is_due and around.clock.monotonic_s() > ends_at_s:
            raise UnavailableError(problem)
        if predictor.is_due:
            around.stopping.wait(settings.check_interval_s)


def _look(predictor: Predictor, publisher: Publisher, around: Surroundings) -> None:
    around.champions.look()
    issued_at_s = predictor.due()
    if issued_at_s is not None:
        predictor.work(issued_at_s, publisher)
    around.health.ready()


def _surroundings(settings: Settings, stopping: threading.Event, registry: CollectorRegistry) -> Surroundings:
    clock, metrics = SystemClock(), Metrics(registry)
    champions = Champions(
        opened_registry(settings),
        settings.measure_names,
        poll_s=settings.champion_poll_s,
        threads=settings.threads,
        clock=clock,
        metrics=metrics,
    )
    return Surroundings(
        source=HourlySource(settings.influx_url, lambda: _token(settings), ca_file=settings.influx_ca_file),
        champions=champions,
        state=StateFolder(settings.state_dir),
        metrics=metrics,
        health=Health(),
        clock=clock,
        stopping=stopping,
    )


def _token(settings: Settings) -> str:
    try:
        return read_token(settings)
    except SettingsError as error:
        # It was there at the start, and is being replaced.
        raise UnavailableError(str(error)) from error


def _publisher(settings: Settings, health: Health, stopping: threading.Event) -> KafkaPublisher:
    def connect() -> KafkaPublisher:
        health.tick()
        return KafkaPublisher(
            settings.kafka_bootstrap_servers, client_id=CLIENT_ID, security=settings.kafka_security
        )

    return retry_unavailable(
        connect, what="connecting to Kafka", stopping=stopping, cap_s=CONNECT_BACKOFF_CAP_S
    )


if __name__ == "__main__":
    sys.exit(main())
