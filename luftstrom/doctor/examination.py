"""All checks that make sense for a system: on this machine, or elsewhere."""

from collections.abc import Iterator
from contextlib import closing

from contracts.errors import UnavailableError
from local_stack import stack
from local_stack.settings import Settings
from luftstrom.connections import Connections, connections
from luftstrom.doctor import certificates, freshness, machine, servers
from luftstrom.doctor.findings import Finding, ill, unasked, well
from luftstrom.overview import freshness_s
from runtime.clock import Clock

NOT_RUNNING = "the stack does not run"


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Every finding, each as soon as it is made."""
    if settings.is_elsewhere:
        yield from _of_system(settings, clock)
        return
    is_running = stack.is_running(settings)
    yield machine.tools()
    yield machine.memory(is_running=is_running)
    yield machine.disk(settings)
    yield from machine.ports(settings, is_running=is_running)
    if not is_running:
        yield unasked("system", f"{NOT_RUNNING}; `luftstrom up` starts it")
        return
    yield from _processes(settings)
    yield from servers.tokens(settings)
    yield freshness.checkpoint(settings.flink_dir, now_s=clock.now_s())
    yield from _of_system(settings, clock)


def _processes(settings: Settings) -> Iterator[Finding]:
    statuses = stack.status(settings)
    down = [status for status in statuses if not status.is_well]
    for status in down:
        yield ill(
            f"process {status.name}",
            "it does not run",
            f"See {settings.logs_dir / status.name}.log; it is started again.",
        )
    if not down:
        yield well("processes", f"{len(statuses)} run")


def _of_system(settings: Settings, clock: Clock) -> Iterator[Finding]:
    yield from servers.topics(settings)
    yield servers.lag(settings)
    now_s = clock.now_s()
    yield freshness.last_fetch(settings.kafka_address, settings.kafka_security, now_s=now_s)
    try:
        with connections(settings) as connected, closing(connected.redis_client):
            yield from _of_stores(settings, connected, now_s)
    except UnavailableError as error:
        yield ill("InfluxDB", str(error), servers.BOOTSTRAP)
    yield from certificates.certificates(settings, now_s=now_s)


def _of_stores(settings: Settings, connected: Connections, now_s: float) -> Iterator[Finding]:
    yield from servers.versions(settings, connected.redis_client)
    yield from servers.buckets(connected.influx)
    yield freshness.last_value(freshness_s(connected.influx))
    yield freshness.last_forecast(connected.influx, now_s=now_s)
