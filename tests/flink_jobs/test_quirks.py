"""What the network is known to send, through the scraper's parser and the real planner: a quirk, a claim."""

import itertools
import json
import time

import pytest

from contracts.dead_letters import Reason
from contracts.flags import Flag
from contracts.topics import READINGS_RAW
from flink_jobs.job import Job
from scraper.parsing import parsed_payload
from scraper.places import Places
from scraper.publishing import publish_readings

pytestmark = pytest.mark.flink

BEGIN_S = 1_557_619_200  # 2019-05-12, UTC
HOUR_S, STEP_S = 3600, 150
ABERDEEN, MUNICH, CELL = ("57.136", "-2.075"), ("48.137", "11.576"), ("52.01", "13.01")

_ids = itertools.count(14_883_647_050)
_sensors = itertools.count(1)


class Feed:
    """Records as upstream sends them, by the quirk that they have."""

    def __init__(self):
        self.records, self.sensor_by_quirk = [], {}

    def sensor(self, quirk):
        return self.sensor_by_quirk.setdefault(quirk, next(_sensors))

    def send(self, quirk, *values, at_s=BEGIN_S, position=ABERDEEN, sensor_type="SDS011", **members):
        location = {"id": 48, "latitude": position[0], "longitude": position[1], "country": "GB", "indoor": 0}
        self.records.append((at_s, {
            "id": next(_ids), "sampling_rate": None,
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at_s)),
            "location": location | members.pop("location", {}),
            "sensor": {"id": self.sensor(quirk), "pin": "1", "sensor_type": {"id": 14, "name": sensor_type}},
            "sensordatavalues": [{"id": 1, "value": value, "value_type": kind} for value, kind in values],
        } | members))  # fmt: skip

    def series(self, quirk, numbers, kind, *, step_s=STEP_S, **options):
        for n, number in enumerate(numbers):
            self.send(quirk, (str(number), kind), at_s=BEGIN_S + n * step_s, **options)

    def messages(self):
        """The messages of the raw log, in the order of their times, and the parser's letters."""
        records = [record for _, record in sorted(self.records, key=lambda timed: timed[0])]
        payload = json.dumps(records).encode()[:-1] + b'] trailing garbage {"id": '
        parsed, published = parsed_payload(payload, latest_s=2e9), Published()
        publish_readings(parsed.readings, READINGS_RAW, published, Places(), now_s=2e9)
        return published.lines, parsed.letters


class Published:
    """A publisher that keeps messages as lines with their time as a member."""

    def __init__(self):
        self.lines = []

    def publish(self, _topic, value, *, key, timestamp_ms):  # noqa: ARG002 - a publisher takes it
        self.lines.append(value[:-1] + b',"event_time_ms":%d}' % timestamp_ms)


