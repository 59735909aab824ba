"""What the collector can be told."""

import pytest

from collector.settings import Settings, read_token
from contracts.stored import ORG
from runtime.settings import SettingsError, read_settings


def settings(**given):
    usual = {
        "kafka_bootstrap_servers": "localhost:9092",
        "influx_url": "http://localhost:8086",
        "influx_token_file": "/nowhere/token",
        "metrics_port": 0,
    }
    return read_settings(Settings, **{**usual, **given})


def test_the_defaults_are_the_contracts():
    assert settings().influx_org == ORG


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("COLLECTOR_BATCH_LINES", "100")

    assert settings().batch_lines == 100


def test_an_unknown_client_is_named():
    with pytest.raises(SettingsError, match=r"COLLECTOR_KAFKA_CLIENT is wrong.*kafka-python"):
        settings(kafka_client="librdkafka")


def test_the_token_is_read_without_its_newline(tmp_path):
    (tmp_path / "token").write_text("secret\n")

    assert read_token(settings(influx_token_file=tmp_path / "token")) == "secret"


def test_a_missing_token_file_is_named_with_the_remedy():
    with pytest.raises(
        SettingsError, match=r"COLLECTOR_INFLUX_TOKEN_FILE=/nowhere/token: .*No such file.*Set"
    ):
        read_token(settings())


def test_an_empty_token_file_is_named(tmp_path):
    (tmp_path / "token").touch()

    with pytest.raises(SettingsError, match="file is empty"):
        read_token(settings(influx_token_file=tmp_path / "token"))
