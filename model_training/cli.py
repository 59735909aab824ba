"""The commands of the trainer: `luftstrom train …`, the same as `python -m model_training …`."""

import signal
from contextlib import nullcontext
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, cast

import typer
from msgspec import to_builtins

from contracts.errors import BadInputError, UnavailableError
from forecasting.baselines import BASELINES
from forecasting.card import Kind
from forecasting.registry import ModelRegistry
from forecasting.registry_settings import opened_registry
from model_training.climates import climates
from model_training.protocols import PROTOCOLS, Protocol, by_time, utc_s
from model_training.settings import CHAMPIONS, Settings
from runtime.settings import SettingsError, read_settings

app = typer.Typer(
    name="train",
    help="Fetch data, train forecasters, prove them against baselines, promote and roll back.\n\n"
    "From nothing to a champion: `fetch`, `train`, `promote`; `report` shows why.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
)

STOPPED_EXIT_CODE = 130
REFUSED_EXIT_CODE = 1
BAD_INPUT_EXIT_CODE = 2


class Source(StrEnum):
    """Where hours come from."""

    FILES = "files"
    INFLUX = "influx"
    KAFKA = "kafka"


DataFolder = Annotated[Path, typer.Option("--data", help="Folder of hourly tables, as `fetch` writes them.")]
Measure = Annotated[str, typer.Option(help="For example pm25, temperature.")]
Also = Annotated[
    list[Path] | None,
    typer.Option(
        "--also",
        help="Tables of a further city to learn from, as much as from --data; may be given again. "
        f"Or a climate that comes with us: {', '.join(climates())}. The month ends of its last year are "
        "validated on. Other climates make a model that travels.",
    ),
]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        help="Folder of models or s3://bucket/prefix; else MODEL_TRAINING_REGISTRY, else models.",
    ),
]
Named = Annotated[
    str | None,
    typer.Option(
        "--protocol", help=f"A named split of the data: {', '.join(PROTOCOLS)}; else give the three times."
    ),
]
TrainUntil = Annotated[
    str | None, typer.Option(help="Train on hours before this, UTC, for example 2019-02-01.")
]
ValidateUntil = Annotated[str | None, typer.Option(help="Validate on the hours from there to before this.")]
TestUntil = Annotated[str | None, typer.Option(help="Test on the hours from there to before this.")]
LeaveOut = Annotated[
    str | None,
    typer.Option(help="Places never trained on: every:4 (location divisible by 4), sensors:3,8, none."),
]
Version = Annotated[str, typer.Option(help="A version, as `list` shows it.")]
Versions = Annotated[
    list[str] | None, typer.Option("--model", help="A version, or champion; may be given again.")
]
STEP_HELP = "Hours between two test origins; coprime to 24, so that all hours of the day count."


@app.command()
def fetch(
    out: Annotated[Path, typer.Option(help="Folder for the tables, one Parquet file a measure.")],
    source: Annotated[Source, typer.Option("--from", help="Where hours come from.")] = Source.FILES,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="With files: folders or files of readings (archive CSV, raw_*.parquet); or one CSV of "
            "stations (station, lat, lon, time and a column for each measure), or prsa*.parquet."
        ),
    ] = None,
    since: Annotated[str, typer.Option(help="Hours from this on, UTC.")] = "2000-01-01",
    until: Annotated[str, typer.Option(help="Hours before this, UTC.")] = "2100-01-01",
) -> None:
    """Write one hourly table a measure, and their fingerprints.

    InfluxDB wants MODEL_TRAINING_INFLUX_URL and _TOKEN_FILE, Kafka MODEL_TRAINING_KAFKA_BOOTSTRAP_SERVERS.
    Readings of files become hours by the same rule as the Flink job's.
    """
    from model_training import fetching, screen  # noqa: PLC0415

    if (source is Source.FILES) != bool(paths):
        raise typer.BadParameter("name files or folders, or else --from influx or --from kafka")
    settings, from_s, until_s = read_settings(Settings), utc_s(since), utc_s(until)
    if source is Source.INFLUX:
        hours = fetching.hours_in_influx(settings, from_s=from_s, until_s=until_s)
    elif source is Source.KAFKA:
        hours = fetching.hours_in_kafka(
            settings,
            from_s=from_s,
            until_s=until_s,
            tell=screen.show_line,
            on_progress=screen.reading_shown(),
        )
    else:
        every = fetching.hours_in_files(paths or [], tell=screen.show_line)
        hours = fetching.of_span(every, from_s=from_s, until_s=until_s)
    fetching.write_tables(hours, out, tell=screen.show_line)


