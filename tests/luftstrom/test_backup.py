"""Back up, wipe, restore: the same answers; and a damaged backup is refused before anything is touched."""

import shutil

import msgspec
import pytest

from collector.bootstrap import OPERATOR_TOKEN, store_secret
from collector.influx_api import InfluxApi
from contracts.errors import BadInputError, UnavailableError
from contracts.stored import BUCKETS
from contracts.topics import MEASURE_TOPICS, TOPICS
from local_stack.provisioning import create_topics, provision
from local_stack.settings import Settings
from local_stack.single import running_influxd, running_valkey
from luftstrom import backups
from luftstrom.backup_folder import MANIFEST, checked_manifest, new_folder
from luftstrom.connections import connections
from luftstrom.ledger import COLLECTOR_GROUP
from runtime.group_offsets import committed_offsets, put_back
from runtime.influx_reader import InfluxReader
from runtime.log_interfaces import Partition
from scraper.memory import Memory
from tests.luftstrom.stored_air import a_sensor_id, this_hour_s, write_hours, write_values

PM10 = MEASURE_TOPICS["pm10"]
QUERIES = (
    ("live", "SELECT * FROM air WHERE time < now() + 1d"),
    (
        "live",
        "SELECT count(pm10_ug_m3), mean(pm10_ug_m3) FROM air WHERE time < now() + 1d GROUP BY sensor_id",
    ),
    ("hourly", "SELECT * FROM air_1h WHERE time < now() + 1d"),
    ("daily", "SHOW MEASUREMENTS"),
)


def settings_of(influx, kafka, valkey, folder):
    """A data folder with the operator token as its one secret."""
    store_secret(folder / "given" / OPERATOR_TOKEN, influx.operator_token)
    settings = Settings(
        data_dir=folder,
        influx_url=influx.url,
        influx_operator_token_file=folder / "given" / OPERATOR_TOKEN,
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        redis_url=valkey.url,
    )
    provision(settings, lambda _line: None)
    return settings


def answers(settings):
    token = (settings.secrets_dir / "reader.token").read_text()
    reader = InfluxReader(url=settings.influx_url, token=token)
    return [reader.query(bucket, query) for bucket, query in QUERIES]


def back_up(settings, folder):
    return backups.back_up(settings, folder, on_progress=lambda *_given: None, tell=lambda _line: None)


def restore(settings, folder, *, replace=False):
    told = []
    backups.restore(settings, folder, replace=replace, on_progress=lambda *_given: None, tell=told.append)
    return " ".join(told)


def offsets_of_pm10(settings):
    found = committed_offsets(settings.kafka_address, COLLECTOR_GROUP)
    return {each: at for each, at in found.items() if each.topic == PM10.name}


@pytest.fixture(scope="module")
def backed_up(kafka, tmp_path_factory):
    """A small system, its backup, and what it answered."""
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    root, from_s = tmp_path_factory.mktemp("backup"), this_hour_s() - 20 * 86_400
    with running_influxd(root) as influx, running_valkey(root) as valkey:
        settings = settings_of(influx, kafka, valkey, root / "data")
        for sensor_id in (a_sensor_id(), a_sensor_id()):
            write_values(
                influx, "pm10", sensor_id, [1.5 * n for n in range(500)], from_s=from_s, every_s=3000
            )
            write_hours(influx, "pm10", sensor_id, [1.0, 2.0], from_s=from_s - 400 * 86_400)
        with connections(settings) as connected:
            totals = {"fetched": 1, "published": 1, "values_published": 1_000}
            Memory(connected.redis_client).advance("a file", 7, totals)
        put_back(settings.kafka_address, COLLECTOR_GROUP, {Partition(PM10.name, 0): 0})
        manifest = back_up(settings, root / "copy")
        yield root / "copy", manifest, answers(settings)


@pytest.fixture
def wiped(kafka, tmp_path):
    """New servers with nothing in them, and another operator token; the same Kafka."""
    with running_influxd(tmp_path) as influx, running_valkey(tmp_path) as valkey:
        yield settings_of(influx, kafka, valkey, tmp_path / "data")


@pytest.mark.integration
def test_what_was_wiped_answers_as_before_with_the_operator_token_alone(backed_up, wiped):
    folder, _, before = backed_up
    shutil.rmtree(wiped.secrets_dir)
    told = restore(wiped, folder)

    assert answers(wiped) == before
    assert len(before[0]) == 1_000
    assert len(before[2]) == 4
    with connections(wiped) as connected:
        assert connected.ledger.door().values_published == 1_000
        assert Memory(connected.redis_client).position("a file") == 7
        assert connected.ledger.reconciliation().stored == 1_000
    assert "as they were at the backup" in told
    influx = InfluxApi(wiped.influx_url, (wiped.data_dir / "given" / OPERATOR_TOKEN).read_text())
    rules = {each["name"]: each["retentionRules"] for each in influx.get("/api/v2/buckets")["buckets"]}
    for bucket in BUCKETS:
        assert rules[bucket.name][0]["everySeconds"] == bucket.retention_s

    with pytest.raises(BadInputError, match="--replace"):
        restore(wiped, folder)
    assert "left as it is" in restore(wiped, folder, replace=True)
    assert answers(wiped) == before


@pytest.mark.integration
def test_with_the_same_kafka_the_collector_goes_back_to_where_it_was(backed_up, wiped):
    put_back(wiped.kafka_address, COLLECTOR_GROUP, {Partition(PM10.name, 0): 9})
    told = restore(wiped, backed_up[0])

    assert offsets_of_pm10(wiped)[Partition(PM10.name, 0)] == 0
    assert "reads again what came after" in told


@pytest.mark.integration
def test_with_another_kafka_what_its_letters_held_still_counts(backed_up, wiped, tmp_path):
    folder = shutil.copytree(backed_up[0], tmp_path / "copy")
    changed = msgspec.structs.replace(
        backed_up[1], kafka_cluster_id="gone", set_aside_by_reason={"not_a_number": 3}, files={}
    )
    (folder / MANIFEST).write_bytes(msgspec.json.encode(changed))
    with connections(wiped) as connected:
        before = connected.ledger.reconciliation().set_aside
    told = restore(wiped, folder)
    with connections(wiped) as connected:
        assert connected.ledger.set_aside_before() == {"not_a_number": 3}
        assert connected.ledger.reconciliation().set_aside == before + 3
    assert "is not here" in told


@pytest.mark.integration
@pytest.mark.parametrize("damage", ["truncated", "changed", "missing", "no manifest"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(backed_up, tmp_path, damage):
    folder = shutil.copytree(backed_up[0], tmp_path / "copy")
    path = max(folder.rglob("*.tar.gz"), key=lambda each: each.stat().st_size)
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-20])
    elif damage == "changed":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "missing":
        path.unlink()
    else:
        path = folder / MANIFEST
        path.unlink()
    # Nothing listens there: had anything been asked, it would be another error.
    settings = Settings(
        data_dir=tmp_path, influx_url="http://127.0.0.1:1", influx_operator_token_file=tmp_path / "none"
    )
    with pytest.raises(BadInputError, match=path.name):
        restore(settings, folder)


@pytest.mark.integration
def test_a_backup_never_overwrites_and_leaves_nothing_half(backed_up, tmp_path):
    with pytest.raises(BadInputError, match="there already"), new_folder(backed_up[0]):
        pass
    with pytest.raises(UnavailableError), new_folder(tmp_path / "copy") as made:
        (made / "half").write_text("x")
        raise UnavailableError("the store went away")

    assert list(tmp_path.iterdir()) == []
    assert checked_manifest(backed_up[0], lambda *_given: None).files
