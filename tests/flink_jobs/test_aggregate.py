"""What `aggregate` means, on Flink itself: one bounded run over scripted sensors, a claim a test."""

import json
import re
from collections import Counter

import pytest

from contracts.air_quality_indices import european_level, nowcast, us_sub_index
from contracts.flags import DEAD_COUNT, FAR_SENSORS_MIN, FUTURE_S_MAX, STUCK_HOURS, Flag
from contracts.topics import (
    AGGREGATE_TOPICS,
    FLAGS,
    PLACE_RANKS_1H,
    PLACES_1H,
    READINGS_LATE,
    THROUGHPUT_10S,
)
from flink_jobs.connectors import KafkaConnectors
from flink_jobs.job import Job, job_text
from flink_jobs.planning import statement_set
from flink_jobs.sql.timing import Timing
from tests.flink_jobs.bounded import a_reading, line

pytestmark = pytest.mark.flink

HOUR_S, DAY_S = 3600, 86_400
MIDNIGHT_S = 1_557_619_200  # 2019-05-12, UTC
NOON_S = MIDNIGHT_S + 12 * HOUR_S
FETCHED_S = 1_557_700_000
STEP_S = 150

CALM, DEAD, ALIVE, SPIKED, STUCK, FOGGED, MOVED, REPAIRED, LATE, AHEAD, ODD, TWICE, INDOOR, NOWHERE, EARLY = (
    range(100, 115)
)
CITY_OF_CELL, CELL = "Cellburgh", (52.01, 13.01)
FAR, NEAR = 200, range(201, 201 + FAR_SENSORS_MIN)
RANKED = range(300, 312)
DUSTY = 400
HISTORIC = 500

UNNESTS = (
    "the values of a reading",
    "its entries that are none",
    "the weight of a NowCast, once",
    "the NowCast, once",
)
OVERS = ("dead and spike", "humidity", "stuck", "median of a cell", "spread of a cell")
WINDOWS = ("five minutes", "hour", "day", "ten seconds", "hour of a city", "twelve hours of a city")


class Script:
    """Readings of scripted sensors, in the order of their times."""

    def __init__(self):
        self._readings = []

    def reading(self, sensor_id, at_s, *values, position=("57.1", "-2.1"), city="Aberdeen", **members):
        lat, lon = position
        self._readings.append((at_s, a_reading(
            *((str(value), value_type) for value, value_type in values),
            sensor={"id": sensor_id, "sensor_type": {"name": "T"}},
            location={"latitude": str(lat), "longitude": str(lon), "indoor": members.pop("indoor", 0)},
            place={"country": "GB", "city": city} if city else None,
            event_time_ms=at_s * 1000, fetched_at="2019-05-13T00:00:00Z", **members,
        )))  # fmt: skip

    def series(self, sensor_id, at_s, numbers, value_type, *, step_s=STEP_S, **options):
        for n, number in enumerate(numbers):
            self.reading(sensor_id, at_s + n * step_s, (number, value_type), **options)

    def lines(self):
        return [line(reading) for _, reading in sorted(self._readings, key=lambda timed: timed[0])]


