"""`luftstrom dead-letters`: chosen, listed, shown, and reinjected only where somebody says so."""

import json

import pytest

from contracts.dead_letters import Reason, dead_letter
from contracts.topics import DEAD_LETTERS
from local_stack import stack
from luftstrom import commands
from luftstrom.reinjecting import Report
from runtime.memory_log import MemoryLog, MemoryLogReader
from tests.luftstrom.invoking import invoked

pytestmark = pytest.mark.usefixtures("settings")

ABOUT_BY_LETTER_COMMAND = {
    "list": (
        "what was set aside",
        "--reason",
        "--since",
        "--until",
        "--source",
        "--sensor",
        "--limit",
        "--json",
    ),
    "show": ("all of one letter", "--raw"),
    "reinject": ("through its door again", "--dry-run", "--yes", "luftstrom replay"),
}


@pytest.fixture
def letters(monkeypatch):
    """A stack whose log holds two letters."""
    log = MemoryLog()
    for letter in (dead_letter(Reason.NOT_JSON, b"{\xff"), dead_letter(Reason.NOT_A_NUMBER, b"abc")):
        log.append(DEAD_LETTERS.name, DEAD_LETTERS.encode(letter), key=None, timestamp_ms=1_767_225_600_000)
    monkeypatch.setattr(stack, "is_running", lambda _settings: True)
    monkeypatch.setattr(commands, "KafkaLogReader", lambda _address, **_security: MemoryLogReader(log))


@pytest.mark.parametrize("command", ABOUT_BY_LETTER_COMMAND)
def test_every_command_of_dead_letters_has_help_that_says_what_it_does(command):
    result = invoked("dead-letters", command, "--help")

    assert result.exit_code == 0
    for text in ABOUT_BY_LETTER_COMMAND[command]:
        assert text in result.output


def test_a_limit_of_no_dead_letters_is_refused():
    result = invoked("dead-letters", "list", "--limit", "0")

    assert result.exit_code == 2
    assert "--limit" in result.output


def test_dead_letters_of_one_reason_are_chosen(letters):
    read = json.loads(invoked("dead-letters", "list", "--reason", "not_a_number", "--json").output)

    assert [letter["original"] for letter in read["newest"]] == ["abc"]
    assert read["count_by_reason"] == {"not_a_number": 1}


def test_dead_letters_are_chosen_by_their_age(letters):
    counts = [
        json.loads(invoked("dead-letters", "list", option, "2026-01-01T00:00:01", "--json").output)
        for option in ("--since", "--until")
    ]

    assert [sum(each["count_by_reason"].values()) for each in counts] == [0, 2]


def test_dead_letters_are_listed_for_people(letters):
    shown = invoked("dead-letters", "list").output

    assert shown.startswith("not_json 1, not_a_number 1\n")
    assert "0:1" in shown


def test_the_bytes_of_a_letter_are_written_as_they_are(letters):
    assert invoked("dead-letters", "show", "0:0", "--raw").stdout_bytes == b"{\xff"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--reason", "nonsense"), "not_a_number"),
        (("--source", "nonsense"), "readings-raw-v1"),
        (("--since", "yesterday"), "2h, 3d"),
    ],
)
def test_a_choice_that_can_mean_nothing_is_refused(refused, options, said):
    assert said in refused("dead-letters", "list", *options)


@pytest.mark.parametrize("arguments", [(), ("0:1", "--reason", "not_json")])
def test_letters_to_reinject_are_named_or_chosen(arguments):
    result = invoked("dead-letters", "reinject", *arguments)

    assert result.exit_code == 2
    assert "name letters, or choose them" in result.output


@pytest.mark.parametrize(
    ("options", "answer", "is_dry_by_run"),
    [
        (("--dry-run",), "", [True]),
        (("--dry-run", "--yes"), "", [True]),
        ((), "n\n", [True]),
        ((), "y\n", [True, False]),
        (("--yes",), "", [False]),
    ],
)
def test_letters_are_reinjected_only_where_somebody_says_so(monkeypatch, options, answer, is_dry_by_run):
    runs = []

    def reinject(_wanted, *, is_dry_run):
        runs.append(is_dry_run)
        return Report()

    monkeypatch.setattr(commands, "reinject_letters", reinject)
    invoked("dead-letters", "reinject", "0:1", *options, answer=answer)

    assert runs == is_dry_by_run
