"""Hours out of Kafka: aggregates-1h-v1 from its beginning, or from a time on; the Kappa-pure source."""

from array import array
from collections import defaultdict
from typing import Any

import polars as pl

from contracts.aggregates import Aggregate
from contracts.errors import BadInputError
from contracts.topics import AGGREGATE_TOPICS
from model_training.tables import HOUR_COLUMNS, KEYS
from runtime.kafka_reader import KafkaLogReader
from runtime.log_interfaces import Progress

TOPIC = AGGREGATE_TOPICS["1h"]


def kafka_hours(
    reader: KafkaLogReader, *, from_s: int, until_s: int, on_progress: Progress | None = None
) -> tuple[dict[str, pl.DataFrame], int]:
    """Hours by measure from `from_s` to before `until_s`, and how many messages could not be read.

    Columns of `tables.HOUR_COLUMNS`. Of an hour that was published twice, as a replay does, the last counts.
    """
    by_measure: defaultdict[str, _Columns] = defaultdict(_Columns)
    unreadable = 0
    for _, record in reader.records(TOPIC.name, since_ms=from_s * 1000, on_progress=on_progress):
        try:
            hour = TOPIC.decode(record.value or b"")
        except BadInputError:
            unreadable += 1
            continue
        if from_s <= hour.starts_at_s < until_s:
            by_measure[hour.measure].add(hour)
    return {measure: columns.frame() for measure, columns in by_measure.items()}, unreadable


class _Columns:
    """Hours of one measure, 48 bytes each: a log holds more of them than fit into memory as objects."""

    def __init__(self) -> None:
        self._columns: dict[str, array[Any]] = {
            name: array("q" if kind == pl.Int64 else "d") for name, kind in HOUR_COLUMNS.items()
        }

    def add(self, hour: Aggregate) -> None:
        """Take an hour."""
        for name, column in self._columns.items():
            value = getattr(hour, name)
            column.append(float("nan") if value is None else value)

    def frame(self) -> pl.DataFrame:
        """All of them, of each hour the last that came."""
        frame = pl.DataFrame(
            {name: pl.Series(column, dtype=HOUR_COLUMNS[name]) for name, column in self._columns.items()}
        )
        newest = frame.unique(KEYS, keep="last", maintain_order=True)
        return newest.filter(pl.col("mean").is_finite()).with_columns(pl.col("lat", "lon").fill_nan(None))
