"""A champion is swapped whole, and a bad one changes nothing."""

import io

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from app_predict.champions import GOLDEN_ANSWER, Champions, require_golden
from app_predict.metrics import Metrics
from contracts.errors import BadInputError, UnavailableError
from forecasting.bundle import CARD_FILE, ModelBundle
from forecasting.card import encoded_card
from forecasting.folder_store import FolderStore
from forecasting.litert import INPUTS
from forecasting.registry import CHAMPION_FILE, ModelRegistry
from runtime.clock import SettableClock
from tests.forecasting.builders import a_blend_card, a_card, an_anchored_network

POLL_S = 30.0


class StoreThatGoesAway(FolderStore):
    """A folder that stands for a store across the network."""

    is_away = False

    def read(self, path):
        if self.is_away:
            raise UnavailableError("no answer")
        return super().read(path)


@pytest.fixture
def store(tmp_path):
    return StoreThatGoesAway(tmp_path)


@pytest.fixture
def registry(store):
    return ModelRegistry(store)


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
def test_a_bad_champion_keeps_the_old_one_and_is_counted(
    champions, registry, clock, prometheus, spoil, tmp_path
):
    promote(registry, "v1")
    promote(registry, "other", measure="pm10")
    look(champions, clock)
    promote(registry, "v2")
    card = tmp_path / "pm25" / "v2" / CARD_FILE
    if spoil == "file changed":
        card.write_bytes(card.read_bytes().replace(b"0.6", b"0.7"))
    elif spoil == "file gone":
        card.unlink()
    else:
        pointer = tmp_path / "pm25" / CHAMPION_FILE
        pointer.write_bytes(pointer.read_bytes()[:20])

    look(champions, clock)

    assert served(champions) == "v1"
    assert served(champions, "pm10") == "other"
    assert prometheus.get_sample_value("app_predict_model_load_failures_total", {"measure": "pm25"}) == 1


def golden(**changed):
    count = 4
    inputs = dict(zip(INPUTS, (np.ones((count, 24), dtype=np.float32) for _ in INPUTS), strict=True))
    answer = an_anchored_network(tuple(inputs.values()))
    return npz({**inputs, GOLDEN_ANSWER: answer} | changed)


def test_while_the_registry_is_away_the_champions_of_before_serve(champions, registry, store, clock):
    promote(registry, "v1")
    look(champions, clock)
    promote(registry, "v2")
    store.is_away = True
    look(champions, clock)

    assert served(champions) == "v1"
    store.is_away = False
    look(champions, clock)
    assert served(champions) == "v2"


def test_before_the_registry_first_answers_nobody_knows_the_champions(champions, registry, store):
    promote(registry, "v1")
    store.is_away = True
    with pytest.raises(UnavailableError):
        champions.look()

    store.is_away = False
    champions.look()  # at once, not after the usual time
    assert served(champions) == "v1"


def npz(arrays):
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def test_a_network_that_answers_its_golden_batch_as_before_is_taken():
    require_golden(ModelBundle(a_card(), an_anchored_network), golden())


@pytest.mark.parametrize("wrong", ["off", "nan", "missing", "cut short"])
def test_a_network_that_does_not_is_refused(wrong):
    batch = golden()
    bundle = ModelBundle(a_card(), an_anchored_network)
    if wrong == "off":
        bundle = ModelBundle(a_card(), lambda inputs: an_anchored_network(inputs) + 1e-3)
    elif wrong == "nan":
        bundle = ModelBundle(a_card(), lambda inputs: an_anchored_network(inputs) * np.nan)
    elif wrong == "missing":
        batch = npz({"past": np.ones(3)})
    else:
        batch = batch[:100]

    with pytest.raises(BadInputError, match="golden"):
        require_golden(bundle, batch)
