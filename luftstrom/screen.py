"""What a person sees: tables and errors on the terminal."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from contracts.measures import MEASURES
from contracts.places import DetailedPlace
from luftstrom.air import PlaceAir
from luftstrom.outlook import AHEAD_H, Outlook
from luftstrom.reconciliation import Reconciliation

if TYPE_CHECKING:
    from luftstrom.deploy.status import Part
    from luftstrom.doctor.findings import Finding
    from luftstrom.overview import Overview
    from luftstrom.tokens import HeldToken
    from luftstrom.transactions import Transaction
    from luftstrom.windows import Window
    from scraper.backfill.running import Outcome

WIDTH_WITHOUT_TERMINAL = 120

out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
err = Console(stderr=True, highlight=False, soft_wrap=True)

MIB = 1024 * 1024
TEXT_MAX = 60
PLACES_SHOWN = 12
# Without a terminal there is no bar; a line at each tenth shows that it goes on.
STEPS_WITHOUT_TERMINAL = 10


def show_error(message: str) -> None:
    """One message on standard error."""
    err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)


def show_line(message: str) -> None:
    """One line of what is going on."""
    out.print(escape(message), soft_wrap=True)


class Bar:
    """The progress of one piece of work: a bar on a terminal, a few lines elsewhere."""

    def __init__(self, label: str, progress: Progress, task: TaskID, least: int = 0) -> None:
        self._label, self._progress, self._task, self._least = label, progress, task, least
        self._step = 0

    def update(self, done: int, total: int) -> None:
        """`done` of `total` is done."""
        if total < self._least:
            return
        if out.is_terminal:
            self._progress.update(self._task, completed=done, total=total, visible=True)
            return
        step = done * STEPS_WITHOUT_TERMINAL // max(total, 1)
        if step > self._step:
            self._step = step
            show_line(f"{self._label}: {done:,} of {total:,}")


@contextmanager
def progress_bar(label: str, *, unit: str, least: int = 0) -> Iterator[Bar]:
    """Show a bar while the block runs; `unit` is what is counted; of less than `least` nothing is told."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        yield Bar(label, progress, progress.add_task(label, total=None, visible=not least), least)


def show_status(overview: "Overview") -> None:
    """A row a process, then how fresh the air is; one line where nothing runs."""
    if not overview.rows:
        show_line(f"nothing runs; start it with `luftstrom up`. Logs of earlier runs: {overview.logs_dir}")
        return
    table = Table("process", "state", "port", "memory", "up for", "restarts", "lag", "last error")
    for row in overview.rows:
        table.add_row(
            row.name,
            f"[green]{row.state}[/]" if row.is_well else f"[bold red]{row.state}[/]",
            str(row.port or ""),
            f"{row.pss_bytes / MIB:,.0f} MiB" if row.pss_bytes else "",
            _duration(row.uptime_s),
            str(row.restarts),
            "" if row.lag is None else f"{row.lag:,}",
            shown((row.last_error or "")[:TEXT_MAX]),
        )
    out.print(table)
    total = sum(row.pss_bytes or 0 for row in overview.rows)
    fresh = (
        "nothing stored yet"
        if overview.freshness_s is None
        else f"newest value {overview.freshness_s:,.0f} s old"
    )
    out.print(f"memory {total / MIB:,.0f} MiB in all · {fresh}")
    show_line(f"logs in {overview.logs_dir}")


def show_finding(finding: "Finding") -> None:
    """One line of what was found, and one of what to do next."""
    mark = {"well": "[green]✓[/]", "doubtful": "[yellow]![/]", "ill": "[red]✗[/]", "unasked": "[dim]–[/]"}
    out.print(f"{mark[finding.verdict]} {escape(finding.what)}: {escape(finding.detail)}", soft_wrap=True)
    if finding.remedy:
        out.print(f"  → {escape(finding.remedy)}", soft_wrap=True)


