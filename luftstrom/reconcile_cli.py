"""`luftstrom reconcile`: the number that proves it."""

import json
import time
from typing import Annotated

import typer

from luftstrom import screen
from luftstrom.durations import duration_s

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of a table.")]
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

    Values on the way make it open for the few seconds between a poll and the store. With --window Kafka and
    InfluxDB are asked what each stage has; a window is judged once it is over for five minutes.
    """
    from luftstrom import reconciliation_metrics
    from luftstrom.commands import reconciliation_now, windows_now
    from luftstrom.letters import moment_s
    from luftstrom.windows import span_of, windows_as_json, windows_close

    if window is None and (since or until):
        raise typer.BadParameter("--since and --until go with --window")
    if window is None:
        reconciliation = reconciliation_now()
        told, closes = screen.reconciliation_as_json(reconciliation), reconciliation.closes
        registry = reconciliation_metrics.of_whole(reconciliation)
    else:
        now_s, window_s = time.time(), int(duration_s(window))
        until_s = moment_s(until, now_s=now_s) if until else now_s
        since_s = moment_s(since, now_s=now_s) if since else until_s - WINDOWS * window_s
        windows = windows_now(span_of(window_s=window_s, since_s=since_s, until_s=until_s), is_quiet=as_json)
        told, closes = windows_as_json(windows), windows_close(windows)
        registry = reconciliation_metrics.of_windows(windows)
    if metrics_to is not None:
        reconciliation_metrics.write(registry, metrics_to)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    elif window is None:
        screen.show_reconciliation(reconciliation)
    else:
        screen.show_windows(windows)
    raise typer.Exit(0 if closes else 1)
