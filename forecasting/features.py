"""From the hourly table to what the network reads: one code path for training and serving.

Everything about a window is on the transformed scale and centred and scaled by the window itself
(`level`, `spread`), so one network fits many climates. Constants are in the spec, which the model carries.
"""

from dataclasses import dataclass, replace
from functools import partial

import msgspec
import numpy as np

from contracts.forecasts import HORIZON_H
from forecasting.baselines import WEEK_H, Baseline, Recent, hour_means, recent
from forecasting.hourly_table import HOUR_S, Booleans, Floats, HourlyTable, Integers
from forecasting.neighbours import MEDIAN, QUARTILES, nearest, neighbour_quantiles
from forecasting.seasons import season_features
from forecasting.transforms import transformed

SCALED_MAX = 8.0  # further out, a covariate or neighbour says only "far"
OBSERVED_MIN = 12  # of the context: fewer hours are not enough for the network
COLD_H = 24  # nothing observed in the oldest day of the week: less than a week is known


class Covariate(msgspec.Struct, frozen=True):
    """One co-located measure, standardised by `mean` and `scale` on the transformed scale.

    Where `is_centred` the window's own mean is taken off first: the level of pressure tells the height.
    """

    name: str
    mean: float
    scale: float
    is_centred: bool = False


class FeatureSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the network reads, and the constants of it."""

    context_h: int
    spread_floor: float
    level_mean: float
    level_scale: float
    is_level_told: bool = True  # not of pressure: its level tells the height of the place
    seasons: tuple[str, ...] = ()
    covariates: tuple[Covariate, ...] = ()
    neighbours_max: int = 0
    neighbours_radius_km: float = 0.0
    has_quartiles: bool = False  # of the neighbours, beside their median

    @property
    def past_channels(self) -> int:
        """Channels of an hour of the context."""
        neighbours = (2 + 2 * self.has_quartiles) if self.neighbours_max else 0
        return 2 + len(self.seasons) + 2 * len(self.covariates) + neighbours

    @property
    def future_channels(self) -> int:
        """Channels of an hour to come."""
        return len(self.seasons) + 3 + (1 if self.neighbours_max else 0)


STATIC_CHANNELS = 4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A table with what is computed once for all of its hours, on the transformed scale.

    `values`, `neighbours`: their medians, `covariates` by name (series, hours); `quartiles` of the neighbours
    (2, series, hours), the lower and the upper; NaN where missing.
    """

    table: HourlyTable
    values: Floats
    neighbours: Floats | None
    quartiles: Floats | None
    covariates: dict[str, Floats]


def surroundings(
    table: HourlyTable,
    spec: FeatureSpec,
    *,
    heard: Booleans | None = None,
    issued_from: int = 0,
    threads: int = 1,
) -> Surroundings:
    """Transform the values and find each series' neighbours; of the `heard` series alone, if given.

    No forecast is issued before the column `issued_from`: what only the context needs is left out before it.
    """
    values = transformed(table.values, table.measure).astype(np.float32)
    neighbours, quartiles = None, None
    if spec.neighbours_max:
        said = _Neighbours(table, values, spec, heard, threads)
        neighbours = said.at_levels((MEDIAN,), first=0)[0]
        if spec.has_quartiles:
            quartiles = said.at_levels(QUARTILES, first=max(issued_from - spec.context_h, 0))
    # What no sensor of a city measures is missing there, at every place and hour.
    nowhere = np.full(values.shape, np.nan, dtype=np.float32)
    covariates = {
        each.name: transformed(table.covariates.get(each.name, nowhere), each.name).astype(np.float32)
        for each in spec.covariates
    }
    return Surroundings(table, values, neighbours, quartiles, covariates)


