"""The forecasts as a table on standard output: nothing is published, nothing remembered."""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from app_predict.hourly_source import SensorTags
from app_predict.issue import Issue
from app_predict.predicting import Predictor, Surroundings
from app_predict.settings import Settings
from contracts.measures import MEASURE_BY_NAME
from forecasting.hourly_table import Floats
from forecasting.scores import HIGH_80, LOW_80, MEDIAN

HORIZONS_H = (1, 6, 24)
HEAD = ("place", "sensor", "measure", "now", *(f"+{each} h" for each in HORIZONS_H), "method", "model")


def table_lines(settings: Settings, around: Surroundings, *, issued_at_s: int) -> Iterator[str]:
    """The table, one line after the other."""
    predictor = Predictor(settings, around)
    hours = predictor.read(issued_at_s)
    yield f"issue of {datetime.fromtimestamp(issued_at_s, UTC):%Y-%m-%d %H:%M}Z: median [80 % band]"
    rows: list[tuple[str, ...]] = [HEAD]
    for measure in settings.measure_names:
        made = predictor.made(hours, measure, around.state.record(measure))
        if made is None:
            yield f"{measure}: no champion, and too few hours to fit the blend"
            continue
        rows += _rows(made.issue, around.source.tags_by_sensor)
        yield from (f"{measure}: {count} sensors without: {why}" for why, count in made.skipped.items())
    yield from _aligned(rows)


def _rows(issue: Issue, tags_by_sensor: dict[int, SensorTags]) -> Iterator[tuple[str, ...]]:
    published, unit = issue.published, MEASURE_BY_NAME[issue.measure].unit
    for number, sensor_id in enumerate(issue.sensor_ids.tolist()):
        tags = tags_by_sensor.get(sensor_id, SensorTags())
        yield (
            ", ".join(filter(None, (tags.city, tags.country))) or "unknown place",
            str(sensor_id),
            issue.measure,
            f"{issue.last[number]:.1f} {unit}",
            *(_band(published[number, horizon_h - 1]) for horizon_h in HORIZONS_H),
            str(issue.methods[number]),
            str(issue.models[number]),
        )


def _band(quantiles: Floats) -> str:
    return f"{quantiles[MEDIAN]:.1f} [{quantiles[LOW_80]:.1f} … {quantiles[HIGH_80]:.1f}]"


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = np.max([[len(cell) for cell in row] for row in rows], axis=0)
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
