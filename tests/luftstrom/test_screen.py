"""What the commands print: tables that take any data, and JSON that parses."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from luftstrom import screen
from luftstrom.air import PlaceAir
from luftstrom.overview import Overview, Row
from luftstrom.reconciliation import Door, Reconciliation
from scraper.backfill.running import Outcome

MARKUP = "[bold]Aber[/]deen[/red]"
ESCAPE_SEQUENCE = "\x1b[2Jgone"


@pytest.fixture
def printed(monkeypatch, capsys):
    """What is on the screen so far, 200 columns wide."""
    monkeypatch.setattr(screen, "out", Console(highlight=False, width=200))
    return lambda: capsys.readouterr().out


def a_row(name="scraper", **given):
    fields = {
        "state": "running",
        "is_well": True,
        "port": 19101,
        "pss_bytes": 50 * screen.MIB,
        "uptime_s": 3_725.0,
        "restarts": 0,
        "lag": None,
        "last_error": None,
    }
    return Row(name=name, **{**fields, **given})


def an_overview(*rows, freshness_s=None):
    return Overview(rows=rows, freshness_s=freshness_s, logs_dir=Path("/data/logs"))


def a_reconciliation(**given):
    fields = {"door": Door(), "stored_by_measure": {}, "set_aside_by_reason": {}}
    return Reconciliation(**{**fields, **given})


def test_a_status_without_a_stack_says_so_and_how_to_start_it(printed):
    screen.show_status(an_overview())

    assert "nothing runs" in (shown := printed())
    assert "luftstrom up" in shown


def test_a_status_shows_each_process_with_its_numbers(printed):
    screen.show_status(an_overview(a_row(), a_row("split", lag=12_345), freshness_s=4.2))
    shown = printed()

    for text in ("scraper", "split", "19101", "50 MiB", "1 h 2 min", "12,345", "100 MiB in all", "4 s old"):
        assert text in shown


def test_a_process_that_is_down_is_shown_without_numbers(printed):
    row = a_row(state="backoff", is_well=False, pss_bytes=None, uptime_s=None, port=None)
    screen.show_status(an_overview(row))

    assert "backoff" in (shown := printed())
    assert "nothing stored yet" in shown


@pytest.mark.parametrize("said", [MARKUP, "[/]", "x" * 10_000, ESCAPE_SEQUENCE, ""])
def test_any_error_line_is_shown_as_plain_text(printed, said):
    screen.show_status(an_overview(a_row(last_error=said)))

    assert said[:9].replace("\x1b", "\N{REPLACEMENT CHARACTER}") in (shown := printed())
    assert "\x1b" not in shown


def test_a_status_as_json_parses():
    overview = an_overview(a_row(last_error=MARKUP), freshness_s=1.5)
    read = json.loads(json.dumps(overview.as_json()))

    assert read["is_well"]
    assert read["processes"][0]["last_error"] == MARKUP
    assert read["logs_dir"] == "/data/logs"


def test_a_stack_of_nothing_is_not_well():
    assert not an_overview().is_well
    assert not an_overview(a_row(), a_row("split", is_well=False)).is_well


def test_air_of_nowhere_is_an_empty_table(printed):
    screen.show_air([])

    assert "The air now" in printed()


def test_the_name_of_a_city_is_no_markup(printed):
    screen.show_air([PlaceAir("GB", MARKUP, 3, {"pm10": 12.34})])

    assert f"{MARKUP}, GB" in (shown := printed())
    assert "12.3" in shown


@pytest.mark.parametrize(
    ("country", "city", "place"),
    [("", "", "unknown place"), ("GB", "", "GB"), ("", "Atlantis", "Atlantis")],
)
def test_a_place_that_is_not_known_is_shown_as_far_as_it_is(printed, country, city, place):
    screen.show_air([PlaceAir(country, city, 1, {"pm10": 1.0})])

    shown = printed()
    assert place in shown
    assert f"{place}," not in shown
    assert f", {place}" not in shown


def test_only_the_first_places_are_shown_and_the_rest_is_counted(printed):
    places = [PlaceAir("GB", f"city {number:03}", 1, {"pm10": float(number)}) for number in range(112)]
    screen.show_air(places)

    assert "city 011" in (shown := printed())
    assert "city 012" not in shown
    assert "and 100 more places" in shown


def test_a_measure_that_a_place_lacks_is_blank_there(printed):
    screen.show_air([PlaceAir("GB", "A", 1, {"pm10": 1.0}), PlaceAir("GB", "B", 1, {"temperature": -273.15})])

    assert "-273.1" in (shown := printed())
    assert "None" not in shown


def test_a_reconciliation_of_nothing_closes(printed):
    screen.show_reconciliation(a_reconciliation())

    assert "0 fetched = 0 published" in (shown := printed())
    assert shown.count("✓") == 2


def test_a_reconciliation_that_is_open_is_marked_where_it_is(printed):
    door = Door(fetched=10**9, published=10**9, values_published=3 * 10**9)
    screen.show_reconciliation(a_reconciliation(door=door, stored_by_measure={"pm10": 1}))

    assert "1,000,000,000 fetched" in (shown := printed())
    assert "2,999,999,999 on the way  ✗" in shown


def test_a_reconciliation_as_json_parses():
    reconciliation = a_reconciliation(
        door=Door(fetched=2, published=2, values_published=4),
        stored_by_measure={"pm10": 3},
        set_aside_by_reason={"not_a_number": 1},
    )
    read = json.loads(json.dumps(screen.reconciliation_as_json(reconciliation)))

    assert read["closes"]
    assert read["readings"] == {
        "fetched": 2,
        "published": 2,
        "repeated": 0,
        "refused": 0,
        "left_out": 0,
    }
    assert read["values"]["set_aside"] == {"not_a_number": 1}


def test_a_long_message_is_one_line_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(screen, "err", Console(stderr=True, highlight=False, width=40))
    path = "/a/very/long/path" * 10
    screen.show_error(f"the data folder {path} [cannot] be written")

    assert f"error: the data folder {path} [cannot] be written\n" == capsys.readouterr().err


def test_progress_without_a_terminal_is_a_line_at_each_tenth(printed):
    with screen.progress_bar("stored", unit="values") as bar:
        for done in range(1001):
            bar.update(done, 1000)

    assert printed().splitlines() == [f"stored: {tenth * 100:,} of 1,000" for tenth in range(1, 11)]


def test_progress_of_nothing_is_no_error(printed):
    with screen.progress_bar("stored", unit="values") as bar:
        bar.update(0, 0)

    assert printed() == ""


def test_a_back_fill_shows_its_counts_with_reasons_and_what_was_wrong(printed, monkeypatch, capsys):
    monkeypatch.setattr(screen, "err", Console(highlight=False, width=200, stderr=True))
    totals = {"fetched": 1_234, "published": 1_230, "refused": 3, "refused_not_a_reading": 3, "repeated": 1}
    screen.show_backfill(Outcome(totals, files=2, files_done_before=1, problems=[MARKUP]), seconds=2.0)
    shown = capsys.readouterr()

    assert "1,234 read = 1,230 published + 1 repeated + 3 refused (not_a_reading 3) + 0 left out" in shown.out
    assert "2 read, 1 were done before, 1 problems; 2.0 s, 617 readings/s" in shown.out
    assert f"problem: {MARKUP}" in shown.err


def test_of_little_work_no_progress_is_told(printed):
    with screen.progress_bar("read", unit="letters", least=100) as bar:
        bar.update(99, 99)

    assert printed() == ""
