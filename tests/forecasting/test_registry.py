"""The registry: whole versions, one pointer, nothing served that was not promoted; in a folder and at S3."""

import threading

import obstore
import pytest
from pydantic_settings import SettingsConfigDict

from contracts.errors import BadInputError, UnavailableError
from forecasting.card import decoded_card, encoded_card
from forecasting.folder_store import FolderStore
from forecasting.registry import ModelRegistry
from forecasting.registry_settings import RegistrySettings, opened_registry
from runtime.object_store import ObjectStore
from runtime.settings import SettingsError, read_settings
from tests.forecasting.builders import a_blend_card, a_card

ON_BOTH = pytest.mark.parametrize(
    "store", ["folder", pytest.param("s3", marks=pytest.mark.integration)], indirect=True
)
FIRST, SECOND = "20190501T000000Z-00000001", "20190502T000000Z-00000002"


def a_blend(version=FIRST, **members):
    return a_card(kind="blend", baseline=a_blend_card(), version=version, **members)


@pytest.fixture
def store(request, tmp_path):
    if getattr(request, "param", "folder") == "folder":
        return FolderStore(tmp_path)
    s3 = request.getfixturevalue("s3")
    return ObjectStore(s3.bucket, tmp_path.name, s3.access())


@pytest.fixture
def registry(store):
    return ModelRegistry(store)


def remove(store, path):
    if isinstance(store, ObjectStore):
        obstore.delete(store._store, path)
    else:
        (store._root / path).unlink()


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


@ON_BOTH
def test_without_a_promotion_there_is_no_champion(registry):
    add(registry, a_blend())

    assert registry.load_champion("pm25") is None
    assert (registry.measures(), registry.versions("pm25")) == (["pm25"], [FIRST])


@ON_BOTH
def test_the_champion_is_what_the_pointer_names(registry):
    add(registry, a_blend())
    registry.point("pm25", add(registry, a_blend(SECOND)))

    assert registry.load_champion("pm25").card.version == SECOND
    assert [each.version for each in registry.history("pm25")] == [SECOND]


@ON_BOTH
def test_a_file_that_changed_after_its_promotion_is_not_served(registry, store):
    registry.point("pm25", add(registry, a_blend()))
    path = f"pm25/{FIRST}/model.json"
    store.replace(path, store.read(path) + b" ")

    with pytest.raises(BadInputError, match="changed_model"):
        registry.load_champion("pm25")


@ON_BOTH
def test_a_missing_file_is_told(registry, store):
    registry.point("pm25", add(registry, a_blend()))
    remove(store, f"pm25/{FIRST}/model.json")

    with pytest.raises(BadInputError, match="unknown_model"):
        registry.load_champion("pm25")


@ON_BOTH
def test_a_version_never_changes(registry):
    add(registry, a_blend())

    with pytest.raises(BadInputError, match="known_model"):
        registry.add(a_blend(), {"model.json": b"other"})
    assert registry.card("pm25", FIRST) == a_blend()


@ON_BOTH
def test_a_version_without_its_card_is_none(registry, store):
    store.replace(f"pm25/{FIRST}/model.tflite", b"the upload broke off here")

    assert registry.versions("pm25") == []
    with pytest.raises(BadInputError, match="unknown_model"):
        registry.model("pm25", FIRST)


@ON_BOTH
def test_a_pointer_that_cannot_be_read_is_told(registry, store):
    add(registry, a_blend())
    store.replace("pm25/champion.json", b"{")

    with pytest.raises(BadInputError, match="bad_pointer"):
        registry.champion("pm25")


@ON_BOTH
def test_who_reads_while_champions_are_swapped_always_reads_a_whole_one(registry):
    pointers = [add(registry, a_blend(version)) for version in (FIRST, SECOND)]
    registry.point("pm25", pointers[0])
    done = threading.Event()

    def swap():
        for number in range(1, 31):
            registry.point("pm25", pointers[number % 2])
        done.set()

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = set()
    while not done.is_set():
        seen.add(registry.load_champion("pm25").card.version)
    swapping.join()

    assert seen == {FIRST, SECOND}
    assert len(list(registry.history("pm25"))) == 31


@pytest.mark.integration
def test_two_who_write_the_history_at_once_lose_no_line(s3, tmp_path):
    stores = [ObjectStore(s3.bucket, tmp_path.name, s3.access()) for _ in range(2)]

    def write(store):
        for number in range(10):
            store.append("pm25/champions.jsonl", str(number).encode())

    threads = [threading.Thread(target=write, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    lines = stores[0].read("pm25/champions.jsonl").splitlines()
    assert sorted(map(int, lines)) == sorted([*range(10), *range(10)])


class SomeRoomSettings(RegistrySettings):
    model_config = SettingsConfigDict(env_prefix="SOME_ROOM_")


def settings_of(s3, registry, tmp_path, **wrong):
    secret = tmp_path / "secret"
    secret.write_text(wrong.pop("secret", s3.secret_key))
    given = {
        "registry": registry, "s3_endpoint": s3.endpoint, "s3_access_key_id": s3.access_key_id,
        "s3_secret_key_file": secret,
    }  # fmt: skip
    return read_settings(SomeRoomSettings, **(given | wrong))


@pytest.mark.integration
def test_the_settings_open_a_registry_at_s3_and_what_is_wrong_with_them_is_named(s3, tmp_path):
    place = f"s3://{s3.bucket}/{tmp_path.name}"
    add(opened_registry(settings_of(s3, place, tmp_path)), a_blend())

    assert opened_registry(settings_of(s3, place, tmp_path)).versions("pm25") == [FIRST]
    with pytest.raises(UnavailableError, match="refuses us"):
        opened_registry(settings_of(s3, place, tmp_path, secret="guessed")).versions("pm25")
    with pytest.raises(UnavailableError, match="no bucket nowhere"):
        opened_registry(settings_of(s3, "s3://nowhere/models", tmp_path)).champion("pm25")
    with pytest.raises(UnavailableError, match="no answer from s3://"):
        away = settings_of(s3, place, tmp_path, s3_endpoint="http://127.0.0.1:9")
        opened_registry(away).champion("pm25")


def test_a_store_that_is_named_wants_a_key_and_its_secret(tmp_path):
    named = {"registry": "s3://models", "s3_endpoint": "http://store:9000"}
    gone = {"s3_access_key_id": "someone", "s3_secret_key_file": tmp_path / "gone"}

    with pytest.raises(SettingsError, match="SOME_ROOM_S3_ACCESS_KEY_ID is not set"):
        read_settings(SomeRoomSettings, **named)
    with pytest.raises(SettingsError, match="SOME_ROOM_S3_SECRET_KEY_FILE is not set"):
        read_settings(SomeRoomSettings, **named, s3_access_key_id="someone")
    with pytest.raises(SettingsError, match="SOME_ROOM_S3_SECRET_KEY_FILE=.*gone"):
        opened_registry(read_settings(SomeRoomSettings, **named, **gone))
