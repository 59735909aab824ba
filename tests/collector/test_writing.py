"""Every answer of the store has its consequence."""

import threading
import time

import pytest

from collector.batches import TooManyBadError
from collector.lines import Lines
from collector.writing import RETRY_AFTER_S_MAX, BatchWriter, StoreAwayError, unparsed_lines
from contracts.dead_letters import Reason
from contracts.errors import UnavailableError
from contracts.stored import LIVE_BUCKET, LIVE_RETENTION_S
from runtime.clock import SettableClock
from runtime.memory_store import MemoryPointStore
from runtime.store_interface import WriteRefusedError
from tests.collector.builders import NOW_S, influx_error, some_lines

LIMIT_S = 10.0


class PartialStore(MemoryPointStore):
    """Refuses what `is_bad` says with 422 and no names, and takes at most `lines_max` lines."""

    def __init__(self, is_bad=lambda _: False, lines_max=10**9):
        super().__init__()
        self.is_bad = is_bad
        self.lines_max = lines_max
        self.requests = 0

    def write(self, lines):
        self.requests += 1
        if len(lines) > self.lines_max:
            raise WriteRefusedError(413, b"")
        super().write([line for line in lines if not self.is_bad(line)])
        if any(map(self.is_bad, lines)):
            raise WriteRefusedError(422, influx_error("unprocessable entity", "partial write: dropped=1"))


@pytest.fixture
def a_writer(metrics, stopping):
    def make(store, now_s=NOW_S, **options):
        return BatchWriter(
            store,
            bucket=LIVE_BUCKET,
            clock=SettableClock(now_s),
            stopping=stopping,
            metrics=metrics,
            backoff_base_s=0.001,
            **options,
        )

    return make


def of_sensor(number):
    return lambda line: f"sensor_id={number}," in line


def stored_sensors(store):
    return {int(key.split("sensor_id=")[1].split(",")[0]) for key, _ in store.points}


def test_204_stores_everything(a_writer, store, registry):
    assert a_writer(store).write(some_lines(3)) == []

    assert stored_sensors(store) == {1, 2, 3}
    assert registry.get_sample_value("collector_points_written_total", {"bucket": LIVE_BUCKET}) == 3
    assert registry.get_sample_value("collector_writes_total", {"status": "204"}) == 1
    assert registry.get_sample_value("collector_value_age_seconds_count") == 3
    assert registry.get_sample_value("collector_value_age_seconds_sum") == 180


def test_400_cuts_out_the_named_lines_and_sends_the_rest(a_writer, store):
    lines = some_lines(5)
    lines.texts[1] = "it's nonsense"

    [letter] = a_writer(store).write(lines)

    assert stored_sensors(store) == {1, 3, 4, 5}
    assert letter.reason == Reason.REFUSED_BY_STORE
    assert (letter.source_offset, letter.sensor_id) == (1, 2)
    assert letter.original == lines.values[1]


def test_the_reasons_of_a_400_are_read_by_line():
    body = influx_error(
        "invalid", "unable to parse 'a': missing fields\nunable to parse 'it's b': bad number"
    )

    assert unparsed_lines(body) == {"a": "missing fields", "it's b": "bad number"}


def test_400_that_names_no_line_is_narrowed_down(a_writer):
    class Silent(PartialStore):
        def write(self, lines):
            if any(map(self.is_bad, lines)):
                raise WriteRefusedError(400, influx_error("invalid", "something is wrong"))
            super().write(lines)

    store = Silent(of_sensor(7))

    [letter] = a_writer(store).write(some_lines(20))

    assert letter.sensor_id == 7
    assert stored_sensors(store) == set(range(1, 21)) - {7}


def test_422_is_narrowed_down_to_the_bad_line(a_writer):
    store = PartialStore(of_sensor(700))

    [letter] = a_writer(store).write(some_lines(1000))

    assert (letter.sensor_id, letter.reason) == (700, Reason.REFUSED_BY_STORE)
    assert stored_sensors(store) == set(range(1, 1001)) - {700}
    assert store.requests < 25


