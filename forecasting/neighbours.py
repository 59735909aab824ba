"""What the nearest other sensors of a measure say: the median of each hour."""

from collections.abc import Iterator

import numpy as np

from forecasting.hourly_table import Floats, Integers

EARTH_KM = 6371.0
CHUNK = 128


def nearest(lat: Floats, lon: Floats, *, radius_km: float, at_most: int) -> Integers:
    """Of each series the nearest others within the radius, (series, at_most), nearest first; -1 for none.

    Sensors at the same place count: another device beside ours knows our air best.
    """
    found = np.full((len(lat), at_most), -1, dtype=np.int64)
    floor = float(np.cos(radius_km / EARTH_KM)) - 1e-12
    for rows, candidates in _bands(lat, lon, radius_km):
        cosine = _unit_vectors(lat[rows], lon[rows]) @ _unit_vectors(lat[candidates], lon[candidates]).T
        cosine[rows[:, None] == candidates] = -2.0
        found[rows] = _highest(cosine, candidates, at_most, floor=floor)
    return found


def _bands(lat: Floats, lon: Floats, radius_km: float) -> Iterator[tuple[Integers, Integers]]:
    """Some series at a time, and all that may be near one of them: those of a band of latitude.

    So of ten thousand only some hundreds are measured against each other.
    """
    known = np.flatnonzero(np.isfinite(lat) & np.isfinite(lon))
    from_south = known[np.argsort(lat[known], kind="stable")]
    north, reach = lat[from_south], float(np.degrees(radius_km / EARTH_KM)) + 1e-6
    for first in range(0, len(from_south), CHUNK):
        rows = from_south[first : first + CHUNK]
        low = np.searchsorted(north, lat[rows[0]] - reach)
        high = np.searchsorted(north, lat[rows[-1]] + reach, side="right")
        yield rows, np.sort(from_south[low:high])


def neighbour_medians(values: Floats, near: Integers) -> Floats:
    """The median of each series' neighbours in each hour, (series, hours); NaN where none measured."""
    medians = np.full(values.shape, np.nan, dtype=np.float32)
    if not near.shape[1]:
        return medians
    for first in range(0, len(values), CHUNK):
        chosen = near[first : first + CHUNK]
        theirs = np.where((chosen >= 0)[:, :, None], values[np.maximum(chosen, 0)], np.nan)
        medians[first : first + CHUNK] = _median(np.ascontiguousarray(theirs.transpose(0, 2, 1)))
    return medians


def _median(values: Floats) -> Floats:
    """The median along the last axis, of what is no NaN."""
    ordered = np.sort(values, axis=-1)  # NaN is last
    count = np.isfinite(ordered).sum(axis=-1, keepdims=True)
    low, high = (
        np.take_along_axis(ordered, at.clip(0, values.shape[-1] - 1), axis=-1)
        for at in ((count - 1) // 2, count // 2)
    )
    middle = (low + high) / 2
    return np.asarray(np.where(count > 0, middle, np.nan)[..., 0])


def _unit_vectors(lat: Floats, lon: Floats) -> Floats:
    north, east = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


def _highest(cosine: Floats, candidates: Integers, at_most: int, *, floor: float) -> Integers:
    """The candidates of the highest values of each row, none below the floor; -1 where there are fewer."""
    count = min(at_most, cosine.shape[1])
    chosen = np.full((len(cosine), at_most), -1, dtype=np.int64)
    if count == 0:
        return chosen
    # Of hundreds only the few that are chosen are sorted; those as near as each other by their number.
    columns = np.sort(np.argpartition(-cosine, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(cosine, columns, axis=1), axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, axis=1)
    is_near = np.take_along_axis(cosine, columns, axis=1) >= floor
    chosen[:, :count] = np.where(is_near, candidates[columns], -1)
    return chosen
