"""The command: help that helps, one clear message for every refusal, and nothing started by it."""

import json
from pathlib import Path

import pytest

from collector.bootstrap import TokenFolder
from contracts.errors import UnavailableError
from local_stack import stack
from luftstrom import commands, history
from luftstrom.__main__ import app
from luftstrom.reconciliation import Door, Reconciliation
from scraper.backfill.running import Outcome
from tests.luftstrom.invoking import invoked

pytestmark = pytest.mark.usefixtures("settings")

ABOUT_BY_COMMAND = {
    "up": ("Start the whole system", "--recording", "SCRAPER_CONTACT"),
    "down": ("Stop the system", "--wipe"),
    "status": ("Show each process", "--json", "exit code 1"),
    "demo": ("recorded days", "Exit code 0 only if the arithmetic closes"),
    "backfill": (
        "Take history into the log",
        "--from",
        "--to",
        "--country",
        "--type",
        "--sensor",
        "Exit code 1",
    ),
    "reconcile": ("Compare what came in with what is stored", "--json", "--window", "--metrics-to"),
    "backup": ("Write a backup of the running system", "DIR", "operator token"),
    "restore": ("Put a backup back", "DIR", "--replace", "touches nothing"),
    "query": (
        "stored values of a sensor or a place",
        "--sensor",
        "--city",
        "--resolution",
        "--as",
        "Exit code 1",
    ),
    "doctor": ("what to do next", "--json", "--kubernetes", "Exit code 1"),
    "export": ("whole days of readings as Parquet", "--day", "--from", "--to", "--into", "--overwrite"),
    "stations": ("Show who sends", "--near", "--km", "--country", "--city", "geojson"),
    "replay": ("through a job again", "--from", "--version", "Ctrl-C"),
    "upgrade": ("Begin the Flink job anew", "--force"),
    "train": ("fetch", "train", "backtest", "compare", "export", "promote", "rollback", "list", "report"),
    "record": ("Record the live feed into a file", "--every", "--for", "SCRAPER_CONTACT"),
}
ABOUT_BY_TOKEN_COMMAND = {
    "list": ("scope and its file", "--json"),
    "rotate": ("end the older ones", "NAME", "loses nothing"),
}


def test_the_menu_names_every_command():
    shown = invoked("--help").output

    assert {each.name or each.callback.__name__ for each in app.registered_commands} == set(ABOUT_BY_COMMAND)
    for name in ABOUT_BY_COMMAND:
        assert f" {name} " in shown


@pytest.mark.parametrize("command", ABOUT_BY_COMMAND)
def test_every_command_has_help_that_says_what_it_does(command):
    result = invoked(command, "--help")

    assert result.exit_code == 0
    for text in ABOUT_BY_COMMAND[command]:
        assert text in result.output


@pytest.mark.parametrize("command", ABOUT_BY_TOKEN_COMMAND)
def test_every_command_of_tokens_has_help_that_says_what_it_does(command):
    result = invoked("tokens", command, "--help")

    assert result.exit_code == 0
    for text in ABOUT_BY_TOKEN_COMMAND[command]:
        assert text in result.output


def test_tokens_are_listed_by_scope_and_file_and_never_shown(monkeypatch, settings):
    monkeypatch.setattr(stack, "is_running", lambda _settings: True)
    TokenFolder(settings.secrets_dir).store("reader", "a secret")
    shown, read = invoked("tokens", "list").output, invoked("tokens", "list", "--json").output

    assert "a secret" not in shown + read
    assert "missing" in shown
    assert {each["name"]: each["is_there"] for each in json.loads(read)}["reader"] is True


@pytest.mark.parametrize("command", ["list", "rotate"])
def test_tokens_are_those_of_a_running_stack(refused, command):
    assert "luftstrom up" in refused("tokens", command)


def test_a_status_without_a_stack_says_that_nothing_runs():
    result = invoked("status")

    assert result.exit_code == 1
    assert "nothing runs" in result.output
    assert "luftstrom up" in result.output


def test_a_status_without_a_stack_as_json_is_not_well():
    result = invoked("status", "--json")

    assert result.exit_code == 1
    assert not json.loads(result.output)["is_well"]


def test_down_without_a_stack_says_so_and_is_no_error():
    result = invoked("down")

    assert result.exit_code == 0
    assert result.output == "nothing was running\n"


@pytest.mark.parametrize(
    "command",
    ["reconcile", "dead-letters list", "dead-letters show 0:1", "dead-letters reinject 0:1"],
)
def test_a_question_to_a_stack_that_does_not_run_names_the_remedy(refused, settings, command):
    said = refused(*command.split())

    assert f"no stack of {settings.data_dir} runs" in said
    assert "luftstrom up" in said
    assert "LOCAL_STACK_DATA_DIR" in said
    assert said.count("\n") == 1


def test_the_live_network_without_a_contact_is_refused_before_anything_is_made(refused, settings):
    said = refused("up")

    assert "SCRAPER_CONTACT" in said
    assert "recording" in said
    assert not settings.data_dir.exists()