def _script():
    script = Script()
    script.series(EARLY, MIDNIGHT_S - 60, [5], "P1", step_s=1)
    script.series(CALM, NOON_S, [10, 11, 12, 13, 30], "P1")
    script.reading(CALM, NOON_S + 2 * HOUR_S, (50, "P1"))
    script.series(DEAD, NOON_S, [0.5] * (DEAD_COUNT + 2), "P1")
    script.series(ALIVE, NOON_S, [0.5] * (DEAD_COUNT - 1) + [1.5] + [0.5] * (DEAD_COUNT - 1), "P1")
    script.series(SPIKED, NOON_S, [10, 12, 20, 5, 5.5], "temperature")
    script.series(STUCK, NOON_S, [7.25] * (STUCK_HOURS * 6), "temperature", step_s=600)
    script.series(
        STUCK + 1000, NOON_S, [100] * (STUCK_HOURS * 6), "humidity", step_s=600, position=(50.0, 6.0)
    )
    script.series(FOGGED, NOON_S, [20] * 4, "P1", position=(51.0, 7.0), step_s=300)
    script.series(FOGGED + 1000, NOON_S, [80, 84, 90, 95], "humidity", position=(51.0, 7.0), step_s=300)
    script.series(MOVED, NOON_S, [10, 20], "P1", step_s=30)
    script.series(MOVED, NOON_S + 60, [90], "P1", position=(48.1, 11.5), city="Munich")
    script.reading(REPAIRED, NOON_S, (1010, "pressure"))
    script.reading(REPAIRED, NOON_S + STEP_S, (101_200, "pressure"))
    script.series(ODD, NOON_S, [10, 5000, 20], "P1")
    script.series(TWICE, NOON_S, [1.5], "P1", id=77)
    script.series(TWICE, NOON_S, [1.5], "P1", id=77)
    script.series(INDOOR, NOON_S, [900], "P1", indoor=1)
    script.series(NOWHERE, NOON_S, [40], "P1", position=(0, 0), city=None)
    script.series(DUSTY, NOON_S, [30, 60], "P2", step_s=HOUR_S, position=(40.0, 3.0), city="Dustville")
    for sensor_id, number in [(FAR, 100.0), *((near, 10.0 + near % 3) for near in NEAR)]:
        script.series(sensor_id, NOON_S, [number] * 3, "P1", position=CELL, city=CITY_OF_CELL)
    for sensor_id in RANKED:
        position = (10.0 + sensor_id, 20.0)
        script.series(sensor_id, NOON_S, [sensor_id], "P2", position=position, city="Rankton")
    return script


@pytest.fixture(scope="module")
def outcome(run_job):
    lines = _script().lines()
    # Its time is years ahead; were it believed, all that follows would be late.
    ahead = a_reading(("1", "P1"), sensor={"id": AHEAD}, event_time_ms=(FETCHED_S + 99 * DAY_S) * 1000,
                      fetched_at="2019-05-13T00:00:00Z")  # fmt: skip
    late = a_reading(("66", "P1"), sensor={"id": LATE}, event_time_ms=NOON_S * 1000)
    history = [
        line(a_reading((str(n), "P1"), sensor={"id": HISTORIC}, event_time_ms=(NOON_S - n * DAY_S) * 1000))
        for n in range(1, 4)
    ]
    timing = Timing(windows_from_s=MIDNIGHT_S)
    return run_job(Job.ALL, [line(ahead), *lines, line(late)], history=history, timing=timing)


def aggregates(outcome, size, sensor_id):
    topic = AGGREGATE_TOPICS[size]
    found = [row for row in outcome.of("aggregates") if row["topic"] == topic.name]
    found = [topic.decode(json.dumps(row).encode()) for row in found if row["sensor_id"] == sensor_id]
    return sorted(found, key=lambda row: row.starts_at_s)


def flags(outcome, sensor_id):
    spans = [FLAGS.decode(json.dumps(row).encode()) for row in outcome.of("flags")]
    return sorted(
        (span.starts_at_s, span.ends_at_s, span.flags) for span in spans if span.sensor_id == sensor_id
    )


def messages(outcome, sink, topic):
    return [topic.decode(json.dumps(row).encode()) for row in outcome.of(sink)]


def test_windows_have_mean_low_high_and_count_and_begin_on_the_clock(outcome):
    five = aggregates(outcome, "5m", CALM)

    assert [(row.starts_at_s, row.count, row.mean, row.low, row.high) for row in five] == [
        (NOON_S, 2, 10.5, 10.0, 11.0),
        (NOON_S + 300, 2, 12.5, 12.0, 13.0),
        (NOON_S + 600, 1, 30.0, 30.0, 30.0),
        (NOON_S + 2 * HOUR_S, 1, 50.0, 50.0, 50.0),
    ]


def test_what_is_of_before_the_first_whole_window_is_a_value_and_in_no_window(outcome):
    assert [value["value"] for value in outcome.value(EARLY)] == [5.0]
    assert [row for size in AGGREGATE_TOPICS for row in aggregates(outcome, size, EARLY)] == []
    assert min(row["starts_at_s"] for row in outcome.of("throughput")) >= MIDNIGHT_S


