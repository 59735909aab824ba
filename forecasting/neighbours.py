"""What the nearest other sensors of a measure say: the median of each hour."""

import warnings

import numpy as np

from forecasting.hourly_table import Floats, Integers

EARTH_KM = 6371.0
CHUNK = 512


def nearest(lat: Floats, lon: Floats, *, radius_km: float, at_most: int) -> Integers:
    """Of each series the nearest others within the radius, (series, at_most), nearest first; -1 for none.

    Sensors at the same place count: another device beside ours knows our air best.
    """
    known = np.isfinite(lat) & np.isfinite(lon)
    unit = _unit_vectors(np.where(known, lat, 0.0), np.where(known, lon, 0.0))
    found = np.full((len(lat), at_most), -1, dtype=np.int64)
    for first in range(0, len(lat), CHUNK):
        rows = np.arange(first, min(first + CHUNK, len(lat)))
        cosine = unit[rows] @ unit.T
        cosine[:, ~known] = -2.0
        cosine[np.arange(len(rows)), rows] = -2.0
        cosine[~known[rows]] = -2.0
        found[rows] = _highest(cosine, at_most, floor=float(np.cos(radius_km / EARTH_KM)))
    return found


def neighbour_medians(values: Floats, near: Integers) -> Floats:
    """The median of each series' neighbours in each hour, (series, hours); NaN where none measured."""
    medians = np.full(values.shape, np.nan, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice encountered")
        for first in range(0, len(values), CHUNK):
            chosen = near[first : first + CHUNK]
            theirs = np.where((chosen >= 0)[:, :, None], values[np.maximum(chosen, 0)], np.nan)
            if theirs.size:
                medians[first : first + CHUNK] = np.nanmedian(theirs, axis=1)
    return medians


def _unit_vectors(lat: Floats, lon: Floats) -> Floats:
    north, east = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


def _highest(cosine: Floats, at_most: int, *, floor: float) -> Integers:
    """The columns of the highest values of each row, none below the floor; -1 where there are fewer."""
    count = min(at_most, cosine.shape[1])
    if count == 0:
        return np.full((len(cosine), at_most), -1, dtype=np.int64)
    # Of thousands only the few that are chosen are sorted; those as near as each other by their number.
    columns = np.sort(np.argpartition(-cosine, count - 1, axis=1)[:, :count], axis=1)
    order = np.argsort(-np.take_along_axis(cosine, columns, axis=1), axis=1, kind="stable")
    columns = np.take_along_axis(columns, order, axis=1)
    near_enough = np.take_along_axis(cosine, columns, axis=1) >= floor - 1e-12
    chosen = np.full((len(cosine), at_most), -1, dtype=np.int64)
    chosen[:, :count] = np.where(near_enough, columns, -1)
    return chosen