def test_422_for_lines_that_left_retention_while_waiting(a_writer):
    old = some_lines(3, observed_at_s=NOW_S - LIVE_RETENTION_S + 10)
    store = PartialStore(lambda line: line.endswith(str(NOW_S - LIVE_RETENTION_S + 10)))
    lines = some_lines(50)
    lines.extend(old)

    letters = a_writer(store, now_s=NOW_S + 60).write(lines)

    assert [letter.reason for letter in letters] == [Reason.OUTSIDE_RETENTION] * 3
    assert store.requests == 2
    assert len(store.points) == 50


def test_413_halves(a_writer):
    store = PartialStore(lines_max=3)

    assert a_writer(store).write(some_lines(10)) == []
    assert len(store.points) == 10


def test_413_for_a_single_line_sets_it_aside(a_writer):
    [letter] = a_writer(PartialStore(lines_max=0)).write(some_lines(1))

    assert letter.reason == Reason.REFUSED_BY_STORE


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
def test_what_is_not_about_the_lines_is_sent_again_until_it_is_taken(a_writer, store, registry, status):
    store.answers = [WriteRefusedError(status, b"{}") for _ in range(4)]
    writer = a_writer(store)

    assert writer.write(some_lines(3)) == []

    assert len(store.points) == 3
    assert writer.trouble is None
    assert registry.get_sample_value("collector_writes_total", {"status": str(status)}) == 4


@pytest.mark.parametrize("status", [400, 422])
def test_a_refusal_that_is_not_influxdbs_own_is_sent_again(a_writer, store, status):
    store.answers = [WriteRefusedError(status, b"<html>a proxy's page</html>")]

    assert a_writer(store).write(some_lines(3)) == []
    assert len(store.points) == 3


def test_no_answer_is_sent_again(a_writer, store, registry):
    store.answers = [UnavailableError("reset"), UnavailableError("timeout")]

    assert a_writer(store).write(some_lines(3)) == []

    assert len(store.points) == 3
    assert registry.get_sample_value("collector_writes_total", {"status": "none"}) == 2


def test_retry_after_is_honoured(a_writer, store):
    store.answers = [WriteRefusedError(429, b"", retry_after_s=0.2)]
    started_at_s = time.monotonic()

    a_writer(store).write(some_lines(1))

    assert time.monotonic() - started_at_s >= 0.2


def test_retry_after_has_a_limit():
    assert StoreAwayError("busy", 10**9).retry_after_s == RETRY_AFTER_S_MAX


@pytest.mark.parametrize("status", [401, 403, 404])
def test_trouble_with_the_token_or_bucket_says_what_to_check(a_writer, store, stopping, status):
    store.answers = [WriteRefusedError(status, b"no")]
    stopping.set()
    writer = a_writer(store)

    with pytest.raises(UnavailableError, match="Check the token"):
        writer.write(some_lines(1))
    assert str(status) in writer.trouble


def test_stopping_ends_the_waiting_at_once(a_writer, store, stopping):
    store.answers = [WriteRefusedError(503, b"", retry_after_s=200.0) for _ in range(2)]
    threading.Timer(0.05, stopping.set).start()
    started_at_s = time.monotonic()

    with pytest.raises(UnavailableError):
        a_writer(store).write(some_lines(1))
    assert time.monotonic() - started_at_s < LIMIT_S


def test_a_store_that_refuses_most_of_a_batch_is_no_poison(a_writer):
    store = PartialStore(lambda _: True)

    with pytest.raises(TooManyBadError):
        a_writer(store).write(some_lines(200))
    assert store.requests < 500


def test_repeats_in_a_batch_do_no_harm(a_writer, store):
    lines = some_lines(3)
    lines.extend(some_lines(3))

    assert a_writer(store).write(lines) == []
    assert len(store.points) == 3


def test_nothing_to_write_asks_nothing(a_writer):
    store = PartialStore()

    assert a_writer(store).write(Lines()) == []
    assert store.requests == 0


def test_more_lines_than_a_request_takes_are_several_requests(a_writer):
    store = PartialStore()

    assert a_writer(store, request_lines=4).write(some_lines(10)) == []
    assert (store.requests, len(store.points)) == (3, 10)
