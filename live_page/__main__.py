"""Wiring: `python -m live_page` serves until SIGTERM."""

import sys
import threading

import structlog
import uvicorn
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from contracts.stored import LIVE_BUCKET
from live_page.api import api
from live_page.metrics import Metrics
from live_page.settings import Settings, read_token
from runtime.clock import SystemClock
from runtime.health import Health, serving_health
from runtime.influx_reader import InfluxReader
from runtime.logs import configure_logs
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals

log = structlog.get_logger()

UNAVAILABLE_EXIT_CODE = 1
PROBE_EVERY_S = 5.0
STOP_S = 5


def main() -> int:
    """Serve until told to stop; the exit code."""
    try:
        settings = read_settings(Settings)
        token = read_token(settings)  # now, so that a missing one is told at once
    except SettingsError as error:
        exit_on_bad_settings(error)
    configure_logs("live_page", level=settings.log_level)
    stopping = stop_on_signals()
    try:
        influx = InfluxReader(
            url=settings.influx_url,
            token=token,
            token_now=lambda: _token_now(settings),
            ca_file=settings.influx_ca_file,
        )
        return _serve(settings, influx, stopping)
    except UnavailableError as error:
        log.error("live_page_gave_up", error=str(error))  # noqa: TRY400 - the message says it all
        return UNAVAILABLE_EXIT_CODE


def _serve(settings: Settings, influx: InfluxReader, stopping: threading.Event) -> int:
    health, registry = Health(), CollectorRegistry()
    server = uvicorn.Server(_configuration(settings, influx, Metrics(registry)))
    thread = threading.Thread(target=server.run, name="api", daemon=True)
    with serving_health(health, registry, port=settings.metrics_port, host=settings.metrics_host):
        thread.start()
        while not stopping.wait(PROBE_EVERY_S if server.started else 0.1) and thread.is_alive():
            if server.started:
                _probe(health, influx)
        has_served = server.started
        server.should_exit = True
        thread.join(2 * STOP_S)
    return 0 if stopping.is_set() and has_served else UNAVAILABLE_EXIT_CODE


def _token_now(settings: Settings) -> str:
    try:
        return read_token(settings)
    except SettingsError as error:
        raise UnavailableError(str(error)) from error


def _configuration(settings: Settings, influx: InfluxReader, metrics: Metrics) -> uvicorn.Config:
    app = api(
        influx,
        metrics,
        clock=SystemClock(),
        cache_s=settings.cache_s,
        cache_answers=settings.cache_answers,
        url_by_process=settings.url_by_process,
        tiles_url=settings.tiles_url,
    )
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=STOP_S,
    )


def _probe(health: Health, influx: InfluxReader) -> None:
    health.tick()
    try:
        influx.query(LIVE_BUCKET, "SHOW MEASUREMENTS LIMIT 1")
    except UnavailableError as error:
        health.unready(str(error))
    else:
        health.ready()


if __name__ == "__main__":
    sys.exit(main())
