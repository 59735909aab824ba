"""Which hour may be issued, which hours may be scored.

An hour is named by its start, Unix seconds. The issue of 12:00 knows the hours up to 11:00…12:00; its
horizon 1 is the hour from 12:00. The Flink watermark stands 15 minutes behind the newest reading, so
that hour is closed, stored and readable from about 12:17 on: the issue of 12:00 is made at 12:20, and its
first horizon is then a third over. Training sees it the same way: nothing of horizon 1 is known.
"""

from collections.abc import Sequence

from forecasting.hourly_table import HOUR_S

MINUTE_S = 60


def due_issue_s(now_s: float, *, minute: int) -> int:
    """The newest issue that is due at `now_s`: of the hour that began `minute` minutes ago, or longer."""
    return int(now_s - minute * MINUTE_S) // HOUR_S * HOUR_S


def due_at_s(issued_at_s: int, *, minute: int) -> int:
    """When the issue is due."""
    return issued_at_s + minute * MINUTE_S


def is_complete(sensors_by_hour: Sequence[int], *, share: float) -> bool:
    """Whether the last hour has as many sensors as the day before it lets expect.

    `sensors_by_hour` counts the sensors with a value, oldest hour first; `share` is of the median of the
    hours before the last. Sensors come and go, so the last hour never has all of them.
    """
    before = sorted(count for count in sensors_by_hour[:-1] if count)
    if not before:
        return bool(sensors_by_hour and sensors_by_hour[-1])
    return sensors_by_hour[-1] >= share * before[len(before) // 2]


def hours_to_score(scored_until_s: int | None, *, issued_at_s: int, oldest_s: int) -> range:
    """The hours whose truth is known when `issued_at_s` is issued, and that were not scored yet.

    `scored_until_s` is the last one that was; `oldest_s` the oldest hour that can still be looked up.
    """
    first = oldest_s if scored_until_s is None else max(oldest_s, scored_until_s + HOUR_S)
    return range(first, issued_at_s, HOUR_S)
