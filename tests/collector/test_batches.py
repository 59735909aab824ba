"""What is gathered between two writes, and the limit on forgiveness."""

import pytest

from collector import batches
from collector.batches import Batch, TooManyBadError, require_mostly_good
from collector.lines import made_of
from contracts.dead_letters import Reason, dead_letter
from contracts.topics import FORECASTS
from runtime.log_interfaces import Partition
from tests.collector.builders import NOW_S, PERIODS, PM10_PARTITION, a_body, a_forecast, guards, records


def letters(count, reason=Reason.UNDECODABLE):
    return [dead_letter(reason, b"bad")] * count


def is_due(batch, *, age_s):
    return batch.is_due(now_s=batch.started_at_s + age_s, lines_max=3, age_s_max=1.0)


def a_batch(count):
    batch = Batch(NOW_S)
    add(batch, *[a_body()] * count)
    return batch


def add(batch, *bodies, first_offset=0):
    polled = {PM10_PARTITION: records(*bodies, first_offset=first_offset)}
    batch.add(polled, made_of(polled, PERIODS, guards()))


def test_a_batch_goes_on_behind_its_last_record_good_or_bad():
    batch = a_batch(2)
    add(batch, b"bad", first_offset=2)

    assert batch.next_offset_by_partition == {PM10_PARTITION: 3}
    assert (batch.lines, len(batch.letters), batch.records) == (2, 1, 3)


@pytest.mark.parametrize(("count", "age_s", "due"), [(3, 0.0, True), (2, 0.9, False), (2, 1.0, True)])
def test_a_batch_is_due_when_it_is_full_or_old(count, age_s, due):
    assert is_due(a_batch(count), age_s=age_s) == due


def test_an_empty_batch_is_never_due():
    assert not is_due(Batch(NOW_S), age_s=1000.0)


def test_a_batch_of_large_records_is_due_before_it_is_full(monkeypatch):
    monkeypatch.setattr(batches, "BATCH_BYTES_MAX", 100)

    assert is_due(a_batch(1), age_s=0.0)


def test_more_than_half_bad_is_no_poison():
    require_mostly_good(100, letters(50))
    with pytest.raises(TooManyBadError, match="51 of 100"):
        require_mostly_good(100, letters(51))


def test_a_small_batch_may_be_all_bad():
    require_mostly_good(99, letters(99))


@pytest.mark.parametrize("reason", [Reason.OUTSIDE_RETENTION, Reason.TOO_MANY_SERIES])
def test_old_data_and_too_many_series_are_no_bug_of_ours(reason):
    require_mostly_good(1000, letters(1000, reason))


def test_a_batch_of_few_records_that_make_many_lines_is_full():
    polled = {Partition(FORECASTS.name, 0): records(a_forecast(), a_forecast())}
    batch = Batch(NOW_S)
    batch.add(polled, made_of(polled, PERIODS, guards()))

    assert (batch.records, batch.lines) == (2, 54)
    assert batch.is_due(now_s=NOW_S, lines_max=50, age_s_max=1.0)
