"""A small network on made-up weather: trained, exported, registered, judged; bad ones refused."""

import re
from dataclasses import replace as with_members
from itertools import pairwise

import numpy as np
import pytest
from msgspec import structs
from typer.testing import CliRunner

from contracts.forecasts import QUANTILES
from forecasting.bundle import ModelBundle
from forecasting.card import TrainingRanges
from forecasting.folder_store import FolderStore
from forecasting.registry import ModelRegistry
from model_training import commands
from model_training.backtesting import backtest
from model_training.cli import app
from model_training.gate import judged
from model_training.golden import arrays_of, require_agreement
from model_training.tables import read_data
from model_training.training import prepared
from tests.model_training.builders import DESIGN, PROTOCOL, weather, write_weather

pytestmark = pytest.mark.ml


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def ready(tables):
    return prepared(weather(tables), PROTOCOL, DESIGN)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    return ModelRegistry(FolderStore(tmp_path_factory.mktemp("models")))


@pytest.fixture(scope="module")
def steps():
    return []


@pytest.fixture(scope="module")
def version(ready, registry, steps):
    card = commands.train(ready, registry, seeds=(1, 2), tell=steps.append)
    return card.version


@pytest.fixture
def model(registry, version):
    return registry.model("temperature", version)


def verdict(model, ready, champion=None):
    models = {"challenger": model} | ({"champion": champion} if champion else {})
    name = "champion" if champion else None
    return judged(backtest(ready, models), model, ready, name="challenger", champion=name)


def reasons(model, ready):
    return [reason.split(":")[0] for reason in verdict(model, ready).reasons]


def test_a_training_tells_loss_and_skill_and_which_was_best(version, steps):
    assert {step.seed for step in steps} == {1, 2}
    assert any(step.is_best for step in steps)
    assert all(step.skill < 1 and step.loss > 0 for step in steps)


@pytest.fixture
def often_judged(ready):
    network = with_members(ready.design.network, steps_between_validations=10)
    return with_members(ready, design=with_members(ready.design, network=network))


@pytest.fixture
def fitting():
    from model_training import fitting  # noqa: PLC0415 - TensorFlow takes seconds

    fitting.prepare_tensorflow()  # whichever test comes first
    return fitting


def loss_on_validation(fitting, network, ready):
    (lesson,) = ready.validations
    read = lesson.material.features(lesson.examples)
    said = np.sort(fitting.answers(network, read), axis=-1)
    return float(fitting.weighted_pinball(lesson.material.targets(lesson.examples, read), said))


def test_the_network_is_as_good_on_validation_as_at_its_best_step(fitting, often_judged):
    told = []
    network = fitting.trained(often_judged, seeds=(1,), tell=told.append)

    assert len(told) > 3
    assert (
        loss_on_validation(fitting, network, often_judged)
        <= min(step.validation_loss for step in told) + 1e-6
    )


def test_a_training_that_is_interrupted_keeps_what_it_has_learnt(fitting, often_judged):
    told = []

    def interrupts(step):
        told.append(step)
        if len(told) == 3:
            raise KeyboardInterrupt

    network = fitting.trained(often_judged, seeds=(1, 2), tell=interrupts)

    assert {step.seed for step in told} == {1}
    assert (
        loss_on_validation(fitting, network, often_judged)
        <= min(step.validation_loss for step in told) + 1e-6
    )


@pytest.mark.parametrize(("patience", "goes_on"), [(1, False), (None, True)])
def test_without_patience_it_goes_on_to_the_last_step_and_not_the_best_counts(
    fitting, often_judged, patience, goes_on
):
    hasty = with_members(often_judged.design.network, patience=patience, learning_rate=0.3)
    ready = with_members(often_judged, design=with_members(often_judged.design, network=hasty))
    told = []

    network = fitting.trained(ready, seeds=(1,), tell=told.append)

    losses = [step.validation_loss for step in told]
    assert any(later > earlier for earlier, later in pairwise(losses))
    assert (told[-1].step == hasty.steps_max) == goes_on
    assert (loss_on_validation(fitting, network, ready) > min(losses) + 1e-6) == goes_on


def squeezed(quantiles, to):
    median = quantiles[..., QUANTILES.index(0.5), None]
    return median + to * (quantiles - median)


