"""The environment that the chart gives a room is one that the room accepts, name by name."""

import pytest

from app_predict.settings import Settings as PredictorSettings
from collector.bootstrap.settings import BootstrapSettings
from collector.settings import Settings as CollectorSettings
from flink_jobs.environment import flink_configuration
from flink_jobs.settings import JobSettings
from flink_jobs.settings import Settings as FlinkSettings
from live_page.settings import Settings as LivePageSettings
from runtime.settings import environment_name, read_settings
from scraper.settings import Settings as ScraperSettings
from tests.kubernetes.rendering import (
    BUCKET_OF_OTHERS,
    BUCKET_OF_OURS,
    PROFILES,
    SERVERS_OF_OTHERS,
    of_kind,
    pod_specs,
    rendered,
)

pytestmark = pytest.mark.kubernetes

SETTINGS_BY_PREFIX = {
    "SCRAPER_": ScraperSettings,
    "COLLECTOR_": CollectorSettings,
    "APP_PREDICT_": PredictorSettings,
    "LIVE_PAGE_": LivePageSettings,
    "FLINK_JOBS_": JobSettings,
    "BOOTSTRAP_": BootstrapSettings,
}
# What is not a setting of ours.
OF_OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET", "GOGC", "HOME"}
# Given by the image itself, with the champions that came with it.
OF_THE_IMAGE = {"APP_PREDICT_REGISTRY": "/champions"}
OF_THE_TESTS = ("READY_", "ARRIVING_")


SETS_BY_SHAPE = {
    "servers of others": SERVERS_OF_OTHERS,
    "bucket of ours": BUCKET_OF_OURS,
    "bucket of others": BUCKET_OF_OTHERS,
}
SHAPES = [*((profile,) for profile in PROFILES), *(("default", *sets) for sets in SETS_BY_SHAPE.values())]
BY_SHAPE = pytest.mark.parametrize("shape", SHAPES, ids=[*PROFILES, *SETS_BY_SHAPE])


def environments(documents):
    for name, _, spec in pod_specs(documents):
        for container in spec["containers"]:
            given = {each["name"]: each.get("value", "") for each in container.get("env", [])}
            ours = {key: value for key, value in given.items() if key not in OF_OTHERS}
            if ours and not next(iter(ours)).startswith(OF_THE_TESTS):
                yield name, ours, container, spec


def settings_of(environment):
    first = next(iter(environment))
    return next(each for prefix, each in SETTINGS_BY_PREFIX.items() if first.startswith(prefix))


def given_rooms(documents):
    return {settings_of(environment) for _, environment, _, _ in environments(documents)}


@BY_SHAPE
def test_every_name_is_a_setting_of_the_room(shape):
    for name, environment, _, _ in environments(rendered(*shape)):
        settings = settings_of(environment)
        known = {environment_name(settings, field) for field in settings.model_fields}
        assert set(environment) <= known, name


@BY_SHAPE
def test_every_room_is_there_and_accepts_what_it_is_given(shape, monkeypatch):
    assert given_rooms(rendered(*shape)) == set(SETTINGS_BY_PREFIX.values())
    for _, environment, _, _ in environments(rendered(*shape)):
        with monkeypatch.context() as patch:
            for key, value in (OF_THE_IMAGE | environment).items():
                patch.setenv(key, value)
            read_settings(settings_of(environment))


@BY_SHAPE
def test_every_file_that_a_room_is_told_of_is_mounted(shape):
    for name, environment, container, spec in environments(rendered(*shape)):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        items = {
            volume["name"]: {item["path"] for item in volume["secret"]["items"]}
            for volume in spec["volumes"]
            if "items" in volume.get("secret", {})
        }
        for key, value in environment.items():
            if key.endswith("_FILE"):
                folder, _, file = value.rpartition("/")
                assert file in items[mounts[folder]], f"{name}: {key}"


def test_a_bucket_of_models_is_opened_with_the_keys_of_its_secret():
    for sets, secret, endpoint in (
        (BUCKET_OF_OURS, "luftstrom-object-store", "http://luftstrom-object-store:8333"),
        (BUCKET_OF_OTHERS, "models", "https://s3.example.org:9000"),
    ):
        documents = rendered("default", *sets)
        spec = of_kind(documents, "StatefulSet")["luftstrom-predictor"]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        given = {each["name"]: each.get("value") or each["valueFrom"] for each in container["env"]}
        (volume,) = [each["secret"] for each in spec["volumes"] if each["name"] == "registry-key"]

        assert given["APP_PREDICT_S3_ENDPOINT"] == endpoint
        assert given["APP_PREDICT_S3_ACCESS_KEY_ID"] == {
            "secretKeyRef": {"name": secret, "key": "access-key"}
        }
        assert (volume["secretName"], volume["items"]) == (
            secret,
            [{"key": "secret-key", "path": "secret-key"}],
        )


def test_a_setting_beside_the_charts_own_is_handed_on():
    documents = rendered("default", "collector.settings.COLLECTOR_BATCH_LINES=77")
    environment = next(each for _, each, _, _ in environments(documents) if "COLLECTOR_BATCH_LINES" in each)

    assert environment["COLLECTOR_BATCH_LINES"] == "77"


SHARED_WITH_ONE_MACHINE = (
    "execution.checkpointing.", "restart-strategy", "web.", "metrics.reporter", "state.backend.rocksdb.",
)  # fmt: skip


def test_checkpoints_and_restarts_are_those_of_one_machine(tmp_path):
    settings = FlinkSettings(
        kafka_bootstrap_servers="x:1", state_dir=tmp_path, connector_jars_dir=tmp_path, cache_dir=tmp_path
    )
    here = flink_configuration("all", settings, restore_from=None)
    there = of_kind(rendered("default"), "FlinkDeployment")["luftstrom-all"]["spec"]["flinkConfiguration"]
    same = {
        key: value
        for key, value in here.items()
        if key.startswith(SHARED_WITH_ONE_MACHINE)
        and not key.endswith((".dir", "-dir", ".interval", ".port"))
    }

    assert len(same) >= 10
    assert same == {key: there.get(key) for key in same}