def test_longer_windows_are_of_all_their_values_not_of_means(outcome):
    hour, later = aggregates(outcome, "1h", CALM)
    (day,) = aggregates(outcome, "1d", CALM)

    assert (hour.starts_at_s, hour.count, hour.mean) == (NOON_S, 5, 76.0 / 5)
    assert (later.starts_at_s, later.count) == (NOON_S + 2 * HOUR_S, 1)
    assert (day.starts_at_s, day.count, day.mean, day.low, day.high) == (MIDNIGHT_S, 6, 21.0, 10.0, 50.0)


def test_a_flagged_value_is_counted_and_left_out_of_the_mean(outcome):
    (hour,) = aggregates(outcome, "1h", ODD)

    assert (hour.count, hour.flagged, hour.mean, hour.high) == (2, 1, 15.0, 20.0)


def test_a_repaired_value_is_flagged_and_stays_in_the_mean(outcome):
    (hour,) = aggregates(outcome, "1h", REPAIRED)

    assert (hour.count, hour.flagged, hour.mean) == (2, 0, 1011.0)
    assert [value["flags"] for value in outcome.value(REPAIRED)] == [Flag.UNIT_REPAIRED, 0]


def test_a_repeated_reading_counts_once(outcome):
    assert [row.count for row in aggregates(outcome, "1h", TWICE)] == [1]


def test_a_sensor_that_moves_has_a_row_at_each_place(outcome):
    rows = aggregates(outcome, "5m", MOVED)

    assert sorted((row.city, row.count, row.mean) for row in rows) == [
        ("Aberdeen", 2, 15.0),
        ("Munich", 1, 90.0),
    ]


def test_a_dust_sensor_is_dead_from_the_fifth_low_value_on(outcome):
    at = [NOON_S + n * STEP_S for n in range(DEAD_COUNT - 1, DEAD_COUNT + 2)]

    assert flags(outcome, DEAD) == [(at_s, at_s, Flag.DEAD) for at_s in at]
    assert flags(outcome, ALIVE) == []
    (hour,) = aggregates(outcome, "1h", DEAD)
    assert (hour.count, hour.flagged) == (DEAD_COUNT - 1, 3)


def test_a_change_faster_than_the_air_is_a_spike(outcome):
    assert flags(outcome, SPIKED) == [(at_s, at_s, Flag.SPIKE) for at_s in (NOON_S + 3 * STEP_S,)]


def test_hours_of_one_value_are_stuck_but_fog_may_stay(outcome):
    last_s = NOON_S + (STUCK_HOURS - 1) * HOUR_S

    assert flags(outcome, STUCK) == [(last_s, last_s + HOUR_S, Flag.STUCK)]
    assert flags(outcome, STUCK + 1000) == []


def test_dust_in_humid_air_of_the_same_location_is_flagged(outcome):
    humid = [NOON_S + 600, NOON_S + 900]

    assert flags(outcome, FOGGED) == [(at_s, at_s + 300, Flag.HIGH_HUMIDITY) for at_s in humid]
    (hour,) = aggregates(outcome, "1h", FOGGED)
    assert (hour.count, hour.flagged) == (4, 0)


def test_a_sensor_far_from_its_neighbours_is_flagged_and_they_are_not(outcome):
    assert flags(outcome, FAR) == [(NOON_S, NOON_S + HOUR_S, Flag.FAR_FROM_NEIGHBOURS)]
    assert [flags(outcome, near) for near in NEAR] == [[]] * FAR_SENSORS_MIN


def test_a_city_has_mean_and_median_of_its_outdoor_sensors(outcome):
    hours = {
        (hour.city, hour.measure, hour.starts_at_s): hour for hour in messages(outcome, "places", PLACES_1H)
    }

    rankton = hours["Rankton", "pm25", NOON_S]
    assert (rankton.sensors, rankton.mean, rankton.median) == (len(RANKED), 305.5, 305.5)
    aberdeen = hours["Aberdeen", "pm10", NOON_S]
    assert aberdeen.sensors == 7  # not the indoor one, not the one without a place
    assert all(hour.city for hour in hours.values())


