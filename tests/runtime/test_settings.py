"""Settings are read once, and what is missing is named."""

import pytest
from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from runtime.settings import RoomSettings, SettingsError, read_settings


class Settings(RoomSettings):
    model_config = SettingsConfigDict(env_prefix="KITCHEN_")

    stove_url: str = Field(description="where the stove is")
    heat_s: float = Field(default=5.0, ge=0.0)


def test_a_missing_setting_is_named_with_its_meaning(monkeypatch):
    monkeypatch.delenv("KITCHEN_STOVE_URL", raising=False)

    with pytest.raises(SettingsError, match=r"KITCHEN_STOVE_URL is not set \(where the stove is\)"):
        read_settings(Settings)


def test_a_wrong_setting_is_named(monkeypatch):
    monkeypatch.setenv("KITCHEN_STOVE_URL", "http://stove")
    monkeypatch.setenv("KITCHEN_HEAT_S", "-1")

    with pytest.raises(SettingsError, match="KITCHEN_HEAT_S is wrong"):
        read_settings(Settings)


def test_what_is_given_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("KITCHEN_STOVE_URL", "http://stove")
    monkeypatch.setenv("KITCHEN_HEAT_S", "7")

    assert read_settings(Settings, heat_s=9.0).heat_s == 9.0
    assert read_settings(Settings, heat_s=None).heat_s == 7.0


def test_settings_cannot_be_changed(monkeypatch):
    monkeypatch.setenv("KITCHEN_STOVE_URL", "http://stove")

    with pytest.raises(ValueError, match="frozen"):
        read_settings(Settings).heat_s = 1.0


class Polite(Settings):
    @model_validator(mode="after")
    def _be_polite(self):
        if self.heat_s > 100.0:
            raise ValueError("KITCHEN_HEAT_S is over 100: nobody eats charcoal")
        return self


def test_an_error_about_several_settings_speaks_for_itself(monkeypatch):
    monkeypatch.setenv("KITCHEN_STOVE_URL", "http://stove")

    with pytest.raises(SettingsError) as refused:
        read_settings(Polite, heat_s=101.0)

    assert str(refused.value) == "KITCHEN_HEAT_S is over 100: nobody eats charcoal."