def the_feed():
    feed = Feed()
    feed.send("repeated", ("5", "P1"))
    feed.records.append((BEGIN_S, feed.records[-1][1]))
    feed.send("two in a window", ("5", "P1"))
    feed.send("two in a window", ("6", "P1"), at_s=BEGIN_S + 145)
    feed.send("text and number", ("98656.56", "pressure"), (98924.74, "pressure_at_sealevel"))
    for value in ("unavailable", "unknown", "nan", "", None):
        feed.send("no number", (value, "humidity"), ("12.4", "temperature"))
    for n, value in enumerate(("99.9", "100", "1.0", "0.0")):
        feed.send("rail", (value, "humidity"), at_s=BEGIN_S + n * HOUR_S, position=("50.0", "6.0"))
    feed.series("stuck at the rail", ["99.9"] * 18, "humidity", step_s=600, position=MUNICH)
    feed.series("fog", ["100.00"] * 18, "humidity", step_s=600, position=MUNICH)
    for value in ("-142", "-147", "-183", "-127", "85", "-128"):
        feed.send("impossible", (value, "temperature"), ("50", "humidity"), ("98000", "pressure"))
    feed.send("impossible pressure", ("-70000", "pressure"), ("12", "temperature"), ("50", "humidity"))
    feed.send("saturated", ("1999.90", "P1"), ("999.90", "P2"))
    feed.send("negative", ("-0.5", "P1"))
    feed.send("zero", ("0.00", "P1"))
    feed.series("dead", ["0.30"] * 6, "P1")
    feed.series("in humid air", ["20"] * 2, "P1", step_s=300, position=("51.0", "7.0"))
    feed.series("humid", ["97"] * 2, "humidity", step_s=300, position=("51.0", "7.0"))
    feed.send("in hectopascal", ("1018.20", "pressure"))
    feed.send("wrong altitude", ("99000", "pressure"), ("110000", "pressure_at_sealevel"))
    feed.send("wrong altitude", ("99000", "pressure"), ("86000", "pressure_at_sealevel"))
    feed.send("at nowhere", ("5", "P1"), position=("0", "0"))
    feed.send("no coordinates", ("5", "P1"), location={"latitude": None, "longitude": ""})
    feed.send("dummy location", ("5", "P1"), location={"id": 11})
    feed.send("UK", ("5", "P1"), location={"country": "UK"})
    feed.send("indoor", ("5", "P1"), location={"indoor": 1}, position=("54.9", "-1.4"))
    feed.series("in the sun", ["31"] * 3, "temperature", position=CELL)
    for n in range(5):
        feed.series(f"in the shade {n}", [f"{20 + n / 10}"] * 3, "temperature", position=CELL)
    feed.send("swapped", ("8", "P1"), ("12", "P2"))
    feed.series("restarts", ["10", "11", "500", "12"], "P1", step_s=60)
    feed.send("moves", ("5", "P1"))
    feed.send("moves", ("6", "P1"), at_s=BEGIN_S + STEP_S, position=MUNICH, location={"id": 49})
    feed.send("large ids", ("5", "P1"), id=30_000_000_000_000)
    feed.send("gps", ("48.1", "lat"), ("2019-05-12T00:00:00", "timestamp"), ("3", "P1"))
    feed.send("housekeeping", ("12", "samples"), ("-70", "signal"), ("0.5", "durP1"), ("3", "P1"))
    feed.send("unknown type", ("3", "smell"), ("4", "P1"))
    feed.send("third type of dust", ("1", "P0"), ("2", "P4"), ("9", "N05"), ("0.5", "TS"))
    return feed


@pytest.fixture(scope="module")
def feed():
    return the_feed()


@pytest.fixture(scope="module")
def messages(feed):
    return feed.messages()


@pytest.fixture(scope="module")
def outcome(run_job, messages):
    return run_job(Job.ALL, messages[0])


# Each: the quirk, and (measure, value, flags) of every value that must come of it, in order.
VALUES = [
    ("repeated", [("pm10", 5.0, 0)]),
    ("two in a window", [("pm10", 5.0, 0), ("pm10", 6.0, 0)]),
    ("text and number", [("pressure", 986.5656, 0), ("pressure-sealevel", 989.2474, 0)]),
    ("no number", [("temperature", 12.4, 0)] * 5),
    ("rail", [("humidity", value, 0) for value in (99.9, 100.0, 1.0, 0.0)]),
    ("impossible", [
        (measure, value, flags)
        for temperature in (-142.0, -147.0, -183.0, -127.0, 85.0, -128.0)
        for measure, value, flags in (
            ("temperature", temperature, Flag.OUT_OF_RANGE | Flag.SENSOR_FAULT),
            ("humidity", 50.0, Flag.SENSOR_FAULT),
            ("pressure", 980.0, Flag.SENSOR_FAULT),
        )
    ]),
    ("impossible pressure", [
        ("pressure", -700.0, Flag.OUT_OF_RANGE | Flag.SENSOR_FAULT),
        ("temperature", 12.0, Flag.SENSOR_FAULT), ("humidity", 50.0, Flag.SENSOR_FAULT),
    ]),
    ("saturated", [
        ("pm10", 1999.9, Flag.OUT_OF_RANGE | Flag.SATURATED),
        ("pm25", 999.9, Flag.OUT_OF_RANGE | Flag.SATURATED),
    ]),
    ("negative", [("pm10", -0.5, Flag.OUT_OF_RANGE)]),
    ("zero", [("pm10", 0.0, 0)]),
    ("in hectopascal", [("pressure", 1018.2, Flag.UNIT_REPAIRED)]),
    ("wrong altitude", [
        ("pressure", 990.0, 0), ("pressure-sealevel", 1100.0, Flag.OUT_OF_RANGE),
        ("pressure", 990.0, 0), ("pressure-sealevel", 860.0, Flag.OUT_OF_RANGE),
    ]),
    ("swapped", [("pm10", 8.0, Flag.PM25_ABOVE_PM10), ("pm25", 12.0, Flag.PM25_ABOVE_PM10)]),
    ("large ids", [("pm10", 5.0, 0)]),
    ("gps", [("pm10", 3.0, 0)]),
    ("housekeeping", [("pm10", 3.0, 0)]),
    ("unknown type", [("pm10", 4.0, 0)]),
    ("third type of dust", [("pm1", 1.0, 0), ("pm4", 2.0, 0), ("n05", 9.0, 0), ("typical-size", 0.5, 0)]),
]  # fmt: skip

