"""What helps with a letter, reason by reason."""

import pytest

from contracts.dead_letters import ORIGINAL_BYTES_MAX, Reason, dead_letter
from luftstrom.remedies import is_reinjectable, remedy

RAW, ARCHIVE, MEASURE = (("readings-raw-v1", 0, 1), ("readings-archive-v1", 0, 1), ("measure-pm10-v1", 0, 1))
KNOWN_VALUE = b'{"value":"1.5","value_type":"P1"}'


@pytest.mark.parametrize("door", [None, "live", "archive"])
def test_what_the_scraper_refused_is_reinjectable(door):
    assert is_reinjectable(dead_letter(Reason.FROM_THE_FUTURE, b"{}", door=door))


def test_what_was_cut_is_not_reinjectable():
    letter = dead_letter(Reason.NOT_JSON, b"x" * (ORIGINAL_BYTES_MAX + 5))

    assert not is_reinjectable(letter)
    assert "only the first 262,144 of 262,149 bytes" in remedy(letter)


def test_what_a_door_refused_that_we_do_not_know_is_left_alone():
    letter = dead_letter(Reason.NOT_JSON, b"x", door="cellar")

    assert not is_reinjectable(letter)
    assert "nothing is known" in remedy(letter)


@pytest.mark.parametrize(
    ("reason", "source", "original", "said"),
    [
        (Reason.NOT_A_NUMBER, RAW, b"x", "would be set aside again"),
        (Reason.UNKNOWN_MEASURE, RAW, b"x", "add it to contracts/measures.py, then `luftstrom replay"),
        (Reason.UNKNOWN_MEASURE, RAW, KNOWN_VALUE, "--door live"),
        (Reason.UNKNOWN_MEASURE, ARCHIVE, KNOWN_VALUE, "--door archive"),
        (Reason.NOT_A_READING, RAW, b"x", "the scraper did not write it"),
        (Reason.NOT_JSON, RAW, b"x", "the scraper did not write it"),
        (Reason.UNDECODABLE, MEASURE, b"x", "nothing is missing"),
        (Reason.NOT_A_NUMBER, MEASURE, b"x", "nothing can be stored"),
        (Reason.OUTSIDE_RETENTION, MEASURE, b"x", "keep it for longer"),
        (Reason.FROM_THE_FUTURE, MEASURE, b"x", "once its time has come"),
        (Reason.REFUSED_BY_STORE, MEASURE, b"x", "mend what the store refuses"),
        (Reason.REFUSED_BY_STORE, ("elsewhere", 0, 1), b"x", "nothing is known"),
    ],
)
def test_what_lies_in_the_log_is_not_reinjected_and_the_remedy_is_named(reason, source, original, said):
    letter = dead_letter(reason, original, source=source)

    assert not is_reinjectable(letter)
    assert said in remedy(letter)


def test_a_value_of_a_known_measure_needs_no_new_row():
    assert not remedy(dead_letter(Reason.UNKNOWN_MEASURE, KNOWN_VALUE, source=RAW)).startswith("add")