@app.command()
def train(  # noqa: PLR0913, PLR0917 - each is an option of the command
    data: DataFolder,
    measure: Measure,
    seeds: Annotated[
        str, typer.Option(help="Seeds by commas; the model is the mean of one network each.")
    ] = "1",
    baseline: Annotated[
        str | None, typer.Option(help=f"Register a baseline: {', '.join(BASELINES)}.")
    ] = None,
    also: Also = None,
    protocol: Named = None,
    train_until: TrainUntil = None,
    validate_until: ValidateUntil = None,
    test_until: TestUntil = None,
    leave_out: LeaveOut = None,
    registry: Registry = None,
) -> None:
    """Train a measure's network, export it, and put it into the registry as a new version.

    The test span is not looked at. Ctrl-C ends the training and keeps the best so far. The same data and
    seeds give the same network.
    """
    from model_training import commands, screen  # noqa: PLC0415

    times = _protocol(protocol, train_until, validate_until, test_until, leave_out)
    ready = commands.make_ready(data, measure, times, also=also or ())
    screen.show_split(ready)
    if baseline is not None:
        card = commands.add_baseline(ready, _registry(registry), _baseline(baseline))
    else:
        card = commands.train(ready, _registry(registry), seeds=_seeds(seeds), tell=screen.show_step)
    screen.show_line(
        f"{card.version} is in {_registry(registry).place}; `promote` makes it champion, if it is good"
    )


@app.command()
def backtest(  # noqa: PLR0913, PLR0917
    data: DataFolder,
    measure: Measure,
    model: Versions = None,
    step: Annotated[int | None, typer.Option(min=1, help=STEP_HELP)] = None,
    lightgbm: Annotated[
        bool, typer.Option("--lightgbm", help="Beside LightGBM on the same covariates.")
    ] = False,
    protocol: Named = None,
    train_until: TrainUntil = None,
    validate_until: ValidateUntil = None,
    test_until: TestUntil = None,
    leave_out: LeaveOut = None,
    registry: Registry = None,
) -> None:
    """Score models beside the baselines on rolling origins of the test span, left-out places apart."""
    from model_training import commands, screen  # noqa: PLC0415

    times = _protocol(protocol, train_until, validate_until, test_until, leave_out)
    if step is not None:
        times = replace(times, test_step=step)
    ready = commands.make_ready(data, measure, times)
    screen.show_backtest(commands.backtested(ready, _registry(registry), model or [], with_lightgbm=lightgbm))


@app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders or files of readings, as of `fetch`; or else give --data."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of hourly tables that were fetched before.")
    ] = None,
    registry: Annotated[
        str, typer.Option("--registry", help="Registry of the champions; else those that come with us.")
    ] = str(CHAMPIONS),
) -> None:
    """Check the champions on a city of your own, beside the baselines; nothing is trained.

    Wants two weeks of readings or more, for example of archive.sensor.community. The baselines learn from
    the first two fifths of them, all are tested on the last half. What a measure lacks is told, the others
    go on.
    """
    from model_training import checking, screen  # noqa: PLC0415

    if (data is None) != bool(paths):
        raise typer.BadParameter("name files or folders of readings, or else --data")
    tables = nullcontext(data) if data is not None else checking.fetched(paths or [], tell=screen.show_line)
    with tables as folder:
        for version, tested in checking.checks(folder, _registry(registry), tell=screen.show_line):
            screen.show_check(version, tested)


@app.command()
def compare(  # noqa: PLR0913, PLR0917
    one: Annotated[str, typer.Argument(help="A version, champion, or a baseline.")],
    other: Annotated[str, typer.Argument(help="The version or baseline to compare it with.")],
    data: DataFolder,
    measure: Measure,
    protocol: Named = None,
    train_until: TrainUntil = None,
    validate_until: ValidateUntil = None,
    test_until: TestUntil = None,
    leave_out: LeaveOut = None,
    registry: Registry = None,
) -> None:
    """Compare two models on the same origins: by how much one is better, and how sure that is."""
    from model_training import commands, screen  # noqa: PLC0415

    ready = commands.make_ready(
        data, measure, _protocol(protocol, train_until, validate_until, test_until, leave_out)
    )
    screen.show_comparison(*commands.compared(ready, _registry(registry), one, other))


