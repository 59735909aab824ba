"""What is printed of dead letters: any bytes, and they do nothing to the terminal."""

import json
from collections import Counter

import pytest
from rich.console import Console

from contracts.dead_letters import ORIGINAL_BYTES_MAX, DeadLetter, Reason, dead_letter
from luftstrom import letters_screen, screen
from luftstrom.letters import Choice, Letter, Listed, listed
from luftstrom.reinjecting import Report
from scraper.reinjection import Outcome

MARKUP = "[bold]Aber[/]deen[/red]"
ESCAPE_SEQUENCE = "\x1b[2Jgone"
EVIL = [b"", b"\xff\xfe\x00", MARKUP.encode(), b"two\nlines", b"x" * 100_000, ESCAPE_SEQUENCE.encode()]


@pytest.fixture
def printed(monkeypatch, capsys):
    """What is on the screen so far, 200 columns wide."""
    monkeypatch.setattr(screen, "out", Console(highlight=False, width=200))
    return lambda: capsys.readouterr().out


def a_letter(reason=Reason.NOT_JSON, original=b"{", *, offset=7, at_s=1_767_225_600.0, **given):
    return Letter(0, offset, at_s, dead_letter(reason, original, **given))


def the_listed(*letters, limit=20):
    return listed(letters, Choice(), limit=limit)


def test_no_dead_letters_are_said_to_be_none(printed):
    letters_screen.show_letters(Listed(Counter(), ()))

    assert printed() == "no dead letters\n"


def test_all_are_counted_and_then_the_newest_are_shown(printed):
    letters = [a_letter(original=f"letter {number:04}".encode(), offset=number) for number in range(5_000)]
    letters_screen.show_letters(the_listed(*letters, limit=2))

    shown = printed()
    assert shown.startswith("not_json 5,000\n")
    assert "0:4998 │ 2026-01-01 00:00:00" in shown
    assert "letter 4999" in shown
    assert "letter 4997" not in shown


@pytest.mark.parametrize("original", EVIL)
def test_any_bytes_are_listed_on_one_line_and_do_nothing_to_the_terminal(printed, original):
    letter = a_letter(Reason.NOT_A_NUMBER, original, source=("readings-raw-v1", 3, 77), sensor_id=0)
    letters_screen.show_letters(the_listed(letter))

    shown = printed()
    (line,) = (line for line in shown.splitlines() if "readings-raw-v1/3@77" in line)
    assert line.split("│")[5].strip() == "0"
    assert not {"\x1b", "\x00"} & set(shown)
    if original == MARKUP.encode():
        assert MARKUP in line


def test_a_reason_that_we_do_not_know_is_no_markup(printed):
    letters_screen.show_letters(the_listed(Letter(0, 1, 0.0, DeadLetter(reason=MARKUP, original=b"x"))))

    assert printed().count(MARKUP) == 2


def test_a_list_for_programs_parses_with_what_is_no_text_replaced():
    letter = a_letter(Reason.UNDECODABLE, b"\xffair", sensor_id=7)
    read = json.loads(json.dumps(letters_screen.listed_as_json(the_listed(letter))))

    assert read["count_by_reason"] == {"undecodable": 1}
    assert read["newest"] == [
        {
            "id": "0:7", "at_s": 1_767_225_600.0, "reason": "undecodable", "source": "the scraper's feed",
            "sensor_id": 7, "original": "\N{REPLACEMENT CHARACTER}air", "original_size": 4,
        }
    ]  # fmt: skip


def test_a_letter_is_shown_whole(printed):
    original = b'{"value":"nan","value_type":"P1"}'
    letters_screen.show_letter(
        a_letter(Reason.NOT_A_NUMBER, original, source=("readings-raw-v1", 3, 77), sensor_id=71)
    )

    shown = printed()
    for text in (
        "0:7", "not_a_number", "readings-raw-v1/3@77", "2026-01-01 00:00:00 UTC, when it was observed", "71",
        "would be set aside again", "33 bytes", '  "value": "nan",\n',
    ):  # fmt: skip
        assert text in shown


def test_a_letter_of_the_scraper_is_dated_by_when_it_was_set_aside(printed):
    letters_screen.show_letter(a_letter())

    assert "when it was set aside" in printed()


def test_a_letter_that_was_cut_says_so(printed):
    letters_screen.show_letter(a_letter(original=b"x" * (ORIGINAL_BYTES_MAX + 1)))

    assert f"{ORIGINAL_BYTES_MAX:,} bytes, the first of {ORIGINAL_BYTES_MAX + 1:,}" in printed()


@pytest.mark.parametrize("original", [*EVIL, b'{"a":"\xc2\x9b2J"}', b'{"a":' * 100_000])
def test_a_letter_that_is_shown_does_nothing_to_the_terminal(printed, original):
    letters_screen.show_letter(a_letter(original=original))

    assert all(each.isprintable() or each == "\n" for each in printed())


def test_what_a_terminal_would_act_on_is_escaped():
    assert letters_screen.original_text(ESCAPE_SEQUENCE.encode() + b"\xff") == r"\x1b[2Jgone\xff"


def test_a_report_tells_what_became_of_the_letters_and_what_helps(printed):
    report = Report(
        outcomes=Counter({("from_the_future", Outcome.PUBLISHED): 3, ("not_json", Outcome.UNREADABLE): 1}),
        remedies=Counter({("not_a_number", "nothing helps"): 2}),
    )
    letters_screen.show_report(report, is_dry_run=True)

    shown = printed()
    assert "nothing is written" in shown
    assert "3 from_the_future: read as readings" in shown
    assert "1 not_json: still not readable: left where they are" in shown
    assert "2 not_a_number: not reinjected; nothing helps" in shown
    assert "windows that closed" in shown


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words(outcome):
    assert letters_screen.MEANING_BY_OUTCOME[outcome]