def test_a_band_that_promises_too_much_is_refused_unless_it_is_better_than_what_would_stay(model, ready):
    tested = backtest(ready, {"challenger": model})
    narrow = {name: squeezed(each, 0.5) for name, each in tested.quantiles.items()}
    narrower = narrow | {name: squeezed(narrow[name], 0.1) for name in tested.baselines}

    beside_good, beside_worse = (
        judged(with_members(tested, quantiles=each), model, ready, name="challenger", champion=None).reasons
        for each in (tested.quantiles | {"challenger": narrow["challenger"]}, narrower)
    )

    assert any(reason.startswith("bad_band: ") for reason in beside_good)
    assert not any(reason.startswith("bad_band: ") for reason in beside_worse)


@pytest.fixture
def files(registry, version):
    return registry.files("temperature", version)


def test_the_exported_network_gives_the_golden_answers(files):
    require_agreement(files["model.tflite"], arrays_of(files["golden.npz"]))


@pytest.fixture
def keras_network(files, tmp_path):
    import keras  # noqa: PLC0415

    path = tmp_path / "model.keras"
    path.write_bytes(files["model.keras"])
    return keras.models.load_model(path, compile=False, safe_mode=True)


def test_the_keras_file_loads_in_safe_mode_and_gives_them_too(files, keras_network):
    golden = arrays_of(files["golden.npz"])
    said = np.asarray(keras_network([golden[name] for name in ("past", "future", "static", "anchor")]))

    np.testing.assert_allclose(said, golden["answer"], atol=1e-4)


def test_it_beats_the_best_baseline_at_places_it_never_saw(model, ready):
    tested = backtest(ready, {"network": model})

    assert tested.network_share["network"] > 0.9
    assert tested.ratio("network", tested.best_baseline("unseen"), who="unseen").high < 1.0


def test_the_same_seed_gives_the_same_network(ready, version):
    from model_training.learning import trained_model  # noqa: PLC0415

    short = with_members(
        ready, design=with_members(DESIGN, network=with_members(DESIGN.network, steps_max=50))
    )
    one, other = (trained_model(short, seeds=(5,), tell=lambda _: None, now_s=0)[0] for _ in range(2))

    assert one.version == other.version


def test_a_card_tells_every_city_that_was_learnt_from(tables, tmp_path, ready):
    write_weather(tmp_path / "far", seed=9, warmer=20.0)
    far = read_data(tmp_path / "far", "temperature", covariates=("humidity",))
    short = with_members(DESIGN, network=with_members(DESIGN.network, steps_max=50))
    registry = ModelRegistry(FolderStore(tmp_path / "models"))

    card = commands.train(
        prepared(ready.data, PROTOCOL, short, also=[far]), registry, seeds=(1,), tell=lambda _: None
    )

    (also,) = registry.card("temperature", card.version).training.also
    assert also == far.fingerprint
    assert card.ranges.level[1] > ready.spec.level_mean + 15


def test_ctrl_c_keeps_the_best_so_far(ready, version):
    from model_training.learning import trained_model  # noqa: PLC0415

    def stop(step):
        if step.step == 50:
            raise KeyboardInterrupt

    card, network = trained_model(ready, seeds=(1, 2), tell=stop, now_s=0)

    assert network is not None
    assert card.ranges is not None


def test_the_first_good_model_becomes_champion_and_can_be_rolled_back(ready, registry, version):
    commands.add_baseline(ready, registry, "blend")
    (blend,) = [each for each in registry.versions("temperature") if each != version]
    pointer = registry.pointer_to("temperature", blend, at_s=1, by="test", reason="first")
    registry.point("temperature", pointer)

    assert commands.promote(ready, registry, version, by="test").is_accepted
    assert registry.load_champion("temperature").card.version == version
    assert commands.rollback(registry, "temperature") == blend
    assert registry.champion("temperature").method == "blend"


def test_a_model_that_is_not_better_than_the_champion_is_refused(model, ready):
    assert [reason.split(":")[0] for reason in verdict(model, ready, champion=model).reasons] == [
        "not_better"
    ]


def first_verdict(model, ready, *, nearer):
    """On a first model that says what the blend says, moved towards the truth by a share."""
    tested = backtest(ready, {})
    blend, truth = tested.quantiles["blend"], tested.truth[..., None]
    said = np.where(np.isfinite(truth), blend + nearer * (truth - blend), blend)
    tested = with_members(tested, quantiles={**tested.quantiles, "first": said})
    return judged(tested, model, ready, name="first", champion=None)


