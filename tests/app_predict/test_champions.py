"""A champion is swapped whole, and a bad one changes nothing."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from app_predict.champions import GOLDEN_ANSWER, Champions, require_golden
from app_predict.metrics import Metrics
from contracts.errors import BadInputError
from forecasting.bundle import CARD_FILE, ModelBundle
from forecasting.card import encoded_card
from forecasting.litert import INPUTS
from forecasting.registry import CHAMPION_FILE, ModelRegistry
from runtime.clock import SettableClock
from tests.forecasting.builders import a_blend_card, a_card, an_anchored_network

POLL_S = 30.0


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(tmp_path)


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def prometheus():
    return CollectorRegistry()


@pytest.fixture
def champions(registry, clock, prometheus):
    return Champions(
        registry, ["pm25", "pm10"], poll_s=POLL_S, threads=1, clock=clock, metrics=Metrics(prometheus)
    )


def promote(registry, version, *, measure="pm25"):
    card = a_card(kind="blend", baseline=a_blend_card(), version=version, measure=measure)
    registry.add(card, {CARD_FILE: encoded_card(card)})
    registry.point(measure, registry.pointer_to(measure, version, at_s=0, by="test", reason="test"))


def served(champions, measure="pm25"):
    bundle = champions.of(measure)
    return None if bundle is None else bundle.card.version


def look(champions, clock):
    clock.advance(POLL_S)
    champions.look()


def test_before_any_promotion_there_is_no_champion(champions, clock):
    look(champions, clock)

    assert served(champions) is None


def test_a_promotion_is_served_at_the_next_look_and_a_rollback_too(champions, registry, clock, prometheus):
    promote(registry, "v1")
    look(champions, clock)
    first = registry.champion("pm25")
    promote(registry, "v2")
    champions.look()
    assert served(champions) == "v1"  # not asked so soon again

    look(champions, clock)
    assert served(champions) == "v2"
    versions = [
        sample.labels["version"]
        for family in prometheus.collect()
        for sample in family.samples
        if sample.name == "app_predict_champion"
    ]
    assert versions == ["v2"]

    registry.point("pm25", first)
    look(champions, clock)
    assert served(champions) == "v1"


@pytest.mark.parametrize("spoil", ["file changed", "file gone", "pointer cut short"])
def test_a_bad_champion_keeps_the_old_one_and_is_counted(champions, registry, clock, prometheus, spoil):
    promote(registry, "v1")
    promote(registry, "other", measure="pm10")
    look(champions, clock)
    promote(registry, "v2")
    card = registry.folder("pm25", "v2") / CARD_FILE
    if spoil == "file changed":
        card.write_bytes(card.read_bytes().replace(b"0.6", b"0.7"))
    elif spoil == "file gone":
        card.unlink()
    else:
        pointer = registry.root / "pm25" / CHAMPION_FILE
        pointer.write_bytes(pointer.read_bytes()[:20])

    look(champions, clock)

    assert served(champions) == "v1"
    assert served(champions, "pm10") == "other"
    assert prometheus.get_sample_value("app_predict_model_load_failures_total", {"measure": "pm25"}) == 1


def golden(tmp_path, **changed):
    count = 4
    inputs = dict(zip(INPUTS, (np.ones((count, 24), dtype=np.float32) for _ in INPUTS), strict=True))
    answer = an_anchored_network(tuple(inputs.values()))
    np.savez(tmp_path / "golden.npz", **({**inputs, GOLDEN_ANSWER: answer} | changed))
    return tmp_path / "golden.npz"


def test_a_network_that_answers_its_golden_batch_as_before_is_taken(tmp_path):
    require_golden(ModelBundle(a_card(), an_anchored_network), golden(tmp_path))


@pytest.mark.parametrize("wrong", ["off", "nan", "missing", "not there"])
def test_a_network_that_does_not_is_refused(tmp_path, wrong):
    path = golden(tmp_path)
    bundle = ModelBundle(a_card(), an_anchored_network)
    if wrong == "off":
        bundle = ModelBundle(a_card(), lambda inputs: an_anchored_network(inputs) + 1e-3)
    elif wrong == "nan":
        bundle = ModelBundle(a_card(), lambda inputs: an_anchored_network(inputs) * np.nan)
    elif wrong == "missing":
        np.savez(path, past=np.ones(3))
    else:
        path.unlink()

    with pytest.raises(BadInputError, match="golden"):
        require_golden(bundle, path)
