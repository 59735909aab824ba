"""Hours out of Kafka: aggregates-1h-v1 from its beginning, or from a time on; the Kappa-pure source."""

from collections.abc import Callable

import polars as pl

from contracts.aggregates import Aggregate
from contracts.errors import BadInputError
from contracts.topics import AGGREGATE_TOPICS
from runtime.kafka_reader import KafkaLogReader

TOPIC = AGGREGATE_TOPICS["1h"]
COLUMNS = ("sensor_id", "starts_at_s", "mean", "count", "lat", "lon")


def kafka_hours(
    reader: KafkaLogReader, *, from_s: int, until_s: int, tell: Callable[[int, int], None] | None = None
) -> tuple[dict[str, pl.DataFrame], int]:
    """Hours by measure from `from_s` to before `until_s`, and how many messages could not be read.

    Of an hour that was published twice, as a replay does, the last counts.
    """
    found: dict[str, list[Aggregate]] = {}
    unreadable = 0
    for _, record in reader.records(TOPIC.name, since_ms=from_s * 1000, on_progress=tell):
        try:
            hour = TOPIC.decode(record.value or b"")
        except BadInputError:
            unreadable += 1
            continue
        if from_s <= hour.starts_at_s < until_s and hour.mean is not None:
            found.setdefault(hour.measure, []).append(hour)
    return {measure: _frame(hours) for measure, hours in found.items()}, unreadable


def _frame(hours: list[Aggregate]) -> pl.DataFrame:
    kinds = {"sensor_id": pl.Int64, "starts_at_s": pl.Int64, "mean": pl.Float64, "count": pl.Int64,
             "lat": pl.Float64, "lon": pl.Float64}  # fmt: skip
    columns = {name: [getattr(hour, name) for hour in hours] for name in COLUMNS}
    frame = pl.DataFrame(columns, schema=kinds, strict=False)
    return frame.unique(["sensor_id", "starts_at_s", "lat", "lon"], keep="last", maintain_order=True)
