"""The live network is asked politely or not at all."""

import pytest

from runtime.settings import SettingsError, read_settings
from scraper.settings import LIVE_URL, Settings

GIVEN = {"kafka_bootstrap_servers": "127.0.0.1:1", "redis_url": "redis://127.0.0.1:1/0"}
RECORDING = "http://127.0.0.1:19080/static/v1/data.json"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in ("SCRAPER_CONTACT", "SCRAPER_SOURCE_URL", "SCRAPER_POLL_INTERVAL_S"):
        monkeypatch.delenv(name, raising=False)


def test_the_live_network_wants_a_contact():
    with pytest.raises(SettingsError, match="SCRAPER_CONTACT is not set"):
        read_settings(Settings, **GIVEN)


def test_the_live_network_is_asked_at_most_once_a_minute():
    with pytest.raises(SettingsError, match="SCRAPER_POLL_INTERVAL_S is under 60"):
        read_settings(Settings, **GIVEN, contact="me@example.org", poll_interval_s=59.0)


def test_with_a_contact_the_live_network_is_the_default():
    assert read_settings(Settings, **GIVEN, contact="me@example.org").source_url == LIVE_URL


def test_a_recording_on_this_machine_wants_no_contact_and_may_be_hurried():
    settings = read_settings(Settings, **GIVEN, source_url=RECORDING, poll_interval_s=0.0)

    assert not settings.is_live


@pytest.mark.parametrize("url", ["http://127.0.0.1.example.org/data.json", "http://192.0.2.7/data.json"])
def test_what_only_looks_like_this_machine_is_somebody_elses(url):
    with pytest.raises(SettingsError, match="SCRAPER_CONTACT"):
        read_settings(Settings, **GIVEN, source_url=url)


def test_no_reading_is_taken_that_the_broker_would_refuse():
    with pytest.raises(SettingsError, match="SCRAPER_FUTURE_S_MAX"):
        read_settings(Settings, **GIVEN, source_url=RECORDING, future_s_max=3601.0)


@pytest.mark.parametrize("contact", ["", "  ", "a\nb", "\u0141\u00f3d\u017a me@example.org"])
def test_a_contact_that_tells_nobody_or_fits_no_header_is_refused(contact):
    with pytest.raises(SettingsError, match="SCRAPER_CONTACT"):
        read_settings(Settings, **GIVEN, contact=contact)


def test_places_are_not_refined_unless_asked_for():
    assert not read_settings(Settings, **GIVEN, source_url=RECORDING).refine_places


def test_nominatim_wants_a_contact_too():
    with pytest.raises(SettingsError, match="SCRAPER_CONTACT is not set: Nominatim"):
        read_settings(Settings, **GIVEN, source_url=RECORDING, refine_places=True)


def test_a_nominatim_on_this_machine_wants_no_contact():
    url = "http://127.0.0.1:8080/nominatim"

    assert read_settings(
        Settings, **GIVEN, source_url=RECORDING, refine_places=True, nominatim_url=url
    ).refine_places


@pytest.mark.parametrize(
    "url", ["nominatim.openstreetmap.org", "ftp://nominatim.openstreetmap.org", "https://"]
)
def test_a_nominatim_without_an_address_is_refused(url):
    with pytest.raises(SettingsError, match="SCRAPER_NOMINATIM_URL is wrong"):
        read_settings(Settings, **GIVEN, source_url=RECORDING, nominatim_url=url)
