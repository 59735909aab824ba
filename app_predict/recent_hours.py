"""The last hours of all measures, gathered piece by piece as the store gives them.

The result is what `forecasting.hourly_table` makes of the same rows at once, in a part of the memory:
the whole network's eight days are ten million rows.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from forecasting.hourly_table import HOUR_S, HourlyRows, HourlyTable, Integers, place_ids, without_stuck

Grid = npt.NDArray[np.float32]
FIRST_SERIES = 256


class RecentHours:
    """Hourly means from `starts_at_s` on, `hours` of them; of each measure, its sensors at their places."""

    def __init__(self, measures: Iterable[str], *, starts_at_s: int, hours: int) -> None:
        self.starts_at_s, self.hours = starts_at_s, hours
        self._grid_by_measure = {measure: _MeasureGrid(hours) for measure in measures}

    def add(self, rows: HourlyRows) -> None:
        """Take rows of some hours; all rows of an hour come at once."""
        column = (rows.starts_at_s - self.starts_at_s) // HOUR_S
        inside = rows.where((column >= 0) & (column < self.hours))
        for measure, grid in self._grid_by_measure.items():
            own = inside.of(measure)
            if len(own):
                grid.add(own, (own.starts_at_s - self.starts_at_s) // HOUR_S)

    def table(self, measure: str, covariates: tuple[str, ...] = ()) -> HourlyTable:
        """The table of one measure, beside what is measured at the same places."""
        grid = self._grid_by_measure[measure]
        order = grid.order()
        sensor_ids, lat, lon = grid.identities(order)
        places = place_ids(lat, lon)
        return HourlyTable(
            measure, self.starts_at_s, sensor_ids, lat, lon,
            without_stuck(grid.values[order], measure).astype(np.float32),
            {name: self._at_places(name, places) for name in covariates},
        )  # fmt: skip

    def _at_places(self, name: str, places: Integers) -> Grid:
        grid = self._grid_by_measure.get(name)
        here = np.full((len(places), self.hours), np.nan, dtype=np.float32)
        if grid is None or not grid.count:
            return here
        known, means = grid.means_by_place()
        at = np.searchsorted(known, places).clip(0, max(0, len(known) - 1))
        found = (places >= 0) & (known[at] == places) if len(known) else places < -1
        here[found] = without_stuck(means, name)[at[found]]
        return here


class _MeasureGrid:
    """The series of one measure; `values` (series, hours), NaN where missing, grows as sensors appear."""

    def __init__(self, hours: int) -> None:
        self.count = 0
        self._row_by_key: dict[tuple[int, int], int] = {}
        self._positions: list[tuple[float, float]] = []
        self._values = np.full((FIRST_SERIES, hours), np.nan, dtype=np.float32)

    @property
    def values(self) -> Grid:
        return self._values[: self.count]

    def add(self, rows: HourlyRows, column: Integers) -> None:
        """Write the means of cells; of several rows of one cell their mean."""
        keys = np.stack([rows.sensor_id.astype(np.int64), place_ids(rows.lat, rows.lon)], axis=1)
        unique, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        numbers = np.array([
            self._row(key, (float(rows.lat[at]), float(rows.lon[at])))
            for key, at in zip(map(tuple, unique.tolist()), first, strict=True)
        ])  # fmt: skip
        cell = numbers[inverse.reshape(-1)] * self._values.shape[1] + column
        cells, of_cell = np.unique(cell, return_inverse=True)
        of_cell = of_cell.reshape(-1)
        means = np.bincount(of_cell, weights=rows.mean) / np.bincount(of_cell)
        self._values.reshape(-1)[cells] = means

    def order(self) -> Integers:
        """The rows by sensor, then place."""
        keys = np.array(list(self._row_by_key), dtype=np.int64).reshape(-1, 2)
        return np.lexsort((keys[:, 1], keys[:, 0]))

    def identities(
        self, order: Integers
    ) -> tuple[Integers, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Sensor, latitude and longitude of the rows in this order."""
        keys = np.array(list(self._row_by_key), dtype=np.int64).reshape(-1, 2)
        positions = np.array(self._positions, dtype=np.float64).reshape(-1, 2)
        return keys[order, 0], positions[order, 0], positions[order, 1]

    def means_by_place(self) -> tuple[Integers, Grid]:
        """The known places in order, and the mean of the sensors at each, (places, hours)."""
        places = np.array([place for _, place in self._row_by_key], dtype=np.int64)
        rows = np.flatnonzero(places >= 0)
        known, index = np.unique(places[rows], return_inverse=True)
        total, number = (np.zeros((len(known), self._values.shape[1])) for _ in range(2))
        values = self._values[rows]
        np.add.at(total, index.reshape(-1), np.nan_to_num(values))
        np.add.at(number, index.reshape(-1), np.isfinite(values))
        means = np.where(number > 0, total / np.maximum(number, 1), np.nan)
        return known, means.astype(np.float32)

    def _row(self, key: tuple[int, int], position: tuple[float, float]) -> int:
        found = self._row_by_key.get(key)
        if found is not None:
            return found
        if self.count == len(self._values):
            more = np.full_like(self._values, np.nan)
            self._values = np.concatenate([self._values, more])
        self._row_by_key[key] = self.count
        self._positions.append(position)
        self.count += 1
        return self.count - 1
