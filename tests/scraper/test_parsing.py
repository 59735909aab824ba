"""Whatever the feed sends: readings arrive, the rest becomes dead letters, and parsing ends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.dead_letters import Reason
from contracts.errors import BadInputError
from scraper.parsing import parsed_payload, parsed_record
from tests.scraper.feed import a_record, payload_of

NOON_2026_S = 1_767_268_800  # 2026-01-01 12:00 UTC
MIDNIGHT_2026_S = 1_767_225_600


def parsed(payload):
    return parsed_payload(payload, latest_s=NOON_2026_S)


def reading_of(record):
    return parsed_record(json.dumps(record).encode(), latest_s=NOON_2026_S)


def refusal_of(record):
    with pytest.raises(BadInputError) as refused:
        parsed_record(
            record if isinstance(record, bytes) else json.dumps(record).encode(), latest_s=NOON_2026_S
        )
    return refused.value.reason


def ids(result):
    return [reading.id - 3_490_000_000 for reading in result.readings]


def letters(result):
    return [(letter.reason, letter.original) for letter in result.letters]


def test_a_record_becomes_a_reading_with_its_bytes_as_they_came():
    bytes_of_record = json.dumps(a_record(), indent=1).encode()
    (reading,) = parsed(b"[ " + bytes_of_record + b" ]").readings

    assert reading.record == bytes_of_record
    assert (reading.id, reading.sensor_id, reading.observed_at_s) == (3_490_000_001, 7001, MIDNIGHT_2026_S)
    assert (reading.latitude, reading.longitude, reading.values) == (57.13, -2.086, 2)


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-01-01 00:00:00",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.000000",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T01:00:00+01:00",
    ],
)
def test_every_form_of_a_timestamp_is_the_same_moment(timestamp):
    assert reading_of(a_record(timestamp=timestamp)).observed_at_s == MIDNIGHT_2026_S


@pytest.mark.parametrize("number", [1, 2**31, 67_000_000_000, 2**63 - 1, "67000000000"])
def test_an_id_is_any_whole_number_of_64_bits(number):
    assert reading_of(a_record(id=number)).id == int(number)


@pytest.mark.parametrize("number", ["72", 2**31, 2**63 - 1])
def test_the_id_of_a_sensor_is_a_number_too_or_its_digits(number):
    assert reading_of(a_record(sensor={"id": number})).sensor_id == int(number)


@pytest.mark.parametrize("number", [None, "", "x", "007", "1.5", "²", "1" * 5000, 1.5, -1, 2**63, [], True])
def test_anything_else_is_no_id(number):
    assert refusal_of(a_record(id=number)) == Reason.NOT_A_READING


@pytest.mark.parametrize(
    "location",
    [
        None,
        {},
        7,
        {"latitude": "", "longitude": ""},
        {"latitude": "0", "longitude": "0"},
        {"latitude": 0, "longitude": 0.0},
        {"latitude": "north", "longitude": "west"},
        {"latitude": "nan", "longitude": "1"},
        {"latitude": "91", "longitude": "0"},
        {"latitude": None, "longitude": None},
        {"latitude": "57.1"},
        {"id": 11, "latitude": "57.130", "longitude": "-2.086"},
    ],
)
def test_a_reading_without_a_usable_position_is_kept_without_one(location):
    reading = reading_of(a_record(location=location))

    assert (reading.latitude, reading.longitude) == (None, None)


def test_a_reading_without_a_location_is_kept():
    record = a_record()
    del record["location"]

    assert reading_of(record).latitude is None


def test_a_number_serves_as_a_position_as_well_as_text():
    reading = reading_of(a_record(location={"latitude": 57.13, "longitude": "-2.086"}))

    assert (reading.latitude, reading.longitude) == (57.13, -2.086)


@pytest.mark.parametrize("value", ["unavailable", "nan", "", None, [1], {"a": 1}])
def test_what_stands_for_a_value_is_not_our_business(value):
    entries = [{"value": value, "value_type": "P1"}]

    assert reading_of(a_record(sensordatavalues=entries)).values == 1


def test_housekeeping_values_are_counted_apart():
    entries = [{"value": "1", "value_type": name} for name in ("P1", "samples", "signal")]
    reading = reading_of(a_record(sensordatavalues=entries))

    assert (reading.values, reading.ignored) == (3, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"timestamp": None},
        {"timestamp": "yesterday"},
        {"timestamp": "2026-13-01 00:00:00"},
        {"timestamp": "1969-12-31 00:00:00"},
        {"timestamp": 1767225600},
        {"sensor": None},
        {"sensor": {}},
        {"sensor": {"id": "x"}},
        {"sensordatavalues": None},
        {"sensordatavalues": 7},
        {"sensordatavalues": {}},
        {"sensordatavalues": [1]},
        {"sensordatavalues": [{"value": "1"}]},
        {"sensordatavalues": [{"value": "1", "value_type": None}]},
    ],
)
def test_a_record_of_the_wrong_shape_is_refused(changes):
    assert refusal_of(a_record(**changes)) == Reason.NOT_A_READING


def test_a_reading_from_the_future_is_refused():
    assert refusal_of(a_record(timestamp="2026-01-01 12:00:01")) == Reason.FROM_THE_FUTURE


def test_a_record_that_is_too_large_is_refused():
    assert refusal_of(a_record(note="x" * 300_000)) == Reason.NOT_A_READING


def test_a_record_of_the_wrong_shape_costs_no_other():
    result = parsed(payload_of(a_record(1), {"id": 7}, 12, None, "text", [], a_record(2)))

    assert ids(result) == [1, 2]
    assert [reason for reason, _ in letters(result)] == [Reason.NOT_A_READING] * 5
    assert letters(result)[0][1] == b'{"id": 7}'


@pytest.mark.parametrize(
    "broken",
    [
        b'{"id": 9, "sensordatavalues": [{"val',
        b'{"id" 9}',
        b"\x00\xff\xfe",
        b"<html>oops</html>",
        b'{"id": NaN,}',
    ],
)
def test_a_broken_record_costs_no_other_and_is_one_letter_of_its_bytes(broken):
    first, last = (json.dumps(a_record(number)).encode() for number in (1, 2))
    result = parsed(b"[" + first + b"," + broken + b"," + last + b"]")

    assert ids(result) == [1, 2]
    assert letters(result) == [(Reason.NOT_JSON, broken)]


@pytest.mark.parametrize("member", [b"NaN", b"-Infinity", b'"\\ud800"'])
def test_a_record_that_only_lenient_readers_take_costs_no_other(member):
    first, last = (json.dumps(a_record(number)).encode() for number in (1, 2))
    lenient = json.dumps(a_record(3)).encode().replace(b'"1.03"', member)
    result = parsed(b"[" + first + b"," + lenient + b"," + last + b"]")

    assert ids(result) == [1, 2]
    assert letters(result) == [(Reason.NOT_A_READING, lenient)]


@pytest.mark.parametrize(
    "text", [b'"P1"', b'"SDS011"', b'"GB"', b'"pin"', b'"57.130"', b'"1.03"', b'"2026-01-01 00:00:00"']
)
def test_bytes_that_are_no_text_cost_their_record_only(text):
    first, last = (json.dumps(a_record(number)).encode() for number in (1, 2))
    bad = json.dumps(a_record(3)).encode().replace(text, b'"\xff"')
    result = parsed(b"[" + first + b"," + bad + b"," + last + b"]")

    assert ids(result) == [1, 2]
    assert letters(result) == [(Reason.NOT_JSON, bad)]


def test_a_byte_order_mark_costs_nothing():
    result = parsed(b"\xef\xbb\xbf" + payload_of(a_record(1), a_record(2)))

    assert (ids(result), letters(result)) == ([1, 2], [])


def test_records_that_lack_their_end_cost_only_themselves():
    whole = [json.dumps(a_record(number)).encode() for number in range(1, 501)]
    sent = [record[:-2] if number % 2 else record for number, record in enumerate(whole, start=1)]

    assert ids(parsed(b"[" + b",".join(sent) + b"]")) == list(range(2, 501, 2))


@pytest.mark.slow
def test_thousands_of_records_that_lack_their_end_cost_only_themselves():
    whole = [json.dumps(a_record(number)).encode() for number in range(1, 6_001)]
    sent = [record[:-2] if number % 3 == 0 else record for number, record in enumerate(whole, start=1)]

    assert len(parsed(b"[" + b",".join(sent) + b"]").readings) == 4_000


@pytest.mark.parametrize(
    "between", [b"", b"\n", b"; ", b"oops ", b'{"id": 9, "sensordataval', b"\xff", b"]["]
)
def test_a_record_arrives_whatever_stands_before_it(between):
    records = [json.dumps(a_record(number)).encode() for number in (1, 2, 3)]

    assert ids(parsed(b"[" + between + between.join(records) + b"]")) == [1, 2, 3]


@pytest.mark.parametrize("cut", [1, 3, 40, 300])
def test_a_truncated_payload_gives_its_whole_records_and_one_letter(cut):
    result = parsed(payload_of(a_record(1), a_record(2), a_record(3))[:-cut])

    if cut == 1:  # only the closing bracket is missing
        assert ids(result) == [1, 2, 3]
        assert letters(result) == []
    else:
        assert ids(result) == [1, 2]
        ((reason, original),) = letters(result)
        assert reason == Reason.TRUNCATED_PAYLOAD
        assert original.startswith(b'{"id": 3490000003')


def test_garbage_after_the_list_is_a_letter_and_costs_nothing():
    result = parsed(payload_of(a_record(1)) + b"\nWarning: something in php")

    assert ids(result) == [1]
    assert [reason for reason, _ in letters(result)] == [Reason.TRUNCATED_PAYLOAD]


def test_json_that_is_no_list_is_a_letter():
    assert letters(parsed(b'{"detail": "busy"}')) == [(Reason.NOT_A_READING, b'{"detail": "busy"}')]


@pytest.mark.parametrize("payload", [b"", b"[]", b"  \n", b"[", b"]", b"\xef\xbb\xbf[]"])
def test_an_empty_payload_holds_nothing_or_one_letter(payload):
    result = parsed(payload)

    assert result.readings == []
    assert len(result.letters) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 100_000,
        b'[{"a":' * 100_000,
        b'[{"sensordatavalues":[' + b'{"v":1},' * 500_000,
        b'",{"' * 500_000,
        b'[{"a":' * 300 + b"[" + b"1," * 2_500_000,
        b'[{"a":[' + b'{"a":[' * 900 + b"1," * 2_500_000,
        b'{"a":[1,' * 1_000_000,
        b'{"sensordatavalues":' * 1_000_000,
    ],
    ids=["brackets", "nested", "long", "quotes", "numbers", "nested numbers", "endless", "nested records"],
)
@pytest.mark.timeout(120)  # what looks at a byte more than a few times takes hours
def test_a_hostile_payload_ends_soon(payload):
    assert parsed(payload).readings == []


@given(payload=st.binary(max_size=400))
def test_any_bytes_are_survived(payload):
    for letter in parsed(payload).letters:
        assert letter.reason in set(Reason)


@given(member=st.sampled_from(sorted(a_record())), junk=st.binary(max_size=12))
def test_any_bytes_for_a_member_are_survived(member, junk):
    record = json.dumps(a_record(**{member: "here"})).encode().replace(b"here", junk)
    result = parsed(b"[" + record + b"]")

    assert result.readings or result.letters


@given(
    payload=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_survived(payload):
    assert parsed(json.dumps([payload]).encode()).readings == []


@given(
    junk=st.lists(
        st.binary(max_size=30).filter(lambda bytes_: not set(bytes_) & set(b'"\\{[')), min_size=4, max_size=4
    )
)
def test_good_records_arrive_whatever_lies_between_them(junk):
    records = [json.dumps(a_record(number)).encode() for number in (1, 2, 3)]
    payload = (
        b"[" + b",".join([junk[0], records[0], junk[1], records[1], junk[2], records[2], junk[3]]) + b"]"
    )

    assert ids(parsed(payload)) == [1, 2, 3]