def test_a_city_has_the_indices_of_its_dust(outcome):
    hours = {
        (hour.city, hour.measure, hour.starts_at_s): hour for hour in messages(outcome, "places", PLACES_1H)
    }
    first, second = (hours["Dustville", "pm25", NOON_S + n * HOUR_S] for n in range(2))

    assert (first.european_aqi, first.nowcast, first.us_aqi) == (european_level("pm25", 30.0), None, None)
    assert second.european_aqi == european_level("pm25", 60.0)
    assert second.nowcast == pytest.approx(nowcast("pm25", [60.0, 30.0]))
    assert second.us_aqi == us_sub_index("pm25", second.nowcast)
    temperature = next(hour for hour in hours.values() if hour.measure == "temperature")
    assert (temperature.european_aqi, temperature.nowcast, temperature.us_aqi) == (None, None, None)


def test_a_city_has_its_ten_highest_and_lowest_sensors(outcome):
    ranks = [rank for rank in messages(outcome, "place-ranks", PLACE_RANKS_1H) if rank.city == "Rankton"]
    highest = sorted((rank.rank, rank.sensor_id) for rank in ranks if rank.is_highest)
    lowest = sorted((rank.rank, rank.sensor_id) for rank in ranks if not rank.is_highest)

    assert highest == list(enumerate(sorted(RANKED, reverse=True)[:10], start=1))
    assert lowest == list(enumerate(sorted(RANKED)[:10], start=1))


def test_readings_are_counted_by_country_in_ten_seconds(outcome):
    counts = messages(outcome, "throughput", THROUGHPUT_10S)

    assert all(count.starts_at_s % 10 == 0 for count in counts)
    in_windows = sum(count.readings for count in counts)
    assert in_windows == len(_script().lines()) - 2  # one was sent twice
    assert {count.country for count in counts} == {"GB", None}


def test_a_late_reading_is_in_no_window_and_is_told_with_its_delay(outcome):
    (late,) = messages(outcome, "late-readings", READINGS_LATE)

    assert (late.sensor_id, late.observed_at_s) == (LATE, NOON_S)
    assert late.late_s > HOUR_S
    assert aggregates(outcome, "5m", LATE) == []
    assert [value["value"] for value in outcome.value(LATE)] == [66.0]


def test_an_archive_beside_the_live_feed_gives_values_and_touches_no_window(outcome):
    assert sorted(value["value"] for value in outcome.value(HISTORIC)) == [1.0, 2.0, 3.0]
    assert aggregates(outcome, "5m", HISTORIC) == []
    assert HISTORIC not in {row["sensor_id"] for row in outcome.of("late-readings")}


def test_a_clock_in_the_future_is_flagged_and_moves_nothing(outcome):
    assert [value["flags"] for value in outcome.value(AHEAD)] == [Flag.FROM_FUTURE]
    assert aggregates(outcome, "5m", AHEAD) == []
    assert FUTURE_S_MAX < 99 * DAY_S


def test_every_step_is_planned_once_and_only_appends(flink):
    from pyflink.table import ExplainDetail  # noqa: PLC0415 - needs Java to run

    statements = statement_set(flink(), job_text(KafkaConnectors("127.0.0.1:9", "plan"), job=Job.ALL))
    explained = statements.explain(ExplainDetail.CHANGELOG_MODE)
    physical, execution = (
        explained.split(f"== Optimized {kind} Plan ==")[1] for kind in ("Physical", "Execution")
    )
    physical = physical.split("== Optimized Execution Plan ==")[0]
    nodes = Counter(re.findall(r"^[\s:+|-]*([A-Z]\w+)\(", execution, flags=re.MULTILINE))

    assert set(re.findall(r"changelogMode=\[([^\]]*)\]", physical)) == {"I", "NONE"}  # NONE: the sinks
    assert nodes["Deduplicate"] == 1
    assert nodes["Correlate"] == len(UNNESTS)
    assert nodes["TableSourceScan"] == 2  # parsed, and as bytes for the guard
    assert nodes["OverAggregate"] == len(OVERS)
    assert nodes["GlobalWindowAggregate"] == len(WINDOWS)
