"""Bursts of a small network with trouble of clocks and silences, as messages of chosen partitions."""

import json
import time
from dataclasses import dataclass
from functools import partial

MINUTE_S = 60
NOON_S = 1_557_662_400  # 2019-05-12, UTC
STEP_S = 150  # between two readings of a sensor
POLL_S = 5 * MINUTE_S  # a poll brings what was measured in so long
DAY_S = 86_400

# The first partition's part of a burst comes before the others'; the last partition never has a reading.
FIRST, SECOND, ASTRAY, EMPTY = range(4)
STEADY = {FIRST: range(1000, 1004), SECOND: range(2000, 2004)}
SLIGHTLY_AHEAD, AHEAD, YEARS_AHEAD, IN_TIME, LATE, ARCHIVED = range(3000, 3006)
COUNTRY = {FIRST: "GB", SECOND: "FR", ASTRAY: "DE"}
SLIGHTLY_AHEAD_S, AHEAD_S, YEARS_AHEAD_S = 4 * MINUTE_S, 20 * MINUTE_S, 400 * DAY_S


@dataclass(frozen=True)
class Message:
    """One reading: whose, of when, fetched when, and the partition that it lies in."""

    partition: int
    sensor_id: int
    at_s: int
    fetched_s: int

    @property
    def body(self):
        """As the scraper writes it; the same reading has the same id in each poll."""
        return json.dumps({
            "id": self.sensor_id * 10**10 + self.at_s, "sensor": {"id": self.sensor_id},
            "sensordatavalues": [{"value": "7", "value_type": "temperature"}],
            "place": {"country": COUNTRY[self.partition], "city": "Aberdeen"},
            "fetched_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.fetched_s)),
        }).encode()  # fmt: skip


def burst(minute):
    """What a poll at that minute brings, by partition: each sensor's readings of the last five minutes."""
    message = partial(Message, fetched_s=NOON_S + minute * MINUTE_S)
    first, second = (
        [message(part, each, at_s) for each in sensors for at_s in measured(each, minute)]
        for part, sensors in STEADY.items()
    )
    for sensor_id, ahead_s in ((SLIGHTLY_AHEAD, SLIGHTLY_AHEAD_S), (AHEAD, AHEAD_S)):
        first += [message(FIRST, sensor_id, at_s + ahead_s) for at_s in measured(sensor_id, minute)]
    astray = [message(ASTRAY, YEARS_AHEAD, at_s + YEARS_AHEAD_S) for at_s in measured(YEARS_AHEAD, minute)]
    return {FIRST: first, SECOND: second, ASTRAY: astray}


def measured(sensor_id, minute):
    """The times of a sensor's readings in the five minutes before, the newest first."""
    now_s, phase_s = NOON_S + minute * MINUTE_S, sensor_id * 17 % STEP_S
    newest_s = now_s - (now_s - phase_s) % STEP_S
    return range(newest_s, now_s - POLL_S, -STEP_S)


def archived(minute):
    """Readings of an archive that is played while the poll of that minute comes: days before and after."""
    at_s = NOON_S + minute * MINUTE_S
    return [
        Message(FIRST, ARCHIVED, at_s + days * DAY_S, fetched_s=at_s + 9 * DAY_S)
        for days in (-3, 0, 3)
    ]  # fmt: skip
