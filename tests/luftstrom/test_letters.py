"""Dead letters are chosen by reason, time, source and sensor, and found by their id."""

import pytest

from contracts.dead_letters import Reason, dead_letter
from contracts.errors import BadInputError
from contracts.topics import DEAD_LETTERS
from luftstrom.letters import Choice, Letter, letter_of_id, listed, moment_s, read_letters
from runtime.memory_log import MemoryLog, MemoryLogReader

NOON_S = 1_767_268_800.0  # 2026-01-01 12:00
OF_SCRAPER = Letter(0, 0, NOON_S, dead_letter(Reason.NOT_JSON, b"{"))
OF_SPLIT = Letter(
    0, 1, NOON_S + 60, dead_letter(Reason.NOT_A_NUMBER, b"x", source=("readings-raw-v1", 2, 5), sensor_id=71)
)
OF_COLLECTOR = Letter(
    0, 2, NOON_S + 120, dead_letter(Reason.UNDECODABLE, b"?", source=("measure-pm10-v1", 0, 9))
)
LETTERS = (OF_SCRAPER, OF_SPLIT, OF_COLLECTOR)


def written(*letters):
    log = MemoryLog()
    for letter in letters:
        body = letter if isinstance(letter, bytes) else DEAD_LETTERS.encode(letter.content)
        at_s = 0.0 if isinstance(letter, bytes) else letter.at_s
        log.append(DEAD_LETTERS.name, body, key=None, timestamp_ms=int(at_s * 1000))
    return MemoryLogReader(log)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [
        (Choice(), LETTERS),
        (Choice(reason="not_a_number"), (OF_SPLIT,)),
        (Choice(since_s=NOON_S + 60), (OF_SPLIT, OF_COLLECTOR)),
        (Choice(until_s=NOON_S + 60), (OF_SCRAPER,)),
        (Choice(source="scraper"), (OF_SCRAPER,)),
        (Choice(source="measure-pm10-v1"), (OF_COLLECTOR,)),
        (Choice(sensor_id=71), (OF_SPLIT,)),
        (Choice(reason="not_a_number", sensor_id=72), ()),
    ],
)
def test_letters_are_chosen(choice, chosen):
    assert listed(LETTERS, choice, limit=10).newest == chosen


def test_the_newest_are_kept_and_all_are_counted():
    found = listed(LETTERS, Choice(), limit=1)

    assert found.newest == (OF_COLLECTOR,)
    assert found.count_by_reason == {"not_json": 1, "not_a_number": 1, "undecodable": 1}


@pytest.mark.parametrize("given", [{"reason": "nonsense"}, {"source": "readings-raw-v0"}])
def test_what_can_choose_nothing_is_refused_with_what_there_is(given):
    with pytest.raises(BadInputError, match="not_json|scraper, readings-raw-v1"):
        Choice(**given)


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("2026-01-01T12:00", NOON_S),
        ("2026-01-01 13:00:00+01:00", NOON_S),
        ("2026-01-01T12:00:00Z", NOON_S),
        ("2026-01-01", NOON_S - 12 * 3600),
        ("90s", NOON_S - 90),
        ("15m", NOON_S - 900),
        ("2h", NOON_S - 7200),
        ("3d", NOON_S - 3 * 86_400),
    ],
)
def test_a_time_is_iso_or_an_age(text, expected_s):
    assert moment_s(text, now_s=NOON_S) == expected_s


@pytest.mark.parametrize("text", ["", "yesterday", "2w", "-2h", "9999-99-99"])
def test_what_is_no_time_is_refused_with_an_example(text):
    with pytest.raises(BadInputError, match="2h, 3d"):
        moment_s(text, now_s=NOON_S)


def test_letters_are_read_with_their_place_and_time():
    assert tuple(read_letters(written(*LETTERS))) == LETTERS


def test_what_is_no_letter_costs_none():
    assert [letter.offset for letter in read_letters(written(OF_SCRAPER, b"poison", OF_SPLIT))] == [0, 2]


def test_what_the_collector_wrote_again_after_a_crash_is_one_letter():
    assert [letter.offset for letter in read_letters(written(OF_COLLECTOR, OF_COLLECTOR))] == [0]


def test_two_bad_values_of_one_message_are_two_letters():
    assert [letter.offset for letter in read_letters(written(OF_SPLIT, OF_SPLIT))] == [0, 1]


def test_a_letter_is_found_by_its_id():
    assert letter_of_id(written(*LETTERS), "0:1") == OF_SPLIT


@pytest.mark.parametrize("letter_id", ["0:3", "0:4", "1:0", "1", "0:-1", "a:b", ""])
def test_an_id_of_nothing_is_refused_and_the_list_is_named(letter_id):
    with pytest.raises(BadInputError, match="dead-letters list"):
        letter_of_id(written(*LETTERS, b"poison"), letter_id)
