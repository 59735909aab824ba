"""What is missing or wrong is named, with what to do."""

import pytest

from app_predict.settings import Settings, read_token
from runtime.settings import SettingsError, read_settings

GIVEN = {
    "kafka_bootstrap_servers": "k:9092",
    "influx_url": "http://i:8086",
    "influx_token_file": "/nowhere/token",
    "registry": "models",
    "state_dir": "state",
    "metrics_port": 0,
}


def test_what_differs_between_places_has_no_default():
    with pytest.raises(SettingsError) as error:
        read_settings(Settings)

    for name in GIVEN:
        assert f"APP_PREDICT_{name.upper()} is not set" in str(error.value)


def test_measures_are_listed_with_commas_and_each_once():
    settings = read_settings(Settings, **GIVEN, measures="pm25, noise_laeq,pm25")

    assert settings.measure_names == ("pm25", "noise_laeq")


@pytest.mark.parametrize("measures", ["pm25,pm3", ""])
def test_a_measure_that_is_none_is_refused_with_those_there_are(measures):
    with pytest.raises(SettingsError, match="APP_PREDICT_MEASURES is wrong.*temperature"):
        read_settings(Settings, **GIVEN, measures=measures)


def test_a_token_file_that_is_missing_or_empty_is_named(tmp_path):
    with pytest.raises(SettingsError, match="APP_PREDICT_INFLUX_TOKEN_FILE=/nowhere/token: .*No such file"):
        read_token(read_settings(Settings, **GIVEN))

    (tmp_path / "token").touch()
    with pytest.raises(SettingsError, match="file is empty"):
        read_token(read_settings(Settings, **(GIVEN | {"influx_token_file": str(tmp_path / "token")})))
