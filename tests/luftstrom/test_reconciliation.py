"""The arithmetic that proves that nothing is lost and nothing doubled."""

from contextlib import nullcontext
from dataclasses import replace

import fakeredis
import pytest

from contracts.dead_letters import Reason, dead_letter
from contracts.errors import UnavailableError
from contracts.stored import DAY_S
from luftstrom.ledger import Ledger, is_set_aside
from luftstrom.reconciliation import Door, Reconciliation
from luftstrom.screen import show_reconciliation
from scraper.memory import SINCE_KEY

DOOR = Door(fetched=10, published=7, repeated=2, refused=1, values_published=20, values_ignored=3)


def a_reconciliation(*, door=DOOR, stored=15, set_aside=2):
    return Reconciliation(
        door=door, stored_by_measure={"pm10": stored}, set_aside_by_reason={"not_a_number": set_aside}
    )


def test_it_closes_when_everything_is_accounted_for():
    assert a_reconciliation().closes


@pytest.mark.parametrize(("stored", "on_the_way"), [(14, 1), (16, -1)])
def test_a_lost_or_doubled_value_keeps_it_open(stored, on_the_way):
    reconciliation = a_reconciliation(stored=stored)

    assert reconciliation.on_the_way == on_the_way
    assert not reconciliation.closes


def test_a_value_in_whose_place_another_is_stored_is_accounted_for(capsys):
    reconciliation = a_reconciliation(stored=14)
    show_reconciliation(reconciliation)
    assert "replaced" not in capsys.readouterr().out

    show_reconciliation(replace(reconciliation, replaced=1))
    assert "+ 1 replaced + 0 on the way" in capsys.readouterr().out
    assert replace(reconciliation, replaced=1).closes


def test_a_reading_that_vanished_at_the_door_keeps_it_open():
    door = Door(fetched=11, published=7, repeated=2, refused=1, values_published=20, values_ignored=3)

    assert not a_reconciliation(door=door).closes


def test_the_doors_add_up():
    assert (DOOR + DOOR).values_published == 40


def test_counters_that_were_never_written_are_zero():
    assert Door.from_totals({b"fetched": b"5", b"published": b"5", b"polls": b"9"}) == Door(
        fetched=5, published=5
    )


@pytest.mark.parametrize(
    ("reason", "source", "is_counted"),
    [
        (Reason.NOT_A_NUMBER, ("readings-raw-v1", 0, 1), True),
        (Reason.OUTSIDE_RETENTION, ("measure-pm10-v1", 0, 1), True),
        (Reason.OUTSIDE_RETENTION, ("aggregates-1h-v1", 0, 1), False),
        (Reason.UNDECODABLE, ("forecasts-v1", 0, 1), False),
        (Reason.NOT_A_READING, ("readings-raw-v1", 0, 1), False),
        (Reason.NOT_JSON, ("readings-raw-v1", 0, 1), False),
        (Reason.NOT_JSON, None, False),
    ],
)
def test_only_values_of_published_readings_count_as_set_aside(reason, source, is_counted):
    assert is_set_aside(dead_letter(reason, b"x", source=source)) is is_counted


@pytest.mark.parametrize(
    ("original", "is_counted"),
    [
        (b'{"value":"1.5","value_type":"P1"}', False),  # the table of measures has learned it
        (b'{"value":"nan","value_type":"P1"}', True),
        (b'{"value":"","value_type":"P1"}', True),
        (b'{"value":null,"value_type":"P1"}', True),
        (b'{"value":"1.5","value_type":"ozone"}', True),
        (b'{"value":"1.5","value_type":null}', True),
        (b'{"value":"1.5","value_type":["P1"]}', True),
        (b"\xff", True),
    ],
)
def test_a_value_of_a_measure_that_is_known_now_is_on_the_way_to_a_replay(original, is_counted):
    letter = dead_letter(Reason.UNKNOWN_MEASURE, original, source=("readings-raw-v1", 0, 1))

    assert is_set_aside(letter) is is_counted


@pytest.mark.parametrize(("age_days", "is_judged"), [(None, True), (29, True), (31, False)])
def test_what_the_store_no_longer_keeps_is_not_judged(age_days, is_judged):
    client, now_s = fakeredis.FakeRedis(), 2e9
    if age_days is not None:
        client.set(SINCE_KEY, int(now_s - age_days * DAY_S))
    ledger = Ledger("nobody:1", client, influx=None)

    with nullcontext() if is_judged else pytest.raises(UnavailableError, match="reconcile --window 1d"):
        ledger.require_whole_store(now_s=now_s)
