"""The registry: whole versions, one pointer, and nothing served that was not promoted."""

import pytest

from contracts.errors import BadInputError
from forecasting.card import decoded_card, encoded_card
from forecasting.registry import ModelRegistry
from tests.forecasting.builders import a_blend_card, a_card


def a_blend(version="20190501T000000Z-00000001", **members):
    return a_card(kind="blend", baseline=a_blend_card(), version=version, **members)


@pytest.fixture
def registry(tmp_path):
    return ModelRegistry(tmp_path)


def add(registry, card):
    registry.add(card, {"model.json": encoded_card(card)})
    return registry.pointer_to(card.measure, card.version, at_s=1, by="test", reason="test")


def test_a_card_says_the_same_after_a_journey():
    card = a_blend()

    assert decoded_card(encoded_card(card)) == card


@pytest.mark.parametrize("body", [b"", b"{}", b'{"kind": "pickle"}', b"\x80\x04"])
def test_what_is_no_card_is_refused(body):
    with pytest.raises(BadInputError, match="bad_model_card"):
        decoded_card(body)


def test_without_a_promotion_there_is_no_champion(registry):
    add(registry, a_blend())

    assert registry.load_champion("pm25") is None


def test_the_champion_is_what_the_pointer_names(registry):
    add(registry, a_blend())
    registry.point("pm25", add(registry, a_blend("20190502T000000Z-00000002")))

    assert registry.load_champion("pm25").card.version == "20190502T000000Z-00000002"
    assert [each.version for each in registry.history("pm25")] == ["20190502T000000Z-00000002"]


def test_a_file_that_changed_after_its_promotion_is_not_served(registry):
    registry.point("pm25", add(registry, a_blend()))
    path = registry.folder("pm25", a_blend().version) / "model.json"
    path.write_bytes(path.read_bytes() + b" ")

    with pytest.raises(BadInputError, match="changed_model"):
        registry.load_champion("pm25")


def test_a_missing_file_is_told(registry):
    registry.point("pm25", add(registry, a_blend()))
    (registry.folder("pm25", a_blend().version) / "model.json").unlink()

    with pytest.raises(BadInputError, match="unknown_model"):
        registry.load_champion("pm25")


def test_a_version_never_changes(registry):
    add(registry, a_blend())

    with pytest.raises(BadInputError, match="known_model"):
        add(registry, a_blend())


def test_a_pointer_that_cannot_be_read_is_told(registry):
    add(registry, a_blend())
    (registry.root / "pm25" / "champion.json").write_text("{")

    with pytest.raises(BadInputError, match="bad_pointer"):
        registry.champion("pm25")
