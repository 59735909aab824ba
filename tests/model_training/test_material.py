"""What an example's errors count while a network is trained."""

from dataclasses import replace

import numpy as np
import pytest

from model_training.protocols import by_time
from model_training.splits import Examples
from model_training.tables import read_data, write_hours
from model_training.training import prepared
from tests.model_training.builders import DESIGN, hours_of

WEIGHT = 1  # what `targets` have beside the truth
LOW, HIGH = 10.0, 100.0


@pytest.fixture
def ready(tmp_path):
    """One sensor of clean air, one of dirty air, with the same wave as a share of it."""
    wave = 1 + 0.3 * np.sin(2 * np.pi * np.arange(75 * 24) / 24)
    write_hours(tmp_path, "pm25", hours_of({1: LOW * wave - 1, 2: HIGH * wave - 1}))
    protocol = by_time("2019-02-10", "2019-02-22", "2019-03-17", "none")
    return prepared(read_data(tmp_path, "pm25", covariates=()), protocol, replace(DESIGN, features=PLAIN))


PLAIN = replace(DESIGN.features, covariates=())


@pytest.mark.parametrize(("power", "times"), [(0.0, 1.0), (0.5, (HIGH / LOW) ** 0.5), (1.0, HIGH / LOW)])
def test_an_error_in_dirty_air_counts_more_by_the_power_of_its_level(ready, power, times):
    design = replace(ready.design, network=replace(ready.design.network, level_power=power))
    material = replace(ready, design=design).material
    both = Examples(np.array([0, 1]), np.array([240, 240]))

    clean, dirty = material.targets(both, material.features(both))[..., WEIGHT]

    assert dirty / clean == pytest.approx(np.full(24, times), rel=1e-4)


@pytest.mark.parametrize(("patience", "learns_all"), [(4, False), (None, True)])
def test_without_patience_no_day_before_the_test_is_kept_back(ready, patience, learns_all):
    design = replace(ready.design, network=replace(ready.design.network, patience=patience))
    ready = replace(ready, design=design)
    (lesson,) = ready.lessons

    columns = set(lesson.examples.columns.tolist())
    assert (columns >= set(ready.split.validation.columns.tolist())) == learns_all
    assert columns.isdisjoint(ready.split.validation.columns.tolist()) != learns_all
    assert max(columns) + 24 <= ready.data.table.column(ready.trained_until_s("rnn"))
    assert ready.trained_until_s("blend") == ready.protocol.train_until_s