def show_air(places: Sequence[PlaceAir]) -> None:
    """The latest air: a row a place, a column a measure that any place has."""
    measures = [m for m in MEASURES if any(m.name in place.value_by_measure for place in places)]
    table = Table("place", "sensors", *(f"{m.name}\n{m.unit}" for m in measures), title="The air now")
    for column in table.columns[1:]:
        column.justify = "right"
    for place in places[:PLACES_SHOWN]:
        values = (place.value_by_measure.get(measure.name) for measure in measures)
        table.add_row(
            shown(", ".join(part for part in (place.city, place.country) if part) or "unknown place"),
            str(place.sensors),
            *("" if value is None else f"{value:.1f}" for value in values),
        )
    out.print(table)
    if len(places) > PLACES_SHOWN:
        out.print(f"and {len(places) - PLACES_SHOWN} more places")
    show_line("Median of each sensor's latest undoubted value within the hour; indicative sensors.")


def show_outlooks(outlooks: Sequence[Outlook]) -> None:
    """What is forecast: a row a place and measure, a column some hours ahead."""
    table = Table(
        "place", "measure", *(f"+{each} h" for each in AHEAD_H), "sensors by method", title="What is forecast"
    )
    for each in outlooks:
        bands = (each.band_by_ahead_h.get(ahead_h) for ahead_h in AHEAD_H)
        table.add_row(
            shown(f"{each.city}, {each.country}"),
            f"{each.measure.name} {each.measure.unit}",
            *(
                "" if band is None else f"{_short(band[1])} ({_short(band[0])}…{_short(band[2])})"
                for band in bands
            ),
            ", ".join(f"{method} {count}" for method, count in each.sensors_by_method.most_common()),
        )
    out.print(table)
    show_line("Median and 80 % band of an hour's mean, the median of the place's sensors.")


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1_000 else f"{value:.1f}"


def show_place(place: DetailedPlace) -> None:
    """One line: from the city to the country, its code and the geohash."""
    names = ", ".join(name for name in (place.city, place.admin_area, place.country_name) if name)
    show_line(f"{names} ({place.country})  geohash {place.geohash}")


def place_as_json(place: DetailedPlace) -> dict[str, Any]:
    """The same for programs."""
    return {name: getattr(place, name) for name in place.__struct_fields__}


def show_transactions(transactions: Sequence["Transaction"]) -> None:
    """A row a partition that a transaction holds back."""
    table = Table("topic", "partition", "producer", "transactional id", "state", "open since", "holds back")
    for each in transactions:
        name, state = shown(each.transactional_id or ""), each.state or "no coordinator knows it"
        shown_state = f"[bold red]hanging[/] {state}" if each.is_hanging else state
        for held in each.held:
            table.add_row(
                shown(held.topic),
                str(held.partition),
                str(each.producer_id),
                name,
                shown_state,
                _moment(each.open_since_s),
                f"{held.records:,}",
            )
    if transactions:
        out.print(table)
    hanging = sum(each.is_hanging for each in transactions)
    show_line(f"{len(transactions)} open, {hanging} of them hanging")


def show_tokens(tokens: Sequence["HeldToken"]) -> None:
    """A row a token: what it may do, whose it is, where it lies."""
    table = Table("token", "may", "buckets", "of", "file")
    for each in tokens:
        table.add_row(
            each.scope.name,
            ", ".join(each.scope.actions),
            ", ".join(each.scope.buckets),
            each.scope.about,
            escape(str(each.file)) if each.is_there else "[bold red]missing[/]; run `luftstrom up`",
        )
    out.print(table)


def show_cluster(parts: Sequence["Part"]) -> None:
    """A row a part of the system on a cluster."""
    table = Table("part", "name", "state")
    for each in parts:
        state = escape(each.state)
        table.add_row(each.kind, escape(each.name), state if each.is_well else f"[bold red]{state}[/]")
    out.print(table)


def token_as_json(token: "HeldToken") -> dict[str, Any]:
    """The same for programs."""
    return {**asdict(token.scope), "file": str(token.file), "is_there": token.is_there}