@app.command()
def export(
    measure: Measure,
    version: Version,
    out: Annotated[
        str, typer.Option(help="Registry to copy it into, as champion: card, LiteRT file, golden batch.")
    ],
    registry: Registry = None,
) -> None:
    """Copy what serving needs of a version to another registry, if its network gives the golden answers."""
    from model_training import commands, screen  # noqa: PLC0415

    for path in commands.export(_registry(registry), measure, version, _registry(out)):
        screen.show_line(path)


@app.command()
def promote(  # noqa: PLR0913, PLR0917
    data: DataFolder,
    measure: Measure,
    version: Version,
    protocol: Named = None,
    train_until: TrainUntil = None,
    validate_until: ValidateUntil = None,
    test_until: TestUntil = None,
    leave_out: LeaveOut = None,
    registry: Registry = None,
) -> None:
    """Make a version champion if it beats the champion and the best baseline; exit code 1 if it is refused.

    Without any champion yet, the blend becomes champion in its place. docs/decisions/0032 has the rule.
    """
    from model_training import commands, screen  # noqa: PLC0415

    ready = commands.make_ready(
        data, measure, _protocol(protocol, train_until, validate_until, test_until, leave_out)
    )
    verdict = commands.promote(ready, _registry(registry), version)
    screen.show_verdict(version, verdict)
    raise typer.Exit(0 if verdict.is_accepted else REFUSED_EXIT_CODE)


@app.command()
def rollback(measure: Measure, registry: Registry = None) -> None:
    """Make the champion before this one champion again."""
    from model_training import commands, screen  # noqa: PLC0415

    screen.show_line(f"{commands.rollback(_registry(registry), measure)} is champion of {measure}")


@app.command(name="list")
def list_models(registry: Registry = None) -> None:
    """List every version of every measure; a star marks the champion."""
    from model_training import screen  # noqa: PLC0415

    models = _registry(registry)
    screen.show_models(models, models.measures())


@app.command()
def show(measure: Measure, version: Version = "champion", registry: Registry = None) -> None:
    """Show a version's card: features, constants, training ranges, data, libraries."""
    from model_training import commands, screen  # noqa: PLC0415

    screen.show_card(to_builtins(commands.card_of(_registry(registry), measure, version)))


@app.command()
def report(  # noqa: PLR0913, PLR0917
    data: DataFolder,
    measure: Measure,
    out: Annotated[Path, typer.Option(help="The page to write.")],
    model: Versions = None,
    protocol: Named = None,
    train_until: TrainUntil = None,
    validate_until: ValidateUntil = None,
    test_until: TestUntil = None,
    leave_out: LeaveOut = None,
    registry: Registry = None,
) -> None:
    """Write one self-contained HTML page: skill, calibration, examples, best and worst sensors, training."""
    from model_training import commands, screen  # noqa: PLC0415

    ready = commands.make_ready(
        data, measure, _protocol(protocol, train_until, validate_until, test_until, leave_out)
    )
    commands.write_report(ready, _registry(registry), model or ["champion"], out)
    screen.show_line(str(out))


def _protocol(
    named: str | None, train_until: str | None, validate_until: str | None, test_until: str | None,
    leave_out: str | None,
) -> Protocol:  # fmt: skip
    times = [each for each in (train_until, validate_until, test_until) if each is not None]
    if named is not None:
        if named not in PROTOCOLS or times:
            raise typer.BadParameter(f"--protocol is one of {', '.join(PROTOCOLS)}, without times beside it")
        chosen = PROTOCOLS[named]
        return replace(chosen, leave_out=leave_out) if leave_out is not None else chosen
    if len(times) != 3:
        raise typer.BadParameter("give --protocol, or else --train-until, --validate-until and --test-until")
    first, second, third = times
    return by_time(first, second, third, leave_out or "every:4")


def _registry(place: str | None) -> ModelRegistry:
    return opened_registry(read_settings(Settings, registry=place))


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(each) for each in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"--seeds {text!r} is no list of whole numbers, like 1,2,3") from None


def _baseline(name: str) -> Kind:
    if name not in BASELINES:
        raise typer.BadParameter(f"--baseline is one of {', '.join(BASELINES)}")
    return cast("Kind", name)


def main() -> None:
    """Run the command; known errors become one clear message and exit code 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except (BadInputError, UnavailableError, SettingsError) as error:
        _end(str(error))


def _end(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(BAD_INPUT_EXIT_CODE)
