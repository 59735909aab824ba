"""Topics, bucket and tokens are made once; a second run changes nothing, and a difference is told."""

import stat
from dataclasses import replace

import pytest
import requests
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from collector.bootstrap import OPERATOR_TOKEN, TokenFolder, bootstrap, operator_token_in, store_secret
from collector.bootstrap.tokens import SCOPES
from contracts.errors import UnavailableError
from contracts.stored import LIVE_BUCKET, ORG, RETENTION_S_BY_BUCKET
from contracts.topics import DEAD_LETTERS, MEASURE_TOPICS, READINGS_RAW, TOPICS
from local_stack.provisioning import create_topics, provision
from local_stack.settings import Settings
from local_stack.single import running_influxd

pytestmark = pytest.mark.integration


@pytest.fixture
def admin(kafka):
    client = KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    yield client
    client.close()


@pytest.fixture
def settings(kafka, influx, tmp_path):
    token_file = tmp_path / "given.token"
    store_secret(token_file, influx.operator_token)
    return Settings(
        data_dir=tmp_path,
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        influx_url=influx.url,
        influx_operator_token_file=token_file,
    )


def test_everything_is_there_after_one_run_and_a_second_says_and_changes_nothing(settings, admin):
    provision(settings, lambda _line: None)
    tokens = {path.name: path.read_text() for path in settings.secrets_dir.iterdir()}
    told = []
    provision(settings, told.append)

    assert told == []
    assert {path.name: path.read_text() for path in settings.secrets_dir.iterdir()} == tokens
    assert set(admin.list_topics()) >= {topic.name for topic in TOPICS}
    described = {each["name"]: len(each["partitions"]) for each in admin.describe_topics()}
    assert {topic.name: described[topic.name] for topic in TOPICS} == {
        topic.name: topic.partitions for topic in TOPICS
    }


def test_every_topic_has_its_settings(settings, admin):
    provision(settings, lambda _line: None)
    for topic in TOPICS:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
        (configs,) = admin.describe_configs([resource], config_filter="all").values()
        assert {name: configs[topic.name][name]["value"] for name in topic.config} == topic.config


def test_a_topic_that_differs_is_told_and_left_as_it_is(settings, admin):
    provision(settings, lambda _line: None)
    told = []
    wanted = [
        replace(READINGS_RAW, partitions=99),
        replace(DEAD_LETTERS, retention_bytes=1),
        MEASURE_TOPICS["pm10"],
    ]
    create_topics(settings.kafka_address, wanted, told.append)

    assert told == [
        "topic readings-raw-v1 has 4 partitions and should have 99; it is left as it is",
        f"topic dead-letters-v1 has retention.bytes={DEAD_LETTERS.retention_bytes} and should have 1; "
        "it is left as it is",
    ]
    assert len(admin.describe_topics([READINGS_RAW.name])[0]["partitions"]) == READINGS_RAW.partitions


def test_secrets_are_for_the_owner_alone(settings):
    provision(settings, lambda _line: None)

    files = list(settings.secrets_dir.iterdir())
    assert {path.name for path in files} == {f"{scope.name}.token" for scope in SCOPES}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(settings.secrets_dir.stat().st_mode) == 0o700


def test_the_bucket_keeps_what_it_should(influx):
    headers = {"Authorization": f"Token {influx.operator_token}"}
    answer = requests.get(
        f"{influx.url}/api/v2/buckets", params={"name": LIVE_BUCKET}, headers=headers, timeout=10
    )
    (bucket,) = answer.json()["buckets"]

    assert bucket["retentionRules"][0]["everySeconds"] == RETENTION_S_BY_BUCKET[LIVE_BUCKET]


def test_lost_tokens_are_made_again_and_work(settings, influx):
    provision(settings, lambda _line: None)
    (settings.secrets_dir / "reader.token").unlink()
    provision(settings, lambda _line: None)

    headers = {"Authorization": f"Token {(settings.secrets_dir / 'reader.token').read_text()}"}
    answer = requests.get(
        f"{influx.url}/query",
        params={"db": LIVE_BUCKET, "q": "SHOW MEASUREMENTS"},
        headers=headers,
        timeout=10,
    )
    assert answer.ok


def test_tokens_of_a_wiped_influxdb_are_replaced(tmp_path):
    store_secret(tmp_path / "secrets" / "reader.token", "of an earlier life")
    with running_influxd(tmp_path) as influx:
        assert influx.read_token != "of an earlier life"


def test_an_influxdb_that_somebody_else_set_up_is_refused_with_the_reason(influx, tmp_path):
    with pytest.raises(UnavailableError, match="does not know our operator token"):
        bootstrap(url=influx.url, org=ORG, operator_token="another", tokens=TokenFolder(tmp_path))


def test_the_operator_token_is_made_once(tmp_path):
    token = operator_token_in(tmp_path)

    assert operator_token_in(tmp_path) == token
    assert len(token) >= 32
    assert stat.S_IMODE((tmp_path / OPERATOR_TOKEN).stat().st_mode) == 0o600


def test_an_operator_token_file_that_is_not_there_is_named_with_its_setting(settings, tmp_path):
    changed = settings.model_copy(update={"influx_operator_token_file": tmp_path / "nowhere"})

    with pytest.raises(UnavailableError, match="LOCAL_STACK_INFLUX_OPERATOR_TOKEN_FILE"):
        provision(changed, lambda _line: None)
