"""What the back-fill makes of archive files is split as the feed's own records are."""

import json
import re

import pytest

from flink_jobs.sql.split import _PLAIN_ESSENCE
from scraper.backfill.archive_csv import SENSOR_ID_MAX, archive_id
from scraper.backfill.archive_csv import records_of as readings_in
from tests.flink_jobs.bounded import OBSERVED_AT_S

HEADER = b"sensor_id;sensor_type;location;lat;lon;timestamp;pressure;altitude;pressure_sealevel;temperature"
ROWS = [
    b"71;BMP180;48;57.136;-2.075;2019-05-12T08:20:03;99011.0;120.5;;7.1",
    b"71;BMP180;48;57.136;-2.075;2019-05-12T08:20:03;99011.0;120.5;;7.1",
    b"%d;BMP180;48;57.136;-2.075;2019-05-12T08:20:03;99011.0;;101325;unknown" % SENSOR_ID_MAX,
]


def messages():
    for reading in readings_in([HEADER, *ROWS], name="x", is_indoor=None, latest_s=2e9):
        yield json.dumps({**json.loads(reading.record), "event_time_ms": OBSERVED_AT_S * 1000}).encode()


@pytest.mark.flink
def test_rows_of_the_archive_are_values_once_by_their_ids_and_no_message_is_refused(run_split):
    outcome = run_split(list(messages()))

    assert sorted((value["sensor_id"], value["topic"], value["value"]) for value in outcome.values) == [
        (71, "measure-pressure-v1", pytest.approx(990.11)),
        (71, "measure-temperature-v1", 7.1),
        (SENSOR_ID_MAX, "measure-pressure-sealevel-v1", pytest.approx(1013.25)),
        (SENSOR_ID_MAX, "measure-pressure-v1", pytest.approx(990.11)),
    ]
    assert [(letter["reason"], json.loads(letter["original"])["value"]) for letter in outcome.letters] == [
        ("not_a_number", "unknown")
    ]


@pytest.mark.parametrize("sensor_id", [1, SENSOR_ID_MAX])
def test_the_guard_takes_the_ids_of_the_archive_for_plain(sensor_id):
    essence = (
        f'{{"id":{archive_id(sensor_id, 2**32 - 1)},"sensor":{{"id":{sensor_id}}},"sensordatavalues":[]}}'
    )

    assert re.search(_PLAIN_ESSENCE.replace(r"\z", r"\Z"), essence)
