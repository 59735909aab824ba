"""The recorded three days through the real planner give what a second, independent reading of them gives.

On the way they are made harder: readings come twice, come late, and are dated by clocks that run ahead.
"""

import csv
import heapq
import json
import lzma
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flink_jobs.job import Job
from model_training.cli import app
from model_training.tables import measures_in, read_hours
from scraper.places import Places
from tests.flink_jobs.independent_reference import Reference, Series

pytestmark = pytest.mark.flink

RECORDING = Path(__file__).parents[2] / "local_stack" / "recordings" / "aberdeen-2019-05-12.jsonl.xz"
TWICE_EVERY, LATE_EVERY, AHEAD_EVERY = 50, 997, 1999
LATE_S, AHEAD_S = 5_000, 400


def recorded():
    with lzma.open(RECORDING, "rt") as lines:
        records = [json.loads(line) for line in lines]
    positions = [(float(r["location"]["latitude"]), float(r["location"]["longitude"])) for r in records]
    for record, place in zip(records, Places().of(positions), strict=True):
        yield record | {"place": {"country": place.country, "city": place.city, "geohash": place.geohash}}


def disordered():
    """The readings in the order in which they come."""
    waiting = []  # (comes at, number, reading)
    for number, record in enumerate(recorded()):
        at_s = int(datetime.fromisoformat(record["timestamp"]).replace(tzinfo=UTC).timestamp())
        comes_s = at_s + (LATE_S if number % LATE_EVERY == 3 else 0)
        fetched_s = at_s - AHEAD_S if number % AHEAD_EVERY == 5 else at_s + 60
        fetched_at = datetime.fromtimestamp(fetched_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        reading = record | {"fetched_at": fetched_at, "event_time_ms": at_s * 1000}
        for again in range(2 if number % TWICE_EVERY == 0 else 1):
            heapq.heappush(waiting, (comes_s + 30 * again, number, reading))
    while waiting:
        yield heapq.heappop(waiting)[2]


@pytest.fixture(scope="module")
def readings():
    return list(disordered())


@pytest.fixture(scope="module")
def outcome(run_job, readings):
    return run_job(Job.ALL, [json.dumps(reading).encode() for reading in readings])


@pytest.fixture(scope="module")
def reference(readings):
    return Reference(readings)


def measure_of(topic):
    return topic.removeprefix("measure-").removesuffix("-v1").replace("-", "_")


def series_of(row, measure):
    return Series(**{name: row.get(name) for name in Series._fields[:-1]}, measure=measure)


def start_of(row):
    return row["starts_at_s"]


def test_every_value_and_its_flags(outcome, reference):
    given = Counter(
        (series_of(row, measure_of(row["topic"])), row["observed_at_s"], row["value"], row["flags"])
        for row in outcome.values
    )

    assert given == Counter(map(tuple, reference.values))
    assert outcome.letters == []


@pytest.mark.parametrize("size", ["5m", "1h", "1d"])
def test_every_window_of_a_sensor(outcome, reference, size):
    rows = [row for row in outcome.of("aggregates") if row["topic"] == f"aggregates-{size}-v1"]
    given = {(series_of(row, row["measure"]), start_of(row)): row for row in rows}

    assert len(given) == len(rows)
    assert given.keys() == reference.windows[size].keys()
    for key, window in reference.windows[size].items():
        row = given[key]
        assert (row["count"], row["flagged"]) == (window.count, window.flagged), key
        assert (row.get("low"), row.get("high")) == (window.low, window.high), key
        assert row.get("mean") == (window.mean and pytest.approx(window.mean, abs=1e-6)), key


def test_every_hour_of_a_city_with_median_and_indices(outcome, reference):
    rows = outcome.of("places")
    given = {(row["country"], row["city"], row["measure"], start_of(row)): row for row in rows}

    assert len(given) == len(rows)
    assert given.keys() == reference.places.keys()
    for key, (sensors, mean, median, european, nowcast, us) in reference.places.items():
        row = given[key]
        assert row["sensors"] == sensors, key
        assert (row["mean"], row["median"]) == pytest.approx((mean, median), abs=1e-6), key
        assert (row.get("european_aqi"), row.get("us_aqi")) == (european, us), key
        assert row.get("nowcast") == (nowcast and pytest.approx(nowcast)), key


def test_every_rank_of_a_sensor_in_its_city(outcome, reference):
    given = {}
    for row in sorted(outcome.of("place-ranks"), key=lambda row: row["rank"]):
        place = row["country"], row["city"], row["measure"], start_of(row)
        given.setdefault(place, ([], []))[not row["is_highest"]].append(row["sensor_id"])

    assert given == {place: reference.ranks(place) for place in reference.hours_of_places}


def test_every_ten_seconds_of_a_country(outcome, reference):
    given = {(row.get("country"), start_of(row)): row["readings"] for row in outcome.of("throughput")}

    assert given == reference.throughput


def test_every_flag_of_more_than_one_reading(outcome, reference):
    given = Counter(
        (row["sensor_id"], row["measure"], row["starts_at_s"], row["ends_at_s"], row["flags"])
        for row in outcome.of("flags")
    )

    assert given == reference.flags
    assert {flag for *_, flag in given} >= {64, 512}  # so that something was compared


def test_every_late_reading_and_how_late_it_is(outcome, reference):
    given = Counter(
        (row["sensor_id"], row["observed_at_s"], row["late_s"]) for row in outcome.of("late-readings")
    )

    assert given == reference.late
    assert len(given) > 50


DAY_S = int(datetime(2019, 5, 13, tzinfo=UTC).timestamp())
HOUR_S = 3600


@pytest.fixture(scope="module")
def fetched(readings, reference, tmp_path_factory):
    """What `luftstrom train fetch` makes of the same readings as files of the archive.

    Without those that came too late, which are in no window.
    """
    folder = tmp_path_factory.mktemp("archive")
    in_time = [each for each in readings if (each["sensor"]["id"], at_s(each)) not in too_late(reference)]
    write_archive(folder, in_time)
    out = tmp_path_factory.mktemp("tables")
    result = CliRunner().invoke(app, ["fetch", str(folder), "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out


def at_s(reading):
    return reading["event_time_ms"] // 1000


def too_late(reference):
    return {(sensor_id, observed_at_s) for sensor_id, observed_at_s, _ in reference.late}


def write_archive(folder, readings):
    """One file a sensor, as the archive has them."""
    by_sensor = defaultdict(list)
    for reading in readings:
        by_sensor[reading["sensor"]["id"], reading["sensor"]["sensor_type"]["name"]].append(reading)
    for (sensor_id, kind), theirs in by_sensor.items():
        names = sorted({each["value_type"] for reading in theirs for each in reading["sensordatavalues"]})
        with (folder / f"2019-05-13_{kind.lower()}_sensor_{sensor_id}.csv").open("w") as file:
            rows = csv.writer(file, delimiter=";")
            rows.writerow(["sensor_id", "sensor_type", "location", "lat", "lon", "timestamp", *names])
            for reading in theirs:
                place, when = reading["location"], datetime.fromtimestamp(at_s(reading), UTC)
                values = {each["value_type"]: each["value"] for each in reading["sensordatavalues"]}
                rows.writerow([
                    sensor_id, kind, place["id"], place["latitude"], place["longitude"],
                    when.strftime("%Y-%m-%dT%H:%M:%S"), *(values.get(name, "") for name in names),
                ])  # fmt: skip


def test_the_hours_of_a_day_are_those_that_fetch_makes_of_the_same_readings_in_files(
    outcome, readings, fetched
):
    # Files do not tell when a reading was fetched, so none of theirs is from the future.
    ahead = {(each["sensor"]["id"], at_s(each) // HOUR_S) for each in readings if is_ahead(each)}
    touched = ahead | {(sensor_id, hour + 1) for sensor_id, hour in ahead}
    given = {
        hour_of(row, row["measure"]): row
        for row in outcome.of("aggregates")
        if row["topic"] == "aggregates-1h-v1" and row["count"]
    }
    made = {
        hour_of(row, measure): row
        for measure in measures_in(fetched)
        for row in read_hours(fetched, measure).iter_rows(named=True)
    }

    assert compared(given, touched) == compared(made, touched)
    assert len(compared(given, touched)) > 0.9 * len(compared(given, set())) > 1_000
    for key in compared(given, touched):
        assert given[key]["count"] == made[key]["count"], key
        assert given[key]["mean"] == pytest.approx(made[key]["mean"], abs=1e-6), key


def hour_of(row, measure):
    """Whose hour it is; files are rounded to four decimals of a degree, the feed is not."""
    return row["sensor_id"], measure, row["starts_at_s"], round(row["lat"], 4), round(row["lon"], 4)


def is_ahead(reading):
    fetched_at = datetime.fromisoformat(reading["fetched_at"])
    return at_s(reading) > fetched_at.timestamp()


def compared(rows, touched):
    """The keys of the day, without the hours of a sensor that are touched."""
    return {
        key
        for key in rows
        if DAY_S <= key[2] < DAY_S + 24 * HOUR_S and (key[0], key[2] // HOUR_S) not in touched
    }
