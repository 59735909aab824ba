"""The figures of a reconciliation for Prometheus.

They are of the moment when somebody reconciled, so they are handed over then: to a file that the node
exporter's textfile collector reads, or to a Pushgateway. Nothing stays running that would show them older.
"""

from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway, write_to_textfile

from contracts.errors import BadInputError, UnavailableError
from luftstrom.reconciliation import Reconciliation
from luftstrom.windows import Window, windows_close

JOB = "luftstrom-reconcile"
PUSH_TIMEOUT_S = 10.0
SUFFIX = ".prom"
STAGES = ("fetched", "published", "values", "split", "dead", "late", "written", "stored")


def of_whole(reconciliation: Reconciliation) -> CollectorRegistry:
    """What was counted since the data folder was made."""
    door = reconciliation.door
    registry = _registry(closes=reconciliation.closes)
    readings = Gauge("reconciliation_readings", "Readings by stage.", ["stage"], registry=registry)
    for stage in ("fetched", "published", "repeated", "refused", "left_out"):
        readings.labels(stage).set(getattr(door, stage))
    values = Gauge("reconciliation_values", "Values by stage.", ["stage"], registry=registry)
    for stage, count in (
        ("published", door.values_published),
        ("ignored", door.values_ignored),
        ("replaced", reconciliation.replaced),
        ("dead", reconciliation.set_aside),
        ("stored", reconciliation.stored),
        ("on_the_way", reconciliation.on_the_way),
    ):
        values.labels(stage).set(count)
    return registry


def of_windows(windows: Sequence[Window]) -> CollectorRegistry:
    """What was counted in the settled windows, together; and how many of them are open."""
    settled = [window for window in windows if window.is_settled]
    registry = _registry(closes=windows_close(windows))
    counts = Gauge(
        "reconciliation_window_records",
        "Readings (fetched, published, late) and values (the others) by stage, in the settled windows.",
        ["stage"],
        registry=registry,
    )
    for stage in STAGES:
        counts.labels(stage).set(sum(getattr(window, stage) for window in settled))
    Gauge("reconciliation_windows", "Settled windows.", registry=registry).set(len(settled))
    Gauge("reconciliation_open_windows", "Settled windows that do not close.", registry=registry).set(
        sum(not window.closes for window in settled)
    )
    return registry


def write(registry: CollectorRegistry, to: str) -> None:
    """Hand the figures over: to a file, whole or not at all, or to a Pushgateway.

    Raises BadInputError where `to` is neither, UnavailableError where it takes nothing.
    """
    if not to.startswith(("http://", "https://")) and not to.endswith(SUFFIX):
        raise BadInputError("no_place", f"{to!r}; name a file *{SUFFIX}, or a Pushgateway by http://…")
    try:
        if to.endswith(SUFFIX):
            write_to_textfile(str(Path(to)), registry)
        else:
            push_to_gateway(to, JOB, registry, timeout=PUSH_TIMEOUT_S)
    except (OSError, HTTPException) as error:
        raise UnavailableError(f"the figures could not be written to {to}: {error}") from error


def _registry(*, closes: bool) -> CollectorRegistry:
    registry = CollectorRegistry()
    Gauge("reconciliation_closes", "1 where the arithmetic closes, else 0.", registry=registry).set(closes)
    at = Gauge("reconciliation_timestamp_seconds", "When it was reckoned, Unix time.", registry=registry)
    at.set_to_current_time()
    return registry
