"""What the nearest other sensors of a measure say: the median of each hour, and the quartiles."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from forecasting.hourly_table import Floats, Integers

EARTH_KM = 6371.0
CHUNK = 128
CELLS = 60_000  # hours of series at a time: fewer are slow by the calls, more fall out of the cache
HIGHEST = np.float32(np.inf)
MEDIAN = 0.5
QUARTILES = (0.25, 0.75)


def nearest(lat: Floats, lon: Floats, *, radius_km: float, at_most: int, threads: int = 1) -> Integers:
    """Of each series the nearest others within the radius, (series, at_most), nearest first; -1 for none.

    Sensors at the same place count: another device beside ours knows our air best.
    """
    found = np.full((len(lat), at_most), -1, dtype=np.int64)
    floor = float(np.cos(radius_km / EARTH_KM)) - 1e-12

    def look_around(band: tuple[Integers, Integers]) -> None:
        rows, candidates = band
        cosine = _unit_vectors(lat[rows], lon[rows]) @ _unit_vectors(lat[candidates], lon[candidates]).T
        cosine[rows[:, None] == candidates] = -2.0
        found[rows] = _highest(cosine, candidates, at_most, floor=floor)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(look_around, _bands(lat, lon, radius_km)))
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


def neighbour_quantiles(
    values: Floats, near: Integers, levels: Sequence[float] = (MEDIAN,), *, threads: int = 1
) -> Floats:
    """Quantiles of each series' neighbours in each hour, (levels, series, hours); NaN where none measured.

    Between two of them it is in proportion: method 7 of Hyndman & Fan (1996), as NumPy's.
    """
    found = np.full((len(levels), *values.shape), np.nan, dtype=np.float32)
    if not near.shape[1]:
        return found
    starts = range(0, len(values), max(1, CELLS // max(values.shape[1], 1)))
    with ThreadPoolExecutor(threads) as pool:
        shares = (starts[share::threads] for share in range(threads))
        list(pool.map(lambda share: _put_quantiles(found, values, near, levels, share), shares))
    return found


def _put_quantiles(
    found: Floats, values: Floats, near: Integers, levels: Sequence[float], starts: range
) -> None:
    """Write the quantiles of the chunks that begin there."""
    room = np.empty((near.shape[1] + 1, starts.step, values.shape[1]), dtype=np.float32)  # new memory is slow
    for first in starts:
        chosen = near[first : first + starts.step]
        rows = room[:, : len(chosen)]
        for row, each in zip(rows, chosen.T, strict=False):
            np.take(values, np.maximum(each, 0), axis=0, out=row, mode="clip")
            row[each < 0] = np.nan
        found[:, first : first + len(chosen)] = _quantiles(rows, levels)


def _quantiles(rows: Floats, levels: Sequence[float]) -> Floats:
    """Quantiles of what is no NaN, across all rows but the last, which is spare; NaN where nothing is.

    Whole rows are put in order against each other: of a dozen that takes a fraction of sorting each hour.
    """
    count = np.zeros(rows.shape[1:], dtype=np.int8)
    for row in rows[:-1]:
        count += np.isfinite(row)
        np.fmin(row, HIGHEST, out=row)
    at, spare = list(range(len(rows) - 1)), len(rows) - 1
    for one, other in _comparisons(len(at)):
        np.minimum(rows[at[one]], rows[at[other]], out=rows[spare])
        np.maximum(rows[at[one]], rows[at[other]], out=rows[at[other]])
        at[one], spare = spare, at[one]
    return np.stack([_quantile(rows, np.array(at), count, level) for level in levels])


def _quantile(rows: Floats, at: Integers, count: Integers, level: float) -> Floats:
    """Of rows in the order `at`, in which the first `count` of each column are known."""
    if level == MEDIAN:
        low, high = (_chosen(rows, at, middle) for middle in ((count - 1) >> 1, count >> 1))
        with np.errstate(over="ignore"):
            return np.where(count > 0, (low + high) / 2, np.float32(np.nan))
    place = np.float32(level) * np.maximum(count - 1, 0)
    rank = place.astype(np.int8)
    low, high = (_chosen(rows, at, each) for each in (rank, np.minimum(rank + 1, np.maximum(count - 1, 0))))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(count > 0, low + (high - low) * (place - rank), np.float32(np.nan))


def _chosen(rows: Floats, at: Integers, rank: Integers) -> Floats:
    """Of each column the row `at` its rank; -1 is the last."""
    cells = at.take(rank, mode="wrap") * rank.size + np.arange(rank.size).reshape(rank.shape)
    return rows.reshape(-1).take(cells)


def _comparisons(count: int) -> Iterator[tuple[int, int]]:
    """Which two to put in order, one after the other, until all are: Batcher's merge exchange.

    Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M.
    """
    half = 1 << max(count - 1, 1).bit_length() - 1
    part = half
    while part:
        whole, rest, apart = half, 0, part
        while True:
            yield from ((at, at + apart) for at in range(count - apart) if at & part == rest)
            if whole == part:
                break
            apart, whole, rest = whole - part, whole // 2, part
        part //= 2


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
