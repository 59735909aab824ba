"""`python -m scraper [--every]`: one poll, or one after the other until told to stop."""

import gc

if __name__ == "__main__":
    gc.disable()  # what is imported stays: there is nothing to look for, which takes a tenth of a poll

import argparse
import os
import threading
from contextlib import ExitStack

import redis
import structlog
from prometheus_client import CollectorRegistry

from contracts.errors import UnavailableError
from runtime.clock import SystemClock
from runtime.health import Health, serving_health
from runtime.kafka_publisher import KafkaPublisher
from runtime.logs import configure_logs
from runtime.redis_client import connect_redis
from runtime.retry import retry_unavailable
from runtime.settings import SettingsError, environment_name, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals
from scraper.fallback import FallbackSource
from scraper.lease import Lease
from scraper.memory import Memory
from scraper.metrics import Metrics
from scraper.pacing import FAILURE_WAIT_S_MAX, poll_for_ever, poll_once
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from scraper.polling import Poller, Rules
from scraper.pushing import push_metrics
from scraper.refinement import Refinement
from scraper.sensor_community_source import SensorCommunitySource
from scraper.settings import Settings
from scraper.shared_memory import SharedMemory

log = structlog.get_logger()

STOP_LIMIT_S = 8.0
# A single poll is somebody's cron job: it ends, and the next one tries again.
ONE_SHOT_KAFKA_WAIT_S_MAX = 30.0
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
        if settings.pushgateway_url is not None and not is_endless:
            url, instance = str(settings.pushgateway_url), settings.instance
            stack.callback(push_metrics, url, registry, instance=instance)
        try:
            if settings.metrics_port is not None:
                stack.enter_context(
                    serving_health(health, registry, port=settings.metrics_port, host=settings.metrics_host)
                )
            limit_s = None if is_endless else ONE_SHOT_KAFKA_WAIT_S_MAX
            poller = _poller(settings, metrics, stopping, stack, kafka_limit_s=limit_s)
        except UnavailableError as error:  # the port is taken, or no Kafka before the limit or the stop
            metrics.polls.labels("failed").inc()
            log.error("scraper_not_started", error=str(error))  # noqa: TRY400 - the message says it all
            raise SystemExit(1) from None
        gc.enable()
        gc.freeze()  # what is loaded by now stays, and need not be looked through in each poll
        if is_endless:
            poll_for_ever(poller, settings, health, stopping)
        elif not poll_once(poller, settings, stopping):
            raise SystemExit(1)


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
        lambda: KafkaPublisher(
            settings.kafka_bootstrap_servers, client_id="scraper", security=settings.kafka_security
        ),
        what="kafka",
        stopping=stopping,
        limit_s=kafka_limit_s,
    )
    stack.callback(publisher.close)
    origins = (None, *settings.fallback_urls)
    source = FallbackSource([SensorCommunitySource(settings, origin=each) for each in origins], metrics)
    stack.callback(source.close)
    client = connect_redis(
        settings.redis_url, password_file=settings.redis_password_file, ca_file=settings.redis_ca_file
    )
    stack.callback(client.close)
    return Poller(
        source,
        publisher,
        SharedMemory(Memory(client), _lease(client, settings, metrics), metrics),
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


def _lease(client: redis.Redis, settings: Settings, metrics: Metrics) -> Lease:
    return Lease(
        client,
        holder=f"{settings.instance}:{os.getpid()}",
        # A poll that is killed has asked all the same.
        seconds=max(settings.lease_s, settings.request_gap_s),
        kept_s=settings.request_gap_s,
        clock=SystemClock(),
        metrics=metrics,
    )


if __name__ == "__main__":
    main()
