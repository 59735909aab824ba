"""What the archive's pages and names tell."""

import pytest

from scraper.backfill.archive_names import DailyName, ListedFile, daily_name, listed_files, may_hold
from scraper.selection import Selection
from tests.scraper.backfill.archive_server import page_of


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("2019-05-13_sds011_sensor_15092.csv", DailyName("sds011", 15092, is_indoor=False)),
        ("2019-05-13_sds011_sensor_15092.csv.gz", DailyName("sds011", 15092, is_indoor=False)),
        ("2024-01-01_bme280_sensor_7_indoor.csv", DailyName("bme280", 7, is_indoor=True)),
        (
            "2024-01.zip/2024-01-01_radiation_si22g_sensor_7.csv",
            DailyName("radiation_si22g", 7, is_indoor=False),
        ),
        ("2022-12_sds011.csv", None),
        ("index.html", None),
    ],
)
def test_a_name_tells_type_sensor_and_indoor(name, found):
    assert daily_name(name) == found


def test_a_page_gives_its_daily_files_once_with_their_editions():
    names = ["2019-05-13_sds011_sensor_1.csv.gz", "2019-05-13_dht22_sensor_2_indoor.csv.gz"]
    page = page_of(
        "2019/2019-05-13", [*((name, 4_915) for name in names), ("readme.txt", 10), (names[0], 4_915)]
    )

    assert listed_files(page) == [ListedFile(name, "2019-05-15 04:30 5K") for name in names]


def test_another_date_or_size_is_another_edition():
    editions = {
        listed_files(page_of("x", [("2019-05-13_a_sensor_1.csv", size)]))[0].edition
        for size in (1_024, 9_999)
    }

    assert len(editions) == 2


def test_a_plain_page_of_links_is_understood_too():
    page = '<ul><li><a href="2019-05-13_laerm_sensor_1.csv">x</a></li><li><a href="../x.csv">y</a>'

    assert listed_files(page) == [ListedFile("2019-05-13_laerm_sensor_1.csv", "")]


def test_a_link_to_another_place_is_no_file_of_the_folder():
    assert (
        listed_files('<a href="/2019-05-13_a_sensor_1.csv">x</a><a href="//x/2019-05-13_a_sensor_1.csv">')
        == []
    )


@pytest.mark.parametrize("page", ["", "<html>", "\x00<a href", "<a>no target</a>"])
def test_a_page_that_is_none_lists_nothing(page):
    assert listed_files(page) == []


@pytest.mark.parametrize(
    ("choice", "holds"),
    [
        ({}, True),
        ({"sensor_ids": frozenset({1})}, True),
        ({"sensor_ids": frozenset({2})}, False),
        ({"sensor_types": frozenset({"DNMS (LAERM)"})}, True),
        ({"sensor_types": frozenset({"SDS011", "DNMS (LAERM)"})}, True),
        ({"sensor_types": frozenset({"SDS011"})}, False),
        ({"indoor": True}, True),
        ({"indoor": False}, False),
        ({"countries": frozenset({"DE"})}, True),
    ],
)
def test_a_file_is_asked_for_where_its_name_does_not_rule_it_out(choice, holds):
    assert may_hold(DailyName("laerm", 1, is_indoor=True), Selection(**choice)) is holds
