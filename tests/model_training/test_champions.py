"""The champions that come with the code are whole, and forecast."""

from pathlib import Path

import numpy as np
import pytest

from contracts.forecasts import QUANTILES, Method
from forecasting.baselines import BASELINES
from forecasting.folder_store import FolderStore
from forecasting.registry import ModelRegistry
from model_training.golden import arrays_of, require_agreement
from model_training.protocols import utc_s
from tests.forecasting.builders import a_daily_wave, a_table

CHAMPIONS = ModelRegistry(FolderStore(Path(__file__).parents[2] / "model_training" / "champions"))
RECORDINGS_BEGIN_S = utc_s("2019-03-22")


@pytest.mark.parametrize("measure", ["pm25", "pm10", "temperature", "humidity", "pressure"])
def test_a_champion_is_whole_and_has_not_seen_the_recordings(measure):
    champion = CHAMPIONS.load_champion(measure)

    assert champion.card.measure == measure
    assert champion.card.training.trained_until_s < RECORDINGS_BEGIN_S
    if champion.card.kind not in BASELINES:
        files = CHAMPIONS.files(measure, champion.card.version)
        require_agreement(files["model.tflite"], arrays_of(files["golden.npz"]))


@pytest.mark.parametrize("measure", CHAMPIONS.measures())
def test_a_champion_forecasts_every_sensor(measure):
    level = 1010.0 if measure == "pressure" else 15.0
    values = a_daily_wave(level=level, height=3.0)
    champion = CHAMPIONS.load_champion(measure)
    covariates = {each.name: np.full_like(values, np.nan) for each in champion.card.features.covariates}

    found = champion.predict(a_table(values, measure=measure, covariates=covariates))

    assert None not in found.methods
    assert np.isfinite(found.quantiles).all()


@pytest.mark.parametrize(
    ("measure", "level", "height"),
    [
        ("temperature", 33.0, 2.0), ("temperature", -28.0, 4.0), ("humidity", 15.0, 5.0),
        ("pressure", 850.0, 1.5), ("pressure", 620.0, 1.5), ("pm25", 250.0, 60.0), ("pm10", 600.0, 150.0),
    ],
)  # fmt: skip
def test_a_champion_keeps_to_the_air_of_a_place_that_is_unlike_where_it_learnt(measure, level, height):
    values = a_daily_wave(level=level, height=height)
    champion = CHAMPIONS.load_champion(measure)

    found = champion.predict(a_table(values, measure=measure))

    median = found.quantiles[:, :, QUANTILES.index(0.5)]
    assert (median > values.min() - height).all()
    assert (median < values.max() + height).all()


def test_a_network_that_is_told_the_level_does_not_speak_beyond_what_it_saw():
    champion = CHAMPIONS.load_champion("temperature")

    found = champion.predict(a_table(a_daily_wave(level=-35.0, height=4.0), measure="temperature"))

    assert set(found.methods) == {Method.BLEND}