def show_reconciliation(reconciliation: Reconciliation) -> None:
    """Counts by stage, then the two sums."""
    table = Table("measure", "stored values", title="What is in the store")
    table.columns[1].justify = "right"
    for name, count in reconciliation.stored_by_measure.items():
        table.add_row(name, f"{count:,}")
    out.print(table)
    door = reconciliation.door
    out.print(
        f"readings: {door.fetched:,} fetched = {door.published:,} published + {door.repeated:,} repeated "
        f"+ {door.refused:,} refused + {door.left_out:,} left out  {_mark(door.closes)}",
        soft_wrap=True,
    )
    replaced = reconciliation.replaced
    reasons = ", ".join(f"{reason} {n:,}" for reason, n in reconciliation.set_aside_by_reason.items())
    out.print(
        f"values:   {door.values_published:,} published = {reconciliation.stored:,} stored "
        f"+ {reconciliation.set_aside:,} set aside{f' ({reasons})' if reasons else ''} "
        f"+ {door.values_ignored:,} ignored "
        f"{f'+ {replaced:,} replaced ' if replaced else ''}+ {reconciliation.on_the_way:,} on the way  "
        f"{_mark(reconciliation.on_the_way == 0)}",
        soft_wrap=True,
    )


def show_windows(windows: Sequence["Window"]) -> None:
    """A row a window, then each place where the arithmetic does not close."""
    stages = ("fetched", "published", "values", "split", "dead", "late", "written", "stored")
    table = Table("window", *stages, "", title="By the time of observation, UTC")
    for column in table.columns[1:]:
        column.justify = "right"
    for window in windows:
        mark = _mark(window.closes) if window.is_settled else "not over yet"
        counts = (f"{getattr(window, stage):,}" for stage in stages)
        table.add_row(_moment(window.starts_at_s), *counts, mark)
    out.print(table)
    show_line(
        "values of published = split + dead there; split = written; written = stored + dead there. "
        "fetched = published + refused; readings that came twice are not in the log."
    )
    for window in windows:
        for stage, missing in window.gaps.items() if window.is_settled else ():
            what = "missing" if missing > 0 else "too many"
            show_line(f"{_moment(window.starts_at_s)}: {abs(missing):,} values {what} from {stage}")


def reconciliation_as_json(reconciliation: Reconciliation) -> dict[str, Any]:
    """The same for programs."""
    door = reconciliation.door
    return {
        "readings": {
            name: getattr(door, name) for name in ("fetched", "published", "repeated", "refused", "left_out")
        },
        "values": {
            "published": door.values_published,
            "stored": dict(reconciliation.stored_by_measure),
            "set_aside": dict(reconciliation.set_aside_by_reason),
            "ignored": door.values_ignored,
            "replaced": reconciliation.replaced,
            "on_the_way": reconciliation.on_the_way,
        },
        "closes": reconciliation.closes,
    }


def show_backfill(outcome: "Outcome", *, seconds: float) -> None:
    """The counts of one run, then what was wrong with whole files, on standard error."""
    count = Counter(outcome.totals)
    out.print(
        f"readings: {count['fetched']:,} read = {count['published']:,} published "
        f"+ {count['repeated']:,} repeated + {count['refused']:,} refused{_reasons(outcome.totals)} "
        f"+ {count['left_out']:,} left out",
        soft_wrap=True,
    )
    out.print(
        f"files:    {outcome.files:,} read, {outcome.files_done_before:,} were done before, "
        f"{len(outcome.problems):,} problems; {seconds:,.1f} s, {count['fetched'] / seconds:,.0f} readings/s",
        soft_wrap=True,
    )
    for problem in outcome.problems:
        err.print(f"[bold red]problem:[/] {shown(problem)}", soft_wrap=True)


def _reasons(totals: Mapping[str, int]) -> str:
    """` (not_a_reading 3)`, from the counts by reason; nothing where there are none."""
    reasons = [
        f"{name.removeprefix('refused_')} {count:,}"
        for name, count in totals.items()
        if name.startswith("refused_")
    ]
    return f" ({', '.join(reasons)})" if reasons else ""


def printable(text: str) -> str:
    """Foreign text without control characters, on one line."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def shown(text: str) -> str:
    """Foreign text as it may go to a terminal: printable, and no markup."""
    return escape(printable(text))


def _mark(closes: bool) -> str:
    return "[bold green]✓[/]" if closes else "[bold red]✗[/]"


def _moment(second: float | None) -> str:
    """A Unix second as UTC."""
    return "" if second is None else f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}Z"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