class _Neighbours:
    """Who is near whom; series that are not heard have no neighbours and are nobody's."""

    def __init__(
        self, table: HourlyTable, values: Floats, spec: FeatureSpec, heard: Booleans | None, threads: int
    ) -> None:
        self._values, self._threads = values, threads
        self._heard = np.flatnonzero(heard) if heard is not None else np.arange(len(values))
        self._near = nearest(
            table.lat[self._heard], table.lon[self._heard],
            radius_km=spec.neighbours_radius_km, at_most=spec.neighbours_max, threads=threads,
        )  # fmt: skip

    def at_levels(self, levels: tuple[float, ...], *, first: int) -> Floats:
        """Quantiles of what they say, (levels, series, hours); NaN before the column `first`."""
        found = np.full((len(levels), *self._values.shape), np.nan, dtype=np.float32)
        found[:, self._heard, first:] = neighbour_quantiles(
            self._values[self._heard, first:], self._near, levels, threads=self._threads
        )
        return found


@dataclass(frozen=True, slots=True)
class Windows:
    """What lies around `n` moments of issue: which series, before which column.

    `week` (n, WEEK_H) the hours before, `neighbour_week` the same of the neighbours' median or None,
    `quartile_contexts` (n, context_h) each of their quartiles, `covariate_context` by name (n, context_h);
    NaN where missing or before the table begins.
    `issued_s` (n,) the start of the first hour to come.
    """

    series: Integers
    columns: Integers
    week: Floats
    neighbour_week: Floats | None
    quartile_contexts: tuple[Floats, ...]
    covariate_context: dict[str, Floats]
    issued_s: Integers
    lat: Floats
    lon: Floats


def windows(around: Surroundings, spec: FeatureSpec, series: Integers, columns: Integers) -> Windows:
    """The windows of forecasts issued at the start of hour `columns` (n,) for the rows `series` (n,)."""
    table, theirs = around.table, around.neighbours
    quartiles = around.quartiles if around.quartiles is not None else ()
    return Windows(
        series,
        columns,
        _before(around.values, series, columns, WEEK_H),
        None if theirs is None else _before(theirs, series, columns, WEEK_H),
        tuple(_before(each, series, columns, spec.context_h) for each in quartiles),
        {name: _before(each, series, columns, spec.context_h) for name, each in around.covariates.items()},
        table.starts_at_s + HOUR_S * columns.astype(np.int64),
        table.lat[series],
        table.lon[series],
    )


def truths(values: Floats, series: Integers, columns: Integers) -> Floats:
    """What came, (n, HORIZON_H); NaN where missing or beyond the table."""
    at = columns[:, None] + np.arange(HORIZON_H)[None]
    inside = at < values.shape[1]
    return np.where(inside, values[series[:, None], np.minimum(at, values.shape[1] - 1)], np.nan)


@dataclass(frozen=True, slots=True)
class Features:
    """What the network reads of `n` windows, and what turns its answer back.

    `past` (n, context_h, past_channels), `future` (n, HORIZON_H, future_channels), `static`
    (n, STATIC_CHANNELS), `anchor` (n, HORIZON_H): the trend or blend; all finite, float32.
    `level`, `spread` (n,): answer * spread + level is on the transformed scale.
    `observed` (n,): hours of the context that have a value; `is_cold` (n,): less than a week is known.
    """

    past: Floats
    future: Floats
    static: Floats
    anchor: Floats
    level: Floats
    spread: Floats
    observed: Integers
    is_cold: Booleans
    facts: Recent

    @property
    def inputs(self) -> tuple[Floats, Floats, Floats, Floats]:
        """The network's inputs, in its order."""
        return self.past, self.future, self.static, self.anchor