def test_the_live_network_is_not_polled_too_often(refused, monkeypatch):
    monkeypatch.setenv("SCRAPER_CONTACT", "air@example.org")
    monkeypatch.setenv("LOCAL_STACK_POLL_INTERVAL_S", "5")

    assert "POLL_INTERVAL_S is under 60" in refused("up")


def test_the_live_network_is_recorded_with_a_contact_and_at_most_once_a_minute(
    refused, monkeypatch, tmp_path
):
    path = tmp_path / "air.jsonl.xz"

    assert "SCRAPER_CONTACT is not set" in refused("record", str(path))
    monkeypatch.setenv("SCRAPER_CONTACT", "air@example.org")
    assert "at most once a minute" in refused("record", str(path), "--every", "59")
    assert not path.exists()


@pytest.mark.parametrize("duration", ["0", "5x", "-1", "1.5h", "m"])
def test_a_duration_that_is_none_is_refused_with_an_example(tmp_path, duration):
    result = invoked("record", str(tmp_path / "air.jsonl.xz"), "--for", duration)

    assert result.exit_code == 2
    assert "give for example 90s, 30m, 2h or 1d" in result.output


def test_a_recording_needs_no_contact(monkeypatch):
    class GoesOn(Exception):  # noqa: N818 - no error: the checks were passed
        pass

    def install(_tell):
        raise GoesOn

    monkeypatch.setattr(stack, "install", install)
    with pytest.raises(GoesOn):
        commands.start("aberdeen-2019-05-12")


def test_an_unknown_recording_is_refused_with_the_known_ones_before_anything_is_made(refused, settings):
    said = refused("up", "--recording", "atlantis")

    assert "atlantis" in said
    assert "aberdeen-2019-05-12" in said
    assert not settings.data_dir.exists()


@pytest.mark.parametrize("command", ["up", "down", "status", "demo", "reconcile", "dead-letters list"])
def test_a_wrong_setting_is_named(refused, monkeypatch, command):
    monkeypatch.setenv("LOCAL_STACK_KAFKA_PORT", "abc")

    assert "LOCAL_STACK_KAFKA_PORT is wrong" in refused(*command.split())


def test_an_error_is_one_message_without_a_traceback(refused, monkeypatch):
    def fails(**_given):
        raise UnavailableError("the [store] is away")

    monkeypatch.setattr(commands, "stop", fails)

    assert refused("down") == "error: the [store] is away\n"


@pytest.mark.parametrize(
    "arguments",
    [
        (), ("--country", "GB"), ("a.csv", "--from", "2019-05-13", "--to", "2019-05-14"),
        ("--from", "2019-05-13"), ("--from", "2019-05-14", "--to", "2019-05-13"),
        ("--from", "yesterday", "--to", "today"), ("a.csv", "--sensor", "seven"),
    ],
)  # fmt: skip
def test_a_back_fill_of_nothing_or_of_too_much_is_refused(arguments):
    assert invoked("backfill", *arguments).exit_code == 2


def test_a_back_fill_wants_a_stack_or_the_addresses_of_servers(refused, monkeypatch):
    assert "luftstrom up" in refused("backfill", "a.csv")

    monkeypatch.setenv("LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LOCAL_STACK_REDIS_URL", "redis://127.0.0.1:1/0")

    assert "no Kafka at 127.0.0.1:1" in refused("backfill", "a.csv")


def test_a_choice_of_a_back_fill_that_cannot_be_read_is_named(refused, monkeypatch):
    monkeypatch.setenv("LOCAL_STACK_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("LOCAL_STACK_REDIS_URL", "redis://127.0.0.1:1/0")

    assert "SCRAPER_COUNTRIES is wrong: Britain" in refused("backfill", "a.csv", "--country", "Britain")


@pytest.mark.parametrize(("problems", "exit_code"), [([], 0), (["a.csv is damaged"], 1)])
def test_a_back_fill_tells_programs_by_its_exit_code(monkeypatch, problems, exit_code):
    taken = []
    monkeypatch.setattr(history, "backfill_history", lambda h: taken.append(h) or Outcome(problems=problems))
    result = invoked("backfill", "a.csv", "b", "--country", "GB", "--country", "DE", "--sensor", "7")

    assert result.exit_code == exit_code
    assert taken == [history.History([Path("a.csv"), Path("b")], countries=["GB", "DE"], sensor_ids=[7])]


@pytest.mark.parametrize(("stored", "exit_code"), [(2, 0), (1, 1)])
def test_reconcile_tells_programs_by_its_exit_code(monkeypatch, stored, exit_code):
    reconciliation = Reconciliation(
        door=Door(values_published=2), stored_by_measure={"pm10": stored}, set_aside_by_reason={}
    )
    monkeypatch.setattr(commands, "reconciliation_now", lambda **_: reconciliation)
    result = invoked("reconcile", "--json")

    assert result.exit_code == exit_code
    assert json.loads(result.output)["closes"] is (exit_code == 0)