# Each: the quirk, and (flag, when it begins, how long it lasts) of every span that is flagged.
SPANS = [
    ("stuck at the rail", [(Flag.STUCK, 2 * HOUR_S, HOUR_S)]),
    ("fog", []),
    ("rail", []),
    ("zero", []),
    ("dead", [(Flag.DEAD, 4 * STEP_S, 0), (Flag.DEAD, 5 * STEP_S, 0)]),
    ("in humid air", [(Flag.HIGH_HUMIDITY, 0, 300), (Flag.HIGH_HUMIDITY, 300, 300)]),
    ("humid", []),
    ("in the sun", [(Flag.FAR_FROM_NEIGHBOURS, 0, HOUR_S)]),
    *((f"in the shade {n}", []) for n in range(5)),
    ("restarts", [(Flag.SPIKE, 120, 0), (Flag.SPIKE, 180, 0)]),
]

# Each: the quirk, and the places (country, city) of its values.
PLACES = [
    ("at nowhere", [(None, None)]),
    ("no coordinates", [(None, None)]),
    ("dummy location", [(None, None)]),
    ("UK", [("GB", "Aberdeen")]),
    ("moves", [("GB", "Aberdeen"), ("DE", "Munich")]),
]


def of_quirk(rows, feed, quirk):
    return [row for row in rows if row["sensor_id"] == feed.sensor_by_quirk[quirk]]


@pytest.mark.parametrize(("quirk", "expected"), VALUES, ids=[quirk for quirk, _ in VALUES])
def test_its_values_and_the_doubts_about_them(outcome, feed, quirk, expected):
    values = [
        (row["topic"].removeprefix("measure-").removesuffix("-v1"), pytest.approx(row["value"]), row["flags"])
        for row in of_quirk(outcome.values, feed, quirk)
    ]

    assert values == expected


@pytest.mark.parametrize(("quirk", "expected"), SPANS, ids=[quirk for quirk, _ in SPANS])
def test_its_spans_of_doubt(outcome, feed, quirk, expected):
    spans = sorted(
        (row["flags"], row["starts_at_s"] - BEGIN_S, row["ends_at_s"] - row["starts_at_s"])
        for row in of_quirk(outcome.of("flags"), feed, quirk)
    )

    assert spans == expected


@pytest.mark.parametrize(("quirk", "expected"), PLACES, ids=[quirk for quirk, _ in PLACES])
def test_its_place(outcome, feed, quirk, expected):
    rows = of_quirk(outcome.values, feed, quirk)

    assert [(row.get("country"), row.get("city")) for row in rows] == expected
    assert [row.get("lat") is None for row in rows] == [country is None for country, _ in expected]


def test_what_is_indoor_says_so_and_is_in_no_city(outcome, feed):
    (row,) = of_quirk(outcome.values, feed, "indoor")

    assert row["indoor"] == 1
    assert row["city"] not in {hour["city"] for hour in outcome.of("places")}


def test_text_for_a_number_is_a_letter_with_its_own_words(outcome, feed):
    letters = of_quirk(outcome.letters, feed, "no number")

    assert {letter["reason"] for letter in letters} == {Reason.NOT_A_NUMBER}
    assert sorted(str(json.loads(letter["original"])["value"]) for letter in letters) == sorted(
        ["unavailable", "unknown", "nan", "", "None"]
    )


def test_a_value_type_that_nobody_knows_is_a_letter_with_its_name(outcome, feed):
    (letter,) = of_quirk(outcome.letters, feed, "unknown type")

    assert letter["reason"] == Reason.UNKNOWN_MEASURE
    assert json.loads(letter["original"])["value_type"] == "smell"


def test_nothing_else_is_set_aside(outcome):
    assert len(outcome.letters) == 6


def test_garbage_after_the_payload_costs_only_itself(feed, messages):
    lines, letters = messages

    assert len(lines) == len(feed.records)
    assert {letter.reason for letter in letters} <= {Reason.TRUNCATED_PAYLOAD, Reason.NOT_JSON}
    assert letters