def features(spec: FeatureSpec, anchor: Baseline, seen: Windows) -> Features:
    """The features of windows; total: whatever is missing is masked, whatever is far is bounded."""
    context = seen.week[:, -spec.context_h :]
    mask = np.isfinite(context)
    level, spread = _level_and_spread(context, mask, spec)
    theirs = None if seen.neighbour_week is None else hour_means(seen.neighbour_week)
    facts = warmed(recent(seen.week), theirs, level)
    scaled = partial(_scaled, level=level, spread=spread)
    anchored = _filled(scaled(anchor.centre(facts)))
    usual = _filled(scaled(np.where(np.isfinite(facts.hour_means), facts.hour_means, facts.last[:, None])))
    ahead = np.broadcast_to(np.arange(1, HORIZON_H + 1) / HORIZON_H, anchored.shape)
    past = [_masked(scaled(context)), _seasons(spec, seen, range(-spec.context_h, 0))]
    past += [_standardised(each, seen.covariate_context[each.name]) for each in spec.covariates]
    future = [_seasons(spec, seen, range(HORIZON_H)), np.stack([ahead, anchored, usual], axis=-1)]
    if seen.neighbour_week is not None and theirs is not None:
        past.append(_masked(scaled(seen.neighbour_week[:, -spec.context_h :])))
        past += [_filled(scaled(each))[..., None] for each in seen.quartile_contexts]
        hours = scaled(theirs)
        future.append(np.where(np.isfinite(hours), _filled(hours), usual)[..., None])
    told = (level - spec.level_mean) / spec.level_scale if spec.is_level_told else np.zeros_like(level)
    last = scaled(np.nan_to_num(facts.last, nan=spec.level_mean))
    static = np.stack([told, np.log(spread), last, np.minimum(facts.age_h, WEEK_H) / 24], axis=-1)
    return Features(
        _joined(past), _joined(future), _filled(static), anchored.astype(np.float32), level, spread,
        mask.sum(axis=1), np.asarray(np.isnan(seen.week[:, :COLD_H]).all(axis=1)), facts,
    )  # fmt: skip


def warmed(facts: Recent, theirs: Floats | None, level: Floats) -> Recent:
    """The same facts; hours that the own week lacks are the neighbours', moved to the own level.

    `theirs` (n, HORIZON_H): the neighbours' hour means.
    """
    if theirs is None:
        return facts
    known = np.isfinite(theirs)
    mean = np.where(known, theirs, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    moved = theirs - mean[:, None] + level[:, None]
    hour_means = np.where(np.isfinite(facts.hour_means), facts.hour_means, moved)
    return replace(facts, hour_means=hour_means)


def _before(values: Floats, series: Integers, columns: Integers, hours: int) -> Floats:
    if len(columns) and hours <= columns[0] <= values.shape[1] and (columns == columns[0]).all():
        return values[series, columns[0] - hours : columns[0]]  # one hour of issue, as in serving
    at = columns[:, None] + np.arange(-hours, 0)[None]
    inside = (at >= 0) & (at < values.shape[1])
    found = values[series[:, None], np.clip(at, 0, values.shape[1] - 1)]
    return np.where(inside, found, np.float32(np.nan))


def _level_and_spread(context: Floats, mask: Booleans, spec: FeatureSpec) -> tuple[Floats, Floats]:
    count = np.maximum(mask.sum(axis=1), 1)
    level = np.where(mask, context, 0.0).sum(axis=1, dtype=np.float64) / count
    variance = np.where(mask, (context - level[:, None]) ** 2, 0.0).sum(axis=1, dtype=np.float64) / count
    level = np.where(mask.any(axis=1), level, spec.level_mean)
    return level, np.sqrt(variance) + spec.spread_floor


def _scaled(values: Floats, level: Floats, spread: Floats) -> Floats:
    """Values (n, …) centred and scaled by their window."""
    shape = (-1,) + (1,) * (values.ndim - 1)
    return (values - level.reshape(shape)) / spread.reshape(shape)


def _filled(values: Floats) -> Floats:
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0), -SCALED_MAX, SCALED_MAX)


def _masked(values: Floats) -> Floats:
    """The values, and where there are any, (n, hours, 2)."""
    return np.stack([_filled(values), np.isfinite(values)], axis=-1, dtype=np.float32, casting="same_kind")


def _standardised(covariate: Covariate, context: Floats) -> Floats:
    """The covariate and its mask, (n, context_h, 2)."""
    if covariate.is_centred:
        known = np.isfinite(context)
        count = np.maximum(known.sum(axis=1), 1)
        context = context - (np.where(known, context, 0.0).sum(axis=1, dtype=np.float64) / count)[:, None]
    return _masked((context - covariate.mean) / covariate.scale)


def _seasons(spec: FeatureSpec, seen: Windows, hours: range) -> Floats:
    """Of the hours from before the issue (negative) to after it."""
    return season_features(seen.issued_s, np.array(hours), seen.lat, seen.lon, spec.seasons)


def _joined(channels: list[Floats]) -> Floats:
    return np.concatenate(channels, axis=-1, dtype=np.float32, casting="same_kind")
