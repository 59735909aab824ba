"""A back-fill takes each file once, whatever became of the others, and tells what was wrong."""

import gzip
import json
from collections import Counter
from datetime import date

import pytest

from contracts.errors import UnavailableError
from scraper.backfill.archive_service import ArchiveService
from scraper.backfill.running import days_between
from scraper.backfill.settings import BackfillSettings
from scraper.parsing import parsed_record
from tests.scraper.backfill.archive_files import NAME, PACKED_BY_SUFFIX, a_file, a_row, a_zip, rows_of_a_day
from tests.scraper.backfill.archive_server import serving, write_pages
from tests.scraper.backfill.independent_archive import read_back, readings_in

CONTENT = a_file(*rows_of_a_day(25))


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def first_values(house):
    return [json.loads(reading.record)["sensordatavalues"][0]["value"] for reading in house.readings()]


@pytest.mark.parametrize("suffix", PACKED_BY_SUFFIX)
def test_a_file_is_taken_packed_or_not(house, tmp_path, suffix):
    outcome = house.take(write(tmp_path, NAME + suffix, PACKED_BY_SUFFIX[suffix](CONTENT)))

    assert first_values(house) == [f"{number}.5" for number in range(25)]
    assert (outcome.files, outcome.problems, outcome.totals["published"]) == (1, [], 25)


def test_a_month_in_a_zip_is_taken_as_one_file_or_many(house, tmp_path):
    one, many = a_row(), a_file(a_row("2019-05-14T00:00:00"))
    outcome = house.take(
        write(tmp_path, "2019-05_sds011.zip", a_zip(**{"2019-05_sds011__csv": a_file(one)})),
        write(tmp_path, "2019-06_sds011.zip", a_zip(**{
            "2019-06/2019-06-01_sds011_sensor_1_indoor__csv": CONTENT,
            "2019-06/2019-06-02_sds011_sensor_1__csv": many,
        })),
    )  # fmt: skip

    assert (outcome.files, outcome.problems, len(house.readings())) == (3, [], 27)
    indoor = [json.loads(reading.record)["location"].get("indoor") for reading in house.readings()]
    assert Counter(indoor) == {None: 1, 1: 25, 0: 1}


def test_folders_are_taken_with_all_that_can_be_read_in_them(house, tmp_path):
    write(tmp_path, f"a/b/{NAME}.gz", gzip.compress(a_file(a_row())))
    write(tmp_path, "README.md", b"hello")
    outcome = house.take(tmp_path)

    assert (outcome.files, outcome.problems, len(house.readings())) == (1, [], 1)


def test_the_same_again_is_known_by_its_content_wherever_it_lies(house, tmp_path):
    house.take(write(tmp_path, f"here/{NAME}", CONTENT))
    outcome = house.take(write(tmp_path, f"there/{NAME}", CONTENT))

    assert (outcome.files, outcome.files_done_before, outcome.totals) == (0, 1, {})
    assert len(house.readings()) == 25


def test_another_content_under_the_same_path_is_another_file(house, tmp_path):
    house.take(write(tmp_path, NAME, CONTENT))
    outcome = house.take(write(tmp_path, NAME, a_file(a_row("2019-05-14T00:00:00"))))

    assert (outcome.files, len(house.readings())) == (1, 26)


def test_another_choice_of_the_same_file_is_taken(house, tmp_path):
    other = a_row(sensor="7;SDS011;5;48.85;2.35")
    path = write(tmp_path, "2019-05_sds011.csv", a_file(a_row(), other))
    outcomes = [house.take(path, sensor_ids=frozenset({number})) for number in (15092, 7, 7)]

    assert [outcome.totals.get("published", 0) for outcome in outcomes] == [1, 1, 0]
    assert outcomes[0].totals["left_out"] == 1


def test_stopped_in_the_middle_of_a_file_it_goes_on_there(house, tmp_path):
    paths = [write(tmp_path, NAME, CONTENT)]
    calls = []

    def stop(_done, _total):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    backfill = house.backfill()
    with pytest.raises(KeyboardInterrupt):
        backfill.take_paths(paths, stop)
    outcome = house.take(*paths)

    assert backfill.outcome.totals["published"] == 20
    assert outcome.totals["published"] == 5
    assert first_values(house) == [f"{number}.5" for number in range(25)]


def test_progress_is_told_in_bytes_of_all_files_and_ends_at_the_end(house, tmp_path):
    paths = [write(tmp_path, name, a_file(a_row())) for name in (NAME, f"x{NAME}")]
    steps = []
    house.backfill().take_paths(paths, lambda done, total: steps.append((done, total)))
    sizes = [path.stat().st_size for path in paths]

    assert steps == sorted(steps)
    assert {total for _, total in steps} == {sum(sizes)}
    assert (sizes[0] in {done for done, _ in steps}, steps[-1][0]) == (True, sum(sizes))


def test_what_is_wrong_with_a_file_is_told_and_costs_no_other(house, tmp_path):
    outcome = house.take(
        tmp_path / "none.csv",
        write(tmp_path, "page.csv", b"<html>\n"),
        write(tmp_path, "notes.txt", b"hello"),
        write(tmp_path, "cut.csv", a_file(a_row())[:-4]),
        write(tmp_path, "cut.csv.gz", gzip.compress(a_file(*rows_of_a_day(500)))[:-500]),
        write(tmp_path, NAME, CONTENT),
    )

    told = ("none.csv is not", "page.csv is no file", "notes.txt is neither", "cut.csv ends", "gz is damaged")
    for what, problem in zip(told, outcome.problems, strict=True):
        assert what in problem
    assert first_values(house)[-25:] == [f"{number}.5" for number in range(25)]
    assert {reason for reason, _ in house.letters()} == {"truncated_payload"}
    assert outcome.totals["fetched"] == len(house.readings()) + 2


