"""`python -m scraper [--every]`: one poll, or one after the other until told to stop."""

import argparse
import random
import threading
from contextlib import ExitStack

import structlog
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from runtime.clock import SystemClock
from runtime.health import Health, serving_health
from runtime.kafka_log import KafkaPublisher
from runtime.logs import configure_logs
from runtime.redis_client import connect_redis
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError, environment_name, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals
from scraper.memory import Memory
from scraper.metrics import Metrics
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from scraper.polling import Poller, Rules, Summary
from scraper.refinement import Refinement
from scraper.sensor_community_source import AskedToWaitError, SensorCommunitySource
from scraper.settings import LIVE_POLL_INTERVAL_S_MIN, Settings

log = structlog.get_logger()

STOP_LIMIT_S = 8.0
JITTER = 0.05
FAILURE_WAIT_S, FAILURE_WAIT_S_MAX = 1.0, 60.0
# A single poll is somebody's cron job: it ends, and the next one tries again.
ONE_SHOT_KAFKA_WAIT_S_MAX = 30.0
# A poll that takes longer waits for Kafka or the source.
READY_POLL_S_MAX = 30.0
UNCHANGED_WAIT_S_MIN = 0.2
# Settings that are flags too.
CHOICES = ("countries", "sensor_types", "sensor_ids", "box", "near", "indoor")


def main() -> None:
    """Wire the scraper; exit code 1 where a single poll failed, 2 where a setting is wrong."""
    given = vars(_parser().parse_args())
    is_endless = given.pop("every")
    configure_logs("scraper")
    try:
        settings = read_settings(Settings, **given)
    except SettingsError as error:
        exit_on_bad_settings(error)
    stopping = stop_on_signals(limit_s=STOP_LIMIT_S)
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    health = Health(tick_limit_s=2 * settings.poll_interval_s + 15 * FAILURE_WAIT_S_MAX)
    with ExitStack() as stack:
        try:
            if settings.metrics_port is not None:
                stack.enter_context(serving_health(health, registry, port=settings.metrics_port))
            limit_s = None if is_endless else ONE_SHOT_KAFKA_WAIT_S_MAX
            poller = _poller(settings, metrics, stopping, stack, kafka_limit_s=limit_s)
        except UnavailableError as error:  # the port is taken, or no Kafka before the limit or the stop
            log.error("scraper_not_started", error=str(error))  # noqa: TRY400 - the message says it all
            raise SystemExit(1) from None
        if is_endless:
            _poll_for_ever(poller, settings, health, metrics, stopping)
        else:
            _poll_once(poller)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scraper", description=__doc__)
    parser.add_argument("--every", action="store_true", help="go on, each SCRAPER_POLL_INTERVAL_S seconds")
    for field in CHOICES:
        about = f"{Settings.model_fields[field].description} ({environment_name(Settings, field)})"
        parser.add_argument(f"--{field.replace('_', '-')}", default=None, help=about)
    return parser


def _poller(
    settings: Settings,
    metrics: Metrics,
    stopping: threading.Event,
    stack: ExitStack,
    *,
    kafka_limit_s: float | None,
) -> Poller:
    publisher = retry_unavailable(
        lambda: KafkaPublisher(settings.kafka_bootstrap_servers, client_id="scraper"),
        what="kafka",
        stopping=stopping,
        limit_s=kafka_limit_s,
    )
    stack.callback(publisher.close)
    source = SensorCommunitySource(settings)
    stack.callback(source.close)
    client = connect_redis(settings.redis_url)
    stack.callback(client.close)
    return Poller(
        source,
        publisher,
        Memory(client),
        places=_places(settings, RedisPlaceCache(client), metrics, stack),
        clock=SystemClock(),
        metrics=metrics,
        rules=Rules(settings.future_s_max, settings.selection),
    )


def _places(settings: Settings, cache: RedisPlaceCache, metrics: Metrics, stack: ExitStack) -> Places:
    if not settings.refine_places:
        return Places(cache)
    from scraper.nominatim import Nominatim  # noqa: PLC0415 - 0.1 s and its client, only for who asks it

    nominatim = Nominatim(settings.nominatim_url, user_agent=settings.user_agent)
    refinement = Refinement(nominatim.place_of, metrics=metrics)
    places = Places(cache, refine=refinement.offer)
    stack.callback(refinement.close)
    refinement.start(places.learn)
    return places


def _poll_once(poller: Poller) -> None:
    try:
        _tell(poller.poll())
    except UnavailableError as error:
        log.error("poll_failed", error=str(error))  # noqa: TRY400 - the message says it all
        raise SystemExit(1) from None


def _poll_for_ever(
    poller: Poller, settings: Settings, health: Health, metrics: Metrics, stopping: threading.Event
) -> None:
    failures = 0
    # Also after a failure, and whatever the service says: it is asked at most once a minute.
    wait_s_min = LIVE_POLL_INTERVAL_S_MIN if settings.is_live else 0.0
    while not stopping.is_set():
        health.tick()
        try:
            with metrics.poll_seconds.time():
                summary = poller.poll()
        except UnavailableError as error:
            failures += 1
            metrics.polls.labels("failed").inc()
            health.unready(str(error))
            wait_s = max(_patience_s(error, failures), wait_s_min)
            log.warning("poll_failed", error=str(error), next_in_s=round(wait_s, 1))
        else:
            failures = 0
            _tell(summary)
            wait_s = max(_jittered(settings.poll_interval_s), wait_s_min)
            wait_s = wait_s if summary.totals else max(wait_s, UNCHANGED_WAIT_S_MIN)
            health.ready(for_s=wait_s + READY_POLL_S_MAX)
        stopping.wait(wait_s)


def _patience_s(error: UnavailableError, failures: int) -> float:
    """Longer each time, and at least as long as the service asked."""
    asked_s = error.seconds if isinstance(error, AskedToWaitError) else 0.0
    backoff_s = random.uniform(0.5, 1.0) * min(FAILURE_WAIT_S * 2.0**failures, FAILURE_WAIT_S_MAX)  # noqa: S311
    return max(asked_s, backoff_s)


def _jittered(seconds: float) -> float:
    return seconds * random.uniform(1.0 - JITTER, 1.0 + JITTER)  # noqa: S311 - spreads load, hides nothing


def _tell(summary: Summary) -> None:
    if summary.totals:
        log.info(
            "poll_done", **summary.totals, bytes=summary.payload_bytes, seconds=round(summary.seconds, 3)
        )


if __name__ == "__main__":
    main()
