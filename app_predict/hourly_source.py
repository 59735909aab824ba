"""Reads the hourly aggregates of all sensors from InfluxDB, piece by piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import requests

from contracts.errors import UnavailableError
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import AIR_WINDOWS, HOURLY
from forecasting.hourly_table import HOUR_S, HourlyRows
from runtime.influx_access import verified_by

AIR_1H = AIR_WINDOWS["1h"].name
TIMEOUT_S = 120.0
# Of the whole network, so many hours of all measures are some tens of megabytes of JSON.
HOURS_A_QUERY = 12
TAGS = ("sensor_id", "sensor_type", "country", "city")

Cells = npt.NDArray[np.float64]


class _Series(msgspec.Struct):
    tags: dict[str, str] = {}
    values: list[list[float | None]] = []


class _Result(msgspec.Struct):
    series: list[_Series] = []
    error: str | None = None


class _Answer(msgspec.Struct):
    results: list[_Result] = []
    error: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SensorTags:
    """What forecasts carry of a sensor; None where unknown."""

    sensor_type: str | None = None
    country: str | None = None
    city: str | None = None


@dataclass(slots=True)
class HourlySource:
    """The bucket `hourly`; `tags_by_sensor` grows with what is read.

    `token` gives the read token anew for each query, for it may be rotated meanwhile.
    """

    url: str
    token: Callable[[], str]
    tags_by_sensor: dict[int, SensorTags] = field(default_factory=dict)
    ca_file: Path | None = None

    def sensors_by_hour(self, measures: Sequence[str], *, starts_at_s: int, hours: int) -> list[int]:
        """How many values of these measures each hour has, oldest first; cheap to ask.

        Raises UnavailableError as `rows` does.
        """
        counts = ", ".join(f'count("{MEASURE_BY_NAME[name].field}_mean")' for name in measures)
        query = (
            f"SELECT {counts} FROM {AIR_1H} "  # noqa: S608 - names of our own table
            f"WHERE {_between(starts_at_s, hours)} GROUP BY time(1h) fill(0)"
        )
        found = [0] * hours
        for series in self._asked(query):
            for time_s, *values in series.values:
                found[(int(time_s or 0) - starts_at_s) // HOUR_S] = sum(int(value or 0) for value in values)
        return found

    def rows(self, measures: Sequence[str], *, starts_at_s: int, hours: int) -> Iterator[HourlyRows]:
        """Every hourly mean of these measures, some hours at a time.

        Raises UnavailableError where InfluxDB does not answer, ValueError where it refuses the query.
        """
        for first in range(0, hours, HOURS_A_QUERY):
            yield from self._rows_of(
                measures, starts_at_s + first * HOUR_S, min(HOURS_A_QUERY, hours - first)
            )

    def _rows_of(self, measures: Sequence[str], starts_at_s: int, hours: int) -> Iterator[HourlyRows]:
        fields = [MEASURE_BY_NAME[name].field for name in measures]
        columns = ", ".join(f'"{name}_mean", "{name}_count"' for name in fields)
        series = self._asked(
            f"SELECT {columns}, lat, lon FROM {AIR_1H} "  # noqa: S608 - names of our own table
            f"WHERE {_between(starts_at_s, hours)} GROUP BY {', '.join(TAGS)}"
        )
        pieces = [_cells(each) for each in series]
        if not pieces:
            return
        sensor_ids = np.repeat([int(each.tags["sensor_id"]) for each in series], [len(p) for p in pieces])
        self._remember(series)
        cells = np.concatenate(pieces)
        for number, measure in enumerate(measures):
            yield _rows(measure, sensor_ids, cells, mean_column=1 + 2 * number)

    def _remember(self, series: Iterable[_Series]) -> None:
        for each in series:
            tags = (each.tags.get(name) or None for name in TAGS[1:])
            self.tags_by_sensor[int(each.tags["sensor_id"])] = SensorTags(*tags)

    def _asked(self, query: str) -> list[_Series]:
        try:
            answer = requests.get(
                f"{self.url}/query",
                params={"db": HOURLY.name, "q": query, "epoch": "s"},
                headers={"Authorization": f"Token {self.token()}"},
                timeout=TIMEOUT_S,
                verify=verified_by(self.ca_file),
            )
        except requests.RequestException as error:
            raise UnavailableError(f"no answer from InfluxDB at {self.url}: {error}") from error
        if answer.status_code != requests.codes.ok:
            raise UnavailableError(f"InfluxDB answered {answer.status_code}: {answer.text[:300]}")
        return _series(answer.content)


def _between(starts_at_s: int, hours: int) -> str:
    return f"time >= {starts_at_s}s AND time < {starts_at_s + hours * HOUR_S}s"


def _series(body: bytes) -> list[_Series]:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.MsgspecError as error:
        raise UnavailableError(f"InfluxDB's answer cannot be read: {error}") from error
    errors = [answer.error or answer.message, *(result.error for result in answer.results)]
    if any(errors):
        raise UnavailableError(f"InfluxDB refuses the query: {next(filter(None, errors))}")
    return [series for result in answer.results for series in result.series]


def _cells(series: _Series) -> Cells:
    """(hours, columns) of one series: time, mean and count of each measure, latitude, longitude."""
    return np.array(series.values, dtype=np.float64)


def _rows(measure: str, sensor_ids: npt.NDArray[np.int64], cells: Cells, *, mean_column: int) -> HourlyRows:
    known = np.isfinite(cells[:, mean_column])
    chosen = cells[known]
    return HourlyRows(
        measure=np.full(len(chosen), measure),
        sensor_id=sensor_ids[known],
        starts_at_s=chosen[:, 0].astype(np.int64),
        mean=chosen[:, mean_column],
        count=np.nan_to_num(chosen[:, mean_column + 1]).astype(np.int64),
        lat=chosen[:, -2],
        lon=chosen[:, -1],
    )
