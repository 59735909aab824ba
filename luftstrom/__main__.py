"""`luftstrom`: the command people type. Rooms are imported only by the command that needs them."""

import json
import os
import signal
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from contracts.errors import BadInputError, UnavailableError
from luftstrom import screen
from luftstrom.air_cli import export, query, stations
from luftstrom.backup_cli import backup, restore
from luftstrom.deploy_cli import deploy_app
from luftstrom.doctor_cli import doctor
from luftstrom.durations import duration_s
from luftstrom.letters_cli import letters_app
from luftstrom.options import AsJson
from luftstrom.places_cli import places_app
from luftstrom.reconcile_cli import reconcile
from luftstrom.tokens_cli import tokens_app
from luftstrom.transactions_cli import transactions_app
from runtime.proxies import spare_loopback
from runtime.settings import SettingsError

app = typer.Typer(
    name="luftstrom",
    help="The live air of the world's citizen sensors, as a stream you can trust.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

for command in (query, export, stations, reconcile, backup, restore, doctor):
    app.command()(command)
for group, name in (
    (letters_app, "dead-letters"),
    (places_app, "places"),
    (deploy_app, "deploy"),
    (tokens_app, "tokens"),
    (transactions_app, "transactions"),
):
    app.add_typer(group, name=name)

DAY = "%Y-%m-%d"


@app.command()
def up(
    recording: Annotated[
        str | None,
        typer.Option(
            help="Play this recording instead of the live network, for example aberdeen-2019-05-12."
        ),
    ] = None,
) -> None:
    """Start the whole system on this machine; on the live network unless a recording is named.

    The live network asks for a contact: set SCRAPER_CONTACT to an address where its operators reach you.
    Folders and ports are settings (LOCAL_STACK_…): see local_stack/README.md.
    """
    from luftstrom.commands import start

    start(recording)


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Also delete the data folder.")] = False,
) -> None:
    """Stop the system, in order and losing nothing; the data stays unless you wipe it."""
    from luftstrom.commands import stop

    stop(wipe=wipe)


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show each process: state, port, memory, lag and last error; exit code 1 if one is not running."""
    from luftstrom.commands import stack_overview

    overview = stack_overview()
    if as_json:
        typer.echo(json.dumps(overview.as_json(), indent=2))
    else:
        screen.show_status(overview)
    raise typer.Exit(0 if overview.is_well else 1)


@app.command()
def demo() -> None:
    """Play ten recorded days through the whole system, go on live, and prove that nothing is lost.

    Leaves the system running. Exit code 0 only if the arithmetic closes.
    """
    from luftstrom.commands import demonstrate

    raise typer.Exit(0 if demonstrate() else 1)


@app.command()
def backfill(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Archive files, recordings (.csv, .jsonl, .gz, .xz, .zip), folders of them."),
    ] = None,
    first_day: Annotated[
        datetime | None,
        typer.Option("--from", formats=[DAY], help="First day to take from the archive service."),
    ] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=[DAY], help="Last day, which is taken too.")
    ] = None,
    country: Annotated[
        list[str] | None, typer.Option(help="Only this ISO code, for example GB; may be given again.")
    ] = None,
    sensor_type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this type, for example SDS011; may be given again."),
    ] = None,
    sensor: Annotated[list[int] | None, typer.Option(help="Only this sensor; may be given again.")] = None,
) -> None:
    """Take history into the log: files of this machine, or days of sensor.community's archive.

    May be stopped at any moment, and goes on from there when it is started again. The archive service is
    asked once a second and wants a contact: set SCRAPER_CONTACT. A country is told only by what is in a
    file, so name types or sensors beside it where you can. Exit code 1 if something could not be read.
    """
    from luftstrom.history import History, backfill_history

    days = _days(first_day, last_day)
    if (days is None) == (not paths):
        raise typer.BadParameter("name files or folders, or else --from and --to")
    outcome = backfill_history(History(paths or (), days, country or (), sensor_type or (), sensor or ()))
    raise typer.Exit(1 if outcome.problems else 0)


def _days(first: datetime | None, last: datetime | None) -> tuple[date, date] | None:
    if first is None and last is None:
        return None
    if first is None or last is None or last < first:
        raise typer.BadParameter("--from and --to go together, and --to is not before --from")
    return first.date(), last.date()


@app.command()
def replay(
    since: Annotated[datetime, typer.Option("--from", help="Readings from this time on, UTC.")],
    until: Annotated[datetime, typer.Option("--to", help="Readings from before this time, UTC.")],
    door: Annotated[
        Literal["live", "archive"], typer.Option(help="What the scraper published, or what a back-fill did.")
    ] = "archive",
    job: Annotated[
        Literal["split", "aggregate", "all"],
        typer.Option(help="What to make of them: values, windows and flags of spans, or both."),
    ] = "all",
    version: Annotated[
        int | None,
        typer.Option(min=2, help="Fill topics of this version beside the old ones; else write to those."),
    ] = None,
    disorder_min: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=44_640,
            help="Minutes that a reading may stand behind later ones in the log and still be in its window; "
            "15 of live readings, two days of an archive, which comes day by day.",
        ),
    ] = None,
) -> None:
    """Put readings that are in the log through a job again: the same keys and times, so nothing doubles.

    Stopped with Ctrl-C or killed, the same command begins again; what comes twice is equal.
    """
    from luftstrom import commands

    if since >= until:
        raise typer.BadParameter("--from is not before --to: there is nothing to replay")
    if not commands.replay_log(door, job, (since, until), disorder_min=disorder_min, version=version):
        screen.show_line("not finished; the same command begins again, and what comes twice is equal")
        raise typer.Exit(1)
    screen.show_line("replayed")


@app.command()
def upgrade(
    force: Annotated[bool, typer.Option("--force", help="Also where the job did not stop cleanly.")] = False,
) -> None:
    """Begin the Flink job anew after a change of its SQL: empty state, some hours back; the stack is stopped.

    What the overlap gives again has the same keys and times, so nothing doubles in the store.
    """
    from luftstrom.commands import upgrade_job

    generation = upgrade_job(force=force)
    screen.show_line(f"generation {generation.number} of the job begins at the next `luftstrom up`")


def _duration_s(text: str) -> float:
    try:
        return duration_s(text)
    except BadInputError as error:
        raise typer.BadParameter(error.detail) from None


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="The file to record into, for example air.jsonl.xz.")],
    every_s: Annotated[
        float, typer.Option("--every", min=0.0, help="Seconds between two snapshots; live at least 60.")
    ] = 60.0,
    for_s: Annotated[
        float | None,
        typer.Option(
            "--for",
            parser=_duration_s,
            metavar="DURATION",
            help="For example 90s, 30m, 2h, 1d; endless if not set.",
        ),
    ] = None,
) -> None:
    """Record the live feed into a file, to play it again with `luftstrom up --recording`.

    A file that is there is gone on with. Ctrl-C ends it; what was recorded stays, whatever happens.
    The live network asks for a contact: set SCRAPER_CONTACT to an address where its operators reach you.
    """
    from luftstrom import recorder

    recorder.record(file, every_s=every_s, for_s=for_s, tell=screen.show_line)


@app.command(
    name="train",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def train(context: typer.Context) -> None:
    """Train forecasters, prove them, promote them: fetch, train, backtest, promote, report and more."""
    from model_training.cli import app as train_app

    train_app(args=context.args, prog_name="luftstrom train")


def main() -> None:
    """Run the command; known errors become one clear message and exit code 2.

    SIGTERM ends a command as Ctrl-C does: what it started half is stopped again.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    spare_loopback(os.environ)
    try:
        app()
    except (UnavailableError, BadInputError, SettingsError) as error:
        screen.show_error(str(error))
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
