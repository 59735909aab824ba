"""The archive service is asked politely, and again where it does not answer."""

import gzip
from datetime import date

import pytest

from contracts.errors import BadInputError, UnavailableError
from runtime.clock import SettableClock
from runtime.settings import SettingsError
from scraper.backfill import archive_service as service_module
from scraper.backfill.archive_service import ArchiveService
from scraper.backfill.settings import BackfillSettings
from tests.scraper.backfill.archive_server import serving, write_pages

DAY, OLD_DAY = date(2026, 5, 13), date(2019, 5, 13)
FILE, OLD_FILE = "2026-05-13_sds011_sensor_1.csv", "2019-05-13_sds011_sensor_1.csv.gz"
CONTENT = b"sensor_id;...\n" * 1_000
NOON_2026_S = 1_767_268_800


@pytest.fixture
def server(tmp_path):
    for path, content in ((f"{DAY}/{FILE}", CONTENT), (f"2019/{OLD_DAY}/{OLD_FILE}", gzip.compress(CONTENT))):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(content)
    write_pages(tmp_path)
    with serving(tmp_path) as server:
        yield server


def settings_of(url, **given):
    return BackfillSettings(kafka_bootstrap_servers="x:1", redis_url="redis://x", archive_url=url, **given)


def a_service(server, **given):
    return ArchiveService(settings_of(server.url, **given))


def read(service, folder, name):
    with service.opened(folder, name) as (opened, file):
        return opened, file.read()


def test_a_day_of_this_year_lies_at_the_top(server):
    folder, files = a_service(server).files_of(DAY)

    assert (folder, [listed.name for listed in files]) == ("2026-05-13", [FILE])
    assert read(a_service(server), folder, FILE) == (FILE, CONTENT)


def test_a_day_of_a_year_that_is_over_lies_in_the_folder_of_its_year(server):
    folder, files = a_service(server).files_of(OLD_DAY)

    assert (folder, [listed.name for listed in files]) == ("2019/2019-05-13", [OLD_FILE])
    assert server.asked == ["/2019/2019-05-13/"]
    name, content = read(a_service(server), folder, OLD_FILE)
    assert (name, gzip.decompress(content)) == (OLD_FILE, CONTENT)


def test_a_packing_that_the_client_undid_is_no_longer_in_the_name(server, tmp_path):
    (tmp_path / f"2019/{OLD_DAY}/{OLD_FILE}").write_bytes(CONTENT)

    assert read(a_service(server), "2019/2019-05-13", OLD_FILE) == (OLD_FILE.removesuffix(".gz"), CONTENT)


def test_a_day_that_is_nowhere_is_bad_input(server):
    with pytest.raises(BadInputError, match="no files of 2018-01-01"):
        a_service(server).files_of(date(2018, 1, 1))
    assert server.asked == ["/2018/2018-01-01/", "/2018-01-01/"]


def test_a_file_that_is_not_there_is_bad_input_and_not_asked_for_again(server):
    with pytest.raises(BadInputError, match=f"{DAY}/none.csv is not there"):
        read(a_service(server), f"{DAY}", "none.csv")
    assert server.counts[f"/{DAY}/none.csv"] == 1


def test_an_answer_that_breaks_off_or_is_none_is_asked_for_again(server):
    server.spoil(f"/{DAY}/{FILE}", "cut", (500, {}), (503, {"Retry-After": "0"}))

    assert read(a_service(server), f"{DAY}", FILE) == (FILE, CONTENT)
    assert server.counts[f"/{DAY}/{FILE}"] == 4


def test_a_service_that_stays_away_is_unavailable(server, monkeypatch):
    monkeypatch.setattr(service_module, "PATIENCE_S", 0.0)
    server.spoil(f"/{DAY}/", (500, {}))

    with pytest.raises(UnavailableError, match=f"/{DAY}/ answered 500"):
        a_service(server).files_of(DAY)


def test_what_is_larger_than_the_limit_is_not_read(server, monkeypatch):
    monkeypatch.setattr(service_module, "PATIENCE_S", 0.0)

    with pytest.raises(UnavailableError, match="SCRAPER_PAYLOAD_BYTES_MAX"):
        read(a_service(server, payload_bytes_max=1_000), f"{DAY}", FILE)


def test_it_says_who_asks(server):
    a_service(server, contact="air@example.org").files_of(DAY)

    assert [
        agent.endswith("(+air@example.org)") and agent.startswith("Luftstrom/") for agent in server.agents
    ] == [True]


class Waits:
    """A clock that sleeping moves."""

    def __init__(self):
        self.clock, self.slept = SettableClock(NOON_2026_S), []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.advance(seconds)


def a_waiting_service(server, waits, monkeypatch):
    """The service as of the live archive, its address aside."""
    monkeypatch.setattr(BackfillSettings, "asks_live_archive", True)
    return ArchiveService(
        settings_of(server.url, contact="air@example.org"), clock=waits.clock, sleep=waits.sleep
    )


def test_between_two_requests_to_the_live_archive_lies_a_second(server, monkeypatch):
    waits = Waits()
    service = a_waiting_service(server, waits, monkeypatch)
    service.files_of(DAY)
    waits.clock.advance(0.4)
    read(service, f"{DAY}", FILE)
    waits.clock.advance(5.0)
    read(service, f"{DAY}", FILE)

    assert waits.slept == [pytest.approx(0.6)]


def test_a_wish_to_wait_is_honoured(server, monkeypatch):
    waits = Waits()
    server.spoil(f"/{DAY}/", (429, {"Retry-After": "90"}))
    a_waiting_service(server, waits, monkeypatch).files_of(DAY)

    assert waits.slept == [pytest.approx(90)]


def test_the_live_archive_wants_a_contact(monkeypatch):
    monkeypatch.delenv("SCRAPER_CONTACT", raising=False)

    with pytest.raises(SettingsError, match="SCRAPER_CONTACT is not set"):
        ArchiveService(settings_of("https://archive.sensor.community"))