def test_a_file_that_is_gone_when_its_turn_comes_is_told_and_costs_no_other(house, tmp_path):
    first, second = (write(tmp_path, name, a_file(a_row())) for name in (f"a{NAME}", NAME))
    backfill = house.backfill()
    backfill.take_paths([first, second], lambda _done, _total: second.unlink(missing_ok=True))

    assert backfill.outcome.problems == [f"{second}: No such file or directory"]
    assert len(house.readings()) == 1


def test_a_file_with_a_problem_is_told_of_again_and_published_once(house, tmp_path):
    path = write(tmp_path, "cut.csv", CONTENT[:-4])
    first, second = house.take(path), house.take(path)

    assert first.problems == second.problems != []
    assert len(house.readings()) == 24
    assert house.totals()["fetched"] == 25


def test_an_empty_folder_is_told(house, tmp_path):
    assert "holds no .csv, .jsonl or .zip" in house.take(tmp_path).problems[0]


def test_while_redis_or_kafka_is_away_it_ends(house, tmp_path):
    house.log.is_available = False
    with pytest.raises(UnavailableError):
        house.take(write(tmp_path, NAME, CONTENT))


def test_days_are_those_between_both_of_them_among_them():
    assert days_between(date(2024, 2, 28), date(2024, 3, 1)) == [
        date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1),
    ]  # fmt: skip


@pytest.fixture
def service(tmp_path):
    """Two days of two sensors; the first of an older year."""
    root = tmp_path / "archive"
    for number, folder in enumerate(("2019/2019-05-13", "2019-05-14")):
        day = folder[-10:]
        write(root, f"{folder}/{day}_sds011_sensor_1.csv", a_file(a_row(f"{day}T01:00:00")))
        other = a_row(f"{day}T02:00:00", sensor="2;DHT22;5;48.85;2.35", values=f"{number};50")
        content = a_file(other, columns="temperature;humidity")
        write(root, f"{folder}/{day}_dht22_sensor_2_indoor.csv.gz", gzip.compress(content))
    write_pages(root)
    with serving(root) as server:
        settings = BackfillSettings(
            kafka_bootstrap_servers="x:1", redis_url="redis://x", archive_url=server.url
        )
        service = ArchiveService(settings)
        service.server = server
        yield service
        service.close()


def take_days(house, service, *days, **choices):
    backfill = house.backfill(**choices)
    steps = []
    backfill.take_days(service, [date.fromisoformat(day) for day in days], lambda *step: steps.append(step))
    return backfill.outcome, steps


def test_days_of_the_service_are_taken_in_either_layout(house, service):
    outcome, steps = take_days(house, service, "2019-05-13", "2019-05-14")

    assert (outcome.files, outcome.problems) == (4, [])
    assert sorted(json.loads(reading.record)["location"]["indoor"] for reading in house.readings()) == [
        0,
        0,
        1,
        1,
    ]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_only_files_that_may_hold_what_is_chosen_are_asked_for(house, service):
    take_days(house, service, "2019-05-14", sensor_types=frozenset({"SDS011"}))
    take_days(house, service, "2019-05-14", sensor_ids=frozenset({7}))

    assert [path for path in service.server.asked if ".csv" in path] == [
        "/2019-05-14/2019-05-14_sds011_sensor_1.csv"
    ]


def test_of_a_country_only_its_readings_are_taken(house, service):
    outcome, _ = take_days(house, service, "2019-05-13", countries=frozenset({"FR"}))

    assert (outcome.totals["published"], outcome.totals["left_out"]) == (1, 1)
    assert [reading.place.country for reading in house.readings()] == ["FR"]


def test_files_that_are_done_are_not_asked_for_again(house, service):
    take_days(house, service, "2019-05-14")
    asked = len(service.server.asked)
    outcome, _ = take_days(house, service, "2019-05-14")

    assert outcome.files_done_before == 2
    assert [path for path in service.server.asked[asked:] if ".csv" in path] == []


def test_a_file_that_was_taken_from_a_folder_is_known_when_the_service_has_it(house, service, tmp_path):
    house.take(tmp_path / "archive" / "2019-05-14")
    outcome, _ = take_days(house, service, "2019-05-14")

    assert (outcome.files, outcome.files_done_before, len(house.readings())) == (0, 2, 2)


def test_a_day_or_file_that_is_not_there_is_told_and_costs_no_other(house, service, tmp_path):
    (tmp_path / "archive/2019-05-14/2019-05-14_sds011_sensor_1.csv").unlink()
    outcome, _ = take_days(house, service, "2018-01-01", "2019-05-14")

    assert len(house.readings()) == 1
    assert "no files of 2018-01-01" in outcome.problems[0]
    assert "2019-05-14_sds011_sensor_1.csv is not there" in outcome.problems[1]


@pytest.mark.slow
def test_the_archive_of_two_days_is_taken_reading_by_reading(house, archive_days):
    expected = readings_in(archive_days)
    outcome = house.take(archive_days)
    records = [reading.record for reading in house.readings()]

    assert outcome.totals["published"] == len(expected) == 51_488
    assert read_back(records) == expected
    assert len({json.loads(record)["id"] for record in records}) == len(records)
    assert all(parsed_record(record, latest_s=2e9).sensor_id for record in records)
