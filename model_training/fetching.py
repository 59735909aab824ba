"""`fetch`: one hourly table a measure, whatever the source."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
from msgspec import to_builtins

from contracts.errors import BadInputError
from contracts.measures import MEASURE_BY_NAME, MEASURES
from forecasting.folder_store import write_whole
from model_training.hourly_rule import hours_of, measures_of
from model_training.settings import Settings
from model_training.sources.beijing import beijing_hours
from model_training.sources.influx_source import influx_hours
from model_training.sources.kafka_source import kafka_hours
from model_training.sources.readings import reading_files, readings_in
from model_training.sources.stations import is_of_stations, station_hours
from model_training.tables import measures_in, read_data, write_hours
from runtime.influx_reader import InfluxReader
from runtime.kafka_reader import KafkaLogReader
from runtime.log_interfaces import Progress
from runtime.secret_file import secret_of
from runtime.settings import SettingsError, environment_name

FINGERPRINTS_FILE = "fingerprints.json"
Hours = Iterator[tuple[str, pl.DataFrame]]


def write_tables(hours: Hours, folder: Path, *, tell: Callable[[str], None]) -> None:
    """Write each measure's hours and the fingerprints; raises BadInputError where there is nothing."""
    found = 0
    for measure, table in hours:
        usable = table.filter((pl.col("count") > 0) & pl.col("mean").is_finite())
        if usable.is_empty():
            continue
        path = write_hours(folder, measure, usable)
        found += 1
        tell(f"{measure}: {len(usable):,} hours of {usable['sensor_id'].n_unique():,} sensors in {path}")
    if not found:
        raise BadInputError("nothing_found", "the source has no hour of any measure in that span")
    write_whole(folder / FINGERPRINTS_FILE, json.dumps(fingerprints(folder), indent=1).encode())


def fingerprints(folder: Path) -> dict[str, dict[str, object]]:
    """What each table of a folder holds, by measure."""
    return {
        measure: dict(to_builtins(read_data(folder, measure, covariates=()).fingerprint))
        for measure in measures_in(folder)
    }


def of_span(hours: Hours, *, from_s: int, until_s: int) -> Hours:
    """The hours that begin from `from_s` on and before `until_s`."""
    for measure, table in hours:
        yield measure, table.filter((pl.col("starts_at_s") >= from_s) & (pl.col("starts_at_s") < until_s))


def hours_in_files(paths: list[Path], *, tell: Callable[[str], None]) -> Hours:
    """Hours of reading files by the rule of the Flink job; of stations' CSV or the Beijing table as they are.

    A file that cannot be read is told and left out.
    """
    if len(paths) == 1 and paths[0].name.startswith("prsa"):
        yield from beijing_hours(paths[0])
        return
    if len(paths) == 1 and is_of_stations(paths[0]):
        yield from station_hours(paths[0])
        return
    files = [file for path in paths for file in reading_files(path)]
    if not files:
        raise BadInputError("no_files", f"no reading files in {', '.join(map(str, paths))}")
    readings = []
    for file in files:
        try:
            readings.append(readings_in(file))
        except BadInputError as error:
            tell(f"left out: {error}")
    for measure in MEASURES:
        # By type of sensor: doubts about a reading need all of its values, and only those.
        parts = [each for each in readings if measure in measures_of(each)]
        by_columns: dict[tuple[str, ...], list[pl.DataFrame]] = {}
        for part in parts:
            by_columns.setdefault(tuple(part.columns), []).append(part)
        if by_columns:
            yield (
                measure.name,
                pl.concat([hours_of(pl.concat(each), measure) for each in by_columns.values()]),
            )


def hours_in_influx(settings: Settings, *, from_s: int, until_s: int) -> Hours:
    """Hours of every measure that the store has; raises SettingsError where a setting is missing."""
    url, _ = (_needed(settings, field) for field in ("influx_url", "influx_token_file"))
    token = secret_of(
        settings, "influx_token_file", "a file that holds a token with read access to the bucket 'hourly'"
    )
    reader = InfluxReader(url=str(url), token=token, ca_file=settings.influx_ca_file)
    for measure in MEASURES:
        yield measure.name, influx_hours(reader, measure, from_s=from_s, until_s=until_s)


def hours_in_kafka(
    settings: Settings, *, from_s: int, until_s: int, tell: Callable[[str], None], on_progress: Progress
) -> Hours:
    """Hours of every measure in the log; raises SettingsError where a setting is missing."""
    reader = KafkaLogReader(
        str(_needed(settings, "kafka_bootstrap_servers")), security=settings.kafka_security
    )
    by_measure, unreadable = kafka_hours(reader, from_s=from_s, until_s=until_s, on_progress=on_progress)
    if unreadable:
        tell(f"{unreadable:,} messages could not be read and are left out")
    for measure, hours in by_measure.items():
        if measure in MEASURE_BY_NAME:
            yield measure, hours


def _needed(settings: Settings, field: str) -> object:
    value = getattr(settings, field)
    if value is None:
        about = Settings.model_fields[field].description
        raise SettingsError(
            f"{environment_name(Settings, field)} is not set ({about}). Set it in the environment."
        )
    return value
