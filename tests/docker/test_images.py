"""The images of the Python services, built for real and run as on a cluster: no root, nothing writable."""

import json
import re
import time
from pathlib import Path

import msgspec
import pytest
import requests

from contracts.stored import LIVE_BUCKET
from contracts.topics import MEASURE_TOPICS, TOPICS
from forecasting.folder_store import FolderStore
from forecasting.registry import ModelRegistry
from local_stack.ports import free_ports
from local_stack.settings import CHAMPIONS
from runtime.influx_reader import InfluxReader
from runtime.kafka_publisher import KafkaPublisher
from runtime.topic_setup import create_topics
from tests.docker.builder import BASE, MB

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
BUDGET_MB = {"scraper": 200, "collector": 200}
BUDGET_OVER_BASE_MB = {"app-predict": 320}
MISSING_SETTING = {
    "scraper": "SCRAPER_KAFKA_BOOTSTRAP_SERVERS is not set",
    "collector": "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS is not set",
    "app-predict": "APP_PREDICT_KAFKA_BOOTSTRAP_SERVERS is not set",
    "live-page": "LIVE_PAGE_INFLUX_URL is not set",
}
WAIT_S = 120


@pytest.mark.parametrize("service", MISSING_SETTING)
def test_a_service_that_misses_a_setting_names_it(service, image, containers):
    ended = containers.run(image(service))

    assert ended.returncode == 2
    assert MISSING_SETTING[service] in ended.stderr


@pytest.mark.parametrize("service", ["scraper", "app-predict", "command"])
def test_help_teaches(service, image, containers):
    ended = containers.run(image(service), "--help")

    assert ended.returncode == 0, ended.stderr
    assert "usage" in ended.stdout.lower()


@pytest.mark.parametrize("service", [*MISSING_SETTING, "command"])
def test_an_image_runs_as_nobody_and_says_what_it_is(service, image, builder):
    told = builder.configuration(image(service))

    assert told["User"] == "10001:10001"
    assert told["Entrypoint"] == ["/opt/luftstrom/bin/service"]
    assert told["StopSignal"] == "SIGTERM"
    assert told["Labels"]["org.opencontainers.image.title"] == f"luftstrom {service}"
    assert re.fullmatch(r"\d+\.\d+\.\d+", told["Labels"]["org.opencontainers.image.version"])


@pytest.mark.parametrize("service", BUDGET_MB)
def test_a_small_service_is_a_small_image(service, image, builder):
    assert builder.size(image(service)) <= BUDGET_MB[service] * MB


@pytest.mark.parametrize("service", BUDGET_OVER_BASE_MB)
def test_the_predictor_adds_little_to_its_base(service, image, builder):
    assert builder.size(image(service)) - builder.size(BASE) <= BUDGET_OVER_BASE_MB[service] * MB


def test_the_collector_image_moves_a_message_from_kafka_to_influxdb(
    image, containers, kafka, influx, tmp_path
):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    topic = MEASURE_TOPICS["pm10"].name
    value = a_value(sensor_id=880_017)
    publisher = KafkaPublisher(kafka.bootstrap_servers, client_id="test")
    publisher.publish(topic, msgspec.json.encode(value), key="880017", timestamp_ms=int(time.time() * 1000))
    publisher.flush()
    publisher.close()
    token = tmp_path / "token"
    token.write_text(influx.write_token)
    token.chmod(0o444)
    (port,) = free_ports(1)
    environment = {
        "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "COLLECTOR_INFLUX_URL": influx.url,
        "COLLECTOR_INFLUX_TOKEN_FILE": "/tmp/token",
        "COLLECTOR_METRICS_PORT": str(port),
        "COLLECTOR_GROUP_ID": "of-the-image",
    }
    mounts = [(token, "/tmp/token", "ro")]
    log = tmp_path / "log"
    reader = InfluxReader(url=influx.url, token=influx.read_token)
    query = "SELECT pm10_ug_m3 FROM air WHERE sensor_id = '880017'"
    with containers.running(image("collector"), log=log, environment=environment, mounts=mounts):
        rows = waited(lambda: reader.query(LIVE_BUCKET, query), log)
        health = waited(lambda: answer(f"http://127.0.0.1:{port}/readyz"), log)

    assert [row["pm10_ug_m3"] for row in rows] == [value["value"]]
    assert health["ok"]


def test_the_predictor_image_loads_every_champion_that_it_brings(image, containers):
    load = (
        "import os; from pathlib import Path; from forecasting.folder_store import FolderStore\n"
        "from forecasting.registry import ModelRegistry\n"
        "registry = ModelRegistry(FolderStore(Path(os.environ['APP_PREDICT_REGISTRY'])))\n"
        "print([name for name in registry.measures() if registry.load_champion(name) is not None])"
    )
    ended = containers.run(image("app-predict"), "-c", load, entrypoint=["python"])

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == str(ModelRegistry(FolderStore(CHAMPIONS)).measures())


def a_value(*, sensor_id):
    example = ROOT / "contracts" / "examples" / "measure" / "pm10.json"
    return json.loads(example.read_text()) | {"sensor_id": sensor_id, "observed_at_s": int(time.time())}


def answer(url):
    try:
        found = requests.get(url, timeout=5)
    except requests.ConnectionError:
        return None
    return found.json() if found.ok else None


def waited(ask, log):
    ends_at = time.monotonic() + WAIT_S
    while not (found := ask()):
        assert time.monotonic() < ends_at, log.read_text()[-3000:]
        time.sleep(0.2)
    return found
