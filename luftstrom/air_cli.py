"""`luftstrom query`, `export`, `stations`: the stored air, for people and for programs."""

import json
import sys
import time
from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import BadInputError
from luftstrom import screen
from luftstrom.durations import duration_s

if TYPE_CHECKING:
    from runtime.air_query import AirQuery, Answer
    from runtime.sensor_stations import Station

DAY = "%Y-%m-%d"
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Also over a file that is there.")]
Country = Annotated[str | None, typer.Option(help="ISO code, for example GB.")]
City = Annotated[str | None, typer.Option(help="As the store names it, for example Aberdeen.")]


class QueryForm(StrEnum):
    """How a query is told."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class StationForm(StrEnum):
    """How stations are told."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    GEOJSON = "geojson"


class Resolution(StrEnum):
    """Every value, or windows."""

    RAW = "raw"
    FIVE_MINUTES = "5m"
    HOUR = "1h"
    DAY = "1d"


def query(  # noqa: PLR0913, PLR0917 - each is an option of the command
    measure: Annotated[str, typer.Argument(help="For example pm10, temperature.")],
    sensor: Annotated[int | None, typer.Option(help="A sensor's id.")] = None,
    city: City = None,
    country: Country = None,
    since: Annotated[str, typer.Option("--from", help="ISO time (UTC) or an age like 90m, 2h, 3d.")] = "1d",
    until: Annotated[str | None, typer.Option("--to", help="Before this time, written as --from.")] = None,
    resolution: Annotated[
        Resolution | None, typer.Option(help="By default what fits the span, finer where there is none.")
    ] = None,
    form: Annotated[QueryForm, typer.Option("--as", help="How to tell it.")] = QueryForm.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; else standard output. Parquet needs one.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show the stored values of a sensor or a place: of one measure, from a time to a time.

    Up to two days every value, up to two weeks windows of five minutes, up to half a year hours, then days.
    Exit code 1 if there is nothing in that time.
    """
    from luftstrom.commands import settings_of_influx
    from luftstrom.connections import connections
    from luftstrom.letters import moment_s
    from runtime.air_query import AirQuery, answered, measure_named

    now_s = time.time()
    from_s, to_s = int(moment_s(since, now_s=now_s)), int(moment_s(until, now_s=now_s) if until else now_s)
    asked = AirQuery(
        measure=measure_named(measure), from_s=from_s, to_s=to_s, sensor_id=sensor, city=city, country=country
    )
    _require_output(form, output, overwrite=overwrite)
    with connections(settings_of_influx()) as connected:
        answer = answered(connected.influx, asked, resolution)
        if not _told(answer, asked, form, output):
            screen.show_error(f"nothing of {asked.measure.name} of {asked.whose} in that time")
            raise typer.Exit(1)


def export(
    day: Annotated[datetime | None, typer.Option(formats=[DAY], help="One day, UTC.")] = None,
    first_day: Annotated[datetime | None, typer.Option("--from", formats=[DAY], help="First day.")] = None,
    last_day: Annotated[
        datetime | None, typer.Option("--to", formats=[DAY], help="Last day, which is taken too.")
    ] = None,
    folder: Annotated[Path, typer.Option("--into", help="The folder of the files.")] = Path(),
    overwrite: Overwrite = False,
) -> None:
    """Write whole days of readings as Parquet, a file a day: air-2026-11-01.parquet.

    A row a sensor and second, a column a measure with its flags beside it; the file's metadata has the units.
    A file is there whole or not at all, so the command may be stopped. Exit code 1 if a day has nothing.
    """
    from luftstrom.commands import settings_of_influx
    from luftstrom.connections import connections
    from luftstrom.day_export import export_day, file_of
    from luftstrom.row_output import require_free

    days = _days(day, first_day, last_day)
    for each in days:
        require_free(file_of(each, folder), overwrite=overwrite)
    empty = 0
    with connections(settings_of_influx()) as connected:
        for each in days:
            path = file_of(each, folder)
            with screen.progress_bar(f"{each}", unit="seconds of the day") as bar:
                count = export_day(connected.influx, each, path, bar.update)
            screen.show_line(f"{path}: {count:,} rows")
            empty += not count
    raise typer.Exit(1 if empty else 0)


def stations(
    near: Annotated[
        tuple[float, float] | None, typer.Option(help="Latitude and longitude, degrees.", metavar="LAT LON")
    ] = None,
    km: Annotated[float, typer.Option(min=0.0, help="Kilometres around --near.")] = 10.0,
    country: Country = None,
    city: City = None,
    within: Annotated[str, typer.Option(help="Who sent within this time, for example 2h, 7d.")] = "1d",
    form: Annotated[StationForm, typer.Option("--as", help="How to tell it.")] = StationForm.TABLE,
) -> None:
    """Show who sends: sensors with their place and last known position, rounded to about 100 m.

    Exit code 1 if there is nobody.
    """
    from luftstrom.commands import settings_of_influx
    from luftstrom.connections import connections
    from runtime.sensor_stations import Near
    from runtime.sensor_stations import stations as found_stations

    around = None if near is None else Near(*_position(near), km)
    with connections(settings_of_influx()) as connected:
        found = found_stations(
            connected.influx, within_s=int(duration_s(within)), near=around, country=country, city=city
        )
    _tell_stations(found, form)
    raise typer.Exit(0 if found else 1)


def _told(answer: "Answer", asked: "AirQuery", form: QueryForm, output: Path | None) -> int:
    """Tell the rows in that form; how many there were (of a table: sensors)."""
    from luftstrom import row_output
    from luftstrom.series_screen import show_series
    from runtime.air_query import TAGS

    if form is QueryForm.TABLE:
        return show_series(answer, asked)
    columns = ("time", *TAGS, *answer.columns)
    if form is QueryForm.PARQUET:
        return _written_parquet(answer, asked, output or Path())
    write = row_output.write_csv if form is QueryForm.CSV else row_output.write_json
    with row_output.text_output(output) as out:
        return write(answer.rows, columns, out)


def _written_parquet(answer: "Answer", asked: "AirQuery", path: Path) -> int:
    import polars as pl

    from luftstrom.row_output import frames_of, write_parquet
    from runtime.air_query import TAGS

    whole = {"flags", "count", "flagged"}
    numbers = {name: pl.Int64 if name in whole else pl.Float64 for name in answer.columns}
    schema = pl.Schema({"time": pl.Datetime("ms", "UTC"), **dict.fromkeys(TAGS, pl.String), **numbers})
    metadata = {
        "luftstrom.measure": asked.measure.name,
        "luftstrom.resolution": answer.resolution,
        "luftstrom.units": json.dumps({"value": asked.measure.unit}, ensure_ascii=False),
    }
    return write_parquet(frames_of(answer.rows, schema), schema, path, metadata)


def _require_output(form: QueryForm, output: Path | None, *, overwrite: bool) -> None:
    from luftstrom.row_output import require_free

    if form is QueryForm.PARQUET and output is None:
        raise BadInputError("no_file", "Parquet is for a file: name one by --output air.parquet")
    if form is QueryForm.TABLE and output is not None:
        raise BadInputError("no_form", "a table is for people; for a file say --as csv, json or parquet")
    if output is not None:
        require_free(output, overwrite=overwrite)


def _tell_stations(found: "list[Station]", form: StationForm) -> None:
    from luftstrom import row_output
    from luftstrom.series_screen import show_stations
    from runtime.sensor_stations import STATION_COLUMNS, as_geojson

    if form is StationForm.TABLE:
        show_stations(found)
    elif form is StationForm.CSV:
        row_output.write_csv(map(asdict, found), STATION_COLUMNS, sys.stdout)
    elif form is StationForm.JSON:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    else:
        typer.echo(json.dumps(as_geojson(found), indent=2, ensure_ascii=False))


def _days(day: datetime | None, first: datetime | None, last: datetime | None) -> list[date]:
    from luftstrom.day_export import days_between

    if (day is None) == (first is None and last is None):
        raise typer.BadParameter("name --day, or else --from and --to")
    if day is not None:
        return [day.date()]
    if first is None or last is None or last < first:
        raise typer.BadParameter("--from and --to go together, and --to is not before --from")
    return days_between(first.date(), last.date())


def _position(near: tuple[float, float]) -> tuple[float, float]:
    lat, lon = near
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise BadInputError("no_position", f"{lat} {lon}; latitude is -90 to 90, longitude -180 to 180")
    return near
