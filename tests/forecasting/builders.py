"""Tables of made-up sensors."""

import numpy as np

from contracts.forecasts import HORIZON_H, QUANTILES
from forecasting.baselines import WEEK_H
from forecasting.card import BaselineCard, ModelCard
from forecasting.features import FeatureSpec
from forecasting.hourly_table import HourlyTable

MONDAY_S = 1_557_705_600  # 2019-05-13, UTC
ABERDEEN = (57.14, -2.1)


def a_table(values, *, measure="pm25", covariates=None, lat=None, lon=None):
    """A table of the values (series, hours), a kilometre apart, from Monday on."""
    values = np.asarray(values, dtype=np.float32)
    count = len(values)
    return HourlyTable(
        measure,
        MONDAY_S,
        np.arange(1, count + 1),
        np.full(count, ABERDEEN[0]) if lat is None else np.asarray(lat),
        ABERDEEN[1] + 0.016 * np.arange(count) if lon is None else np.asarray(lon),
        values,
        covariates or {},
    )


def a_daily_wave(count=3, hours=WEEK_H, *, level=15.0, height=5.0, seed=1):
    """Values that go up and down with the day, with some noise."""
    noise = np.random.default_rng(seed).normal(0, 0.3, (count, hours))
    return (level + height * np.sin(2 * np.pi * np.arange(hours) / 24) + noise).astype(np.float32)


def a_spec(**members):
    given = {
        "context_h": 24,
        "spread_floor": 0.1,
        "level_mean": 2.5,
        "level_scale": 1.0,
        "seasons": ("sun", "hour_sin", "hour_cos"),
        "neighbours_max": 8,
        "neighbours_radius_km": 25.0,
    }
    return FeatureSpec(**(given | members))


def a_blend_card(last=0.6, usual=0.4):
    return BaselineCard(
        "blend",
        [[last, usual, 0.0]] * HORIZON_H,
        [[round(level - 0.5, 2) for level in QUANTILES]] * HORIZON_H,
    )


def a_card(**members):
    given = {
        "kind": "rnn",
        "measure": "pm25",
        "unit": "µg/m³",
        "version": "20190501T0000Z-00000001",
        "features": a_spec(),
        "blend": a_blend_card(),
    }
    return ModelCard(**(given | members))


def an_anchored_network(inputs):
    """Stands for the network: says its anchor, with a band of fixed width."""
    _, _, _, anchor = inputs
    return (anchor[:, :, None] + np.array(QUANTILES) - 0.5).astype(np.float32)