def test_a_first_model_must_gain_something_over_the_best_baseline(model, ready):
    as_good = first_verdict(model, ready, nearer=0.0)
    hardly_better = first_verdict(model, ready, nearer=0.002)
    better = first_verdict(model, ready, nearer=0.02)

    assert [each.split(":")[0] for each in as_good.reasons] == ["not_better"]
    assert [each.split(":")[0] for each in hardly_better.reasons] == ["not_better"]
    assert better.is_accepted


def test_a_network_that_answers_nan_is_refused(model, ready):
    def broken(inputs):
        return np.where(inputs[3][:, :, None] > 0, np.nan, model.network(inputs))

    assert reasons(ModelBundle(model.card, broken), ready) == ["not_finite"]


def test_a_network_of_shuffled_targets_is_refused(model, ready):
    def shuffled(inputs):
        # What it has learnt belongs to other windows.
        return model.network(inputs)[np.random.default_rng(1).permutation(len(inputs[0]))]

    assert "worse_than_baseline" in reasons(ModelBundle(model.card, shuffled), ready)


def test_a_network_that_is_an_hour_off_is_refused(model, ready):
    def late(inputs):
        said = model.network(inputs)
        return np.concatenate([said[:, 1:], said[:, -1:]], axis=1)

    assert "worse_than_baseline" in reasons(ModelBundle(model.card, late), ready)


def test_a_model_of_another_unit_is_refused(model, ready):
    fahrenheit = structs.replace(
        model.card,
        unit="°F",
        ranges=TrainingRanges(
            *((np.array(model.card.ranges.level) * 1.8 + 32).tolist(), model.card.ranges.spread)
        ),
    )

    found = reasons(ModelBundle(fahrenheit, model.network), ready)

    assert "wrong_unit" in found
    assert "outside_its_ranges" in found


def bias_of(network, *, moved=0.0):
    """The bytes of a bias of the first member, as both files hold them."""
    return (network.get_layer("m0_mixed").get_weights()[1] + np.float32(moved)).tobytes()


def test_a_version_with_changed_weights_is_not_promoted(
    ready, registry, version, files, keras_network, tmp_path
):
    copied = ModelRegistry(FolderStore(tmp_path))
    changed = files["model.tflite"].replace(bias_of(keras_network), bias_of(keras_network, moved=0.1))
    copied.add(registry.card("temperature", version), files | {"model.tflite": changed})

    found = commands.promote(ready, copied, version, by="test")

    assert changed != files["model.tflite"]
    assert any(reason.startswith("bad_export") for reason in found.reasons)
    assert copied.champion("temperature").method == "blend"


@pytest.fixture
def run(tables, registry):
    """A command of `luftstrom train` on these tables; what it prints."""

    def ran(*command):
        given = ["--data", str(tables), "--measure", "temperature", "--registry", registry.place]
        split = [
            "--train-until",
            "2019-02-10",
            "--validate-until",
            "2019-02-22",
            "--test-until",
            "2019-03-17",
        ]
        result = CliRunner().invoke(app, [*command, *given, *split], env={"COLUMNS": "200"})
        assert result.exit_code == 0, result.output
        return result.output

    return ran


def test_the_report_is_one_page_with_every_part_that_loads_nothing(run, version, tmp_path):
    out = tmp_path / "report.html"
    run("report", "--model", version, "--out", str(out))
    page = out.read_text()

    for part in (
        "Scores",
        "Skill by horizon",
        "Calibration",
        "Examples",
        "Best and worst sensors",
        "Training",
    ):
        assert f"<h2>{part}</h2>" in page
    assert all(f">{name}<" in page for name in ("persistence", "seasonal-naive", "blend", version))
    assert not re.findall(r"""(?:src|href)=["']?https?://|url\(https?:""", page)


def test_two_models_are_compared_by_horizon_and_place_with_an_interval(run, version):
    told = run("compare", version, "blend")

    assert version in told
    for row in ("h01 ", "h13-24", "unseen"):
        assert row in told
    assert re.search(r"\+\d+\.\d% \([+-]\d+\.\d% … [+-]\d+\.\d%\)", told)
