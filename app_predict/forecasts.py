"""From a table of the last hours to one issue of one measure: every sensor, by the method that it allows."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app_predict.hourly_source import SensorTags
from app_predict.issue import Issue, Words
from contracts.forecasts import Forecast, Method
from forecasting.baselines import BLEND, WEEK_H, recent
from forecasting.bundle import ModelBundle, Predictions
from forecasting.card import RNN
from forecasting.hourly_table import HOUR_S, Booleans, Floats, HourlyTable
from forecasting.scores import MEDIAN

NOTHING_OBSERVED, NO_MODEL, NO_NUMBER = "nothing_observed", "no_model", "no_number"
SKIP_REASONS = (NOTHING_OBSERVED, NO_MODEL, NO_NUMBER)
# Enough digits for every measure, and a third of the bytes.
DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Made:
    """An issue, and how many sensors have none, by reason; shares of the input that make it worse."""

    issue: Issue
    skipped: Counter[str]
    missing: float
    out_of_domain: float


def made(
    bundle: ModelBundle,
    table: HourlyTable,
    factors_by_model: Mapping[str, Floats],
    *,
    allows_network: bool,
) -> Made:
    """The issue at the end of the table, in which each sensor is once.

    A forecast that is no number, whatever came in, is the blend's; without that, none.
    """
    moment = bundle.at_end(table)
    blend = bundle.predict_at(*moment, allows_network=False)
    said = bundle.predict_at(*moment) if allows_network else blend
    said = _mended(said, blend)
    is_number = np.isfinite(said.quantiles).all(axis=(1, 2))
    is_made = is_number & np.array([each is not None for each in said.methods], dtype=bool)
    methods = np.array([str(each or "") for each in said.methods], dtype=np.str_)[is_made]
    models = _models(methods, bundle)
    issue = Issue(
        measure=table.measure,
        issued_at_s=table.starts_at_s + table.hours * HOUR_S,
        sensor_ids=said.sensor_ids[is_made],
        methods=methods,
        models=models,
        quantiles=said.quantiles[is_made].astype(np.float32),
        blend=blend.quantiles[is_made, :, MEDIAN].astype(np.float32),
        last=recent(_last_week(table)).last[is_made].astype(np.float32),
        factors_by_model={name: each for name, each in factors_by_model.items() if name in set(models)},
    )
    skipped = Counter(
        NOTHING_OBSERVED if method is None else NO_NUMBER
        for method, is_one in zip(said.methods, is_made, strict=True)
        if not is_one
    )
    missing = _missing(said, bundle.card.features.context_h)
    out_of_domain = _out_of_domain(said) if allows_network and bundle.card.kind == RNN else 0.0
    return Made(issue, skipped, missing, out_of_domain)


def messages(issue: Issue, tags_by_sensor: Mapping[int, SensorTags]) -> Iterator[Forecast]:
    """What is published: a message a sensor."""
    rounded = np.round(issue.published.astype(np.float64), DECIMALS)
    for number, sensor_id in enumerate(issue.sensor_ids.tolist()):
        tags = tags_by_sensor.get(sensor_id, SensorTags())
        yield Forecast(
            sensor_id=sensor_id,
            measure=issue.measure,
            issued_at_s=issue.issued_at_s,
            method=Method(str(issue.methods[number])),
            model=str(issue.models[number]),
            quantiles=rounded[number].tolist(),
            sensor_type=tags.sensor_type,
            country=tags.country,
            city=tags.city,
        )


def _mended(said: Predictions, blend: Predictions) -> Predictions:
    """The blend's forecast where the network's is no number."""
    broken: Booleans = ~np.isfinite(said.quantiles).all(axis=(1, 2))  # type: ignore[assignment]  # NumPy's
    if not broken.any():
        return said
    quantiles = np.where(broken[:, None, None], blend.quantiles, said.quantiles)
    methods = [
        other if is_broken else own
        for own, other, is_broken in zip(said.methods, blend.methods, broken, strict=True)
    ]
    return Predictions(said.sensor_ids, methods, quantiles, said.observed)


def _models(methods: Words, bundle: ModelBundle) -> Words:
    """The champion's version where its network spoke, else the name of the baseline that did."""
    baseline = bundle.card.baseline.name if bundle.card.baseline else BLEND
    by_network = np.isin(methods, [Method.RNN.value, Method.RNN_COLD.value])
    return np.where(by_network, bundle.card.version, baseline).astype(np.str_)


def _last_week(table: HourlyTable) -> Floats:
    week = table.values[:, -WEEK_H:]
    short = WEEK_H - week.shape[1]
    return np.pad(week, ((0, 0), (short, 0)), constant_values=np.nan) if short else week


def _missing(said: Predictions, context_h: int) -> float:
    return float(1 - said.observed.mean() / context_h) if len(said.observed) else 0.0


def _out_of_domain(said: Predictions) -> float:
    """The share of the sensors that measured enough for the network and are by the blend nevertheless."""
    enough = [each for each in said.methods if each in {Method.RNN, Method.RNN_COLD, Method.BLEND}]
    return sum(each is Method.BLEND for each in enough) / max(1, len(enough))
