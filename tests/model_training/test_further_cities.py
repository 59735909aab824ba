"""A network may learn from further cities; nothing of them is tested on."""

import numpy as np
import pytest
from typer.testing import CliRunner

from contracts.errors import BadInputError
from model_training.cli import app
from model_training.material import Batches
from model_training.preparation import training_ranges
from model_training.protocols import by_time, utc_s
from model_training.tables import read_data, read_hours
from model_training.training import prepared
from tests.model_training.builders import DESIGN, PROTOCOL, weather, write_weather

WARMER_C, WILDER = 30.0, 4.0
BATCH = 200
LEVEL, WEIGHT = 0, 1  # what `static` tells first; what `targets` have beside the truth


@pytest.fixture
def far_city(tmp_path):
    folder = tmp_path / "far"
    write_weather(folder, sensors=(1, 4, 5), seed=9, warmer=WARMER_C, wilder=WILDER)
    return folder


@pytest.fixture
def ready(tmp_path, far_city):
    far = read_data(far_city, "temperature", covariates=("humidity",))
    return prepared(weather(tmp_path / "own"), PROTOCOL, DESIGN, also=[far])


def test_each_city_has_its_share_of_a_batch_and_of_the_loss(ready):
    (_, _, static, _), targets = Batches(ready.lessons).drawn(BATCH, np.random.default_rng(1))

    own, far = static[: BATCH // 2, LEVEL], static[BATCH // 2 :, LEVEL]
    assert len(static) == len(targets) == BATCH
    assert far.min() > own.max()
    own_weight, far_weight = (half[..., WEIGHT].sum() for half in np.array_split(targets, 2))
    assert far_weight == pytest.approx(own_weight, rel=0.2)


def test_every_city_tells_when_the_network_has_learnt_enough(ready):
    own, far = ready.validations

    assert len(own.examples) == len(ready.split.validation)
    days = far.examples.columns // 24
    assert set((far.examples.columns + 23) // 24) | set(days) <= set(range(23, 31))


def test_ranges_hold_the_levels_and_spreads_of_every_city(ready):
    alone = prepared(ready.data, PROTOCOL, DESIGN)
    own, both = (training_ranges(each.lessons, each.spec) for each in (alone, ready))

    assert both.level[0] == pytest.approx(own.level[0], abs=1.0)
    assert both.level[1] == pytest.approx(own.level[1] + WARMER_C, abs=5.0)
    assert both.spread[1] > 2 * own.spread[1]


def test_a_further_citys_left_out_places_and_later_hours_are_not_learnt(ready):
    (far,) = ready.also

    for examples in (far.split.train, far.split.validation):
        assert set(far.data.table.sensor_ids[examples.series].tolist()) == {1, 5}
        assert examples.columns.max() + 24 <= far.data.table.column(PROTOCOL.train_until_s)


def test_what_is_tested_and_the_baselines_are_of_the_first_city(ready):
    alone = prepared(ready.data, PROTOCOL, DESIGN)

    assert len(ready.protocol.test(ready.data)) == len(alone.protocol.test(alone.data))
    assert (ready.baselines["blend"].coefficients == alone.baselines["blend"].coefficients).all()
    assert ready.spec == alone.spec


def test_a_city_without_humidity_teaches_what_it_has(tmp_path, far_city):
    bare = read_data(far_city, "temperature", covariates=())
    ready = prepared(weather(tmp_path / "own"), PROTOCOL, DESIGN, also=[bare])

    inputs, targets = Batches(ready.lessons).drawn(BATCH, np.random.default_rng(1))

    assert all(np.isfinite(each).all() for each in (*inputs, targets))


def test_a_city_with_nothing_before_the_training_ends_is_told(tmp_path, far_city):
    early = by_time("2019-01-01T12:00", "2019-02-22", "2019-03-17", "every:4")

    with pytest.raises(BadInputError, match="far has 0 examples of temperature to train on"):
        early.split_of_further(read_data(far_city, "temperature", covariates=()))


def test_the_command_tells_what_it_learns_from(tmp_path, far_city):
    write_weather(tmp_path / "own")
    times = ["--train-until", "2019-02-10", "--validate-until", "2019-02-22", "--test-until", "2019-03-17"]

    found = CliRunner().invoke(app, [
        "train", "--data", str(tmp_path / "own"), "--also", str(far_city), "--measure", "temperature", *times,
        "--baseline", "blend", "--registry", str(tmp_path / "models"),
    ])  # fmt: skip

    assert found.exit_code == 0, found.output
    assert "far, too: " in found.output


def test_files_are_fetched_for_the_span_that_is_asked_for(tmp_path):
    rows = [
        f"7;SDS011;3;57.100;-2.100;2019-05-1{day}T{hour:02}:{minute:02}:00;10.0;5.0"
        for day in (1, 2, 3) for hour in (0, 23) for minute in range(0, 60, 10)
    ]  # fmt: skip
    head = "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2"
    (tmp_path / "2019-05_sds011_sensor_7.csv").write_text("\n".join([head, *rows]))

    found = CliRunner().invoke(app, [
        "fetch", str(tmp_path), "--out", str(tmp_path / "out"),
        "--since", "2019-05-12", "--until", "2019-05-13",
    ])  # fmt: skip

    assert found.exit_code == 0, found.output
    starts = read_hours(tmp_path / "out", "pm10")["starts_at_s"].sort().to_list()
    assert starts == [utc_s("2019-05-12"), utc_s("2019-05-12T23:00")]
