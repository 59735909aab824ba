"""`luftstrom reconcile`: the number that proves it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from luftstrom import screen
from luftstrom.durations import duration_s
from luftstrom.options import AsJson

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

WINDOWS = 24


def reconcile(
    window: Annotated[
        str | None,
        typer.Option(help="Window by window, of the time of observation: for example 5m, 1h, 1d."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help=f"ISO time (UTC) or an age like 2h, 3d; by default {WINDOWS} windows.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before this time, written as --since.")] = None,
    metrics_to: Annotated[
        str | None,
        typer.Option(help="Also write the figures for Prometheus: a .prom file, or a Pushgateway's address."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare what came in with what is stored; exit code 1 if the arithmetic does not close.

    Values on the way make it open for the few seconds between a poll and the store; of two readings of one
    sensor and second the store holds one, and the other counts as replaced. With --window Kafka and
    InfluxDB are asked what each stage has; a window is judged once it is over for five minutes.
    """
    from luftstrom import reconciliation_metrics

    if window is None and (since or until):
        raise typer.BadParameter("--since and --until go with --window")
    answer = (
        _of_whole(is_quiet=as_json) if window is None else _of_windows(window, since, until, is_quiet=as_json)
    )
    if metrics_to is not None:
        reconciliation_metrics.write(answer.registry, metrics_to)
    if as_json:
        typer.echo(json.dumps(answer.as_json, indent=2))
    else:
        answer.show()
    raise typer.Exit(0 if answer.closes else 1)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Whether the arithmetic closes, for programs, for Prometheus, and a way to show it to people."""

    closes: bool
    as_json: object
    registry: "CollectorRegistry"
    show: Callable[[], None]


def _of_whole(*, is_quiet: bool) -> _Answer:
    from luftstrom import reconciliation_metrics
    from luftstrom.commands import reconciliation_now

    whole = reconciliation_now(is_quiet=is_quiet)
    return _Answer(
        whole.closes,
        screen.reconciliation_as_json(whole),
        reconciliation_metrics.of_whole(whole),
        partial(screen.show_reconciliation, whole),
    )


def _of_windows(window: str, since: str | None, until: str | None, *, is_quiet: bool) -> _Answer:
    from luftstrom import reconciliation_metrics
    from luftstrom.commands import windows_now
    from luftstrom.letters import moment_s
    from luftstrom.windows import span_of, windows_as_json, windows_close

    now_s, window_s = time.time(), int(duration_s(window))
    until_s = moment_s(until, now_s=now_s) if until else now_s
    since_s = moment_s(since, now_s=now_s) if since else until_s - WINDOWS * window_s
    windows = windows_now(span_of(window_s=window_s, since_s=since_s, until_s=until_s), is_quiet=is_quiet)
    return _Answer(
        windows_close(windows),
        windows_as_json(windows),
        reconciliation_metrics.of_windows(windows),
        partial(screen.show_windows, windows),
    )
