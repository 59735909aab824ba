"""What is trained on, validated on and tested on: by time, and by places that are left out."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from contracts.errors import BadInputError
from forecasting.hourly_table import HOUR_S, Booleans, HourlyTable
from model_training.sources.beijing import CHINA_STANDARD_TIME_S, STATIONS
from model_training.splits import Examples, Split, origins, split_by_month_ends, split_by_time
from model_training.tables import Data

DAY_H = 24
YEAR_S = 365 * DAY_H * HOUR_S
MONTH_END_DAY = 24  # from then on a month is validated on
FURTHER_VALIDATION_STEP = 33
NONE = "none"
EVERY = re.compile(r"every:(\d+)")
SENSORS = re.compile(r"sensors:(\d+(?:,\d+)*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Train before `train_until_s`, validate before `validate_until_s`, test before `test_until_s`.

    `leave_out` names places that are never trained on: `every:4` those whose location is divisible by 4,
    `sensors:3,8` those sensors, `none`. Where `month_ends_from_s` is set, validation is the last days of
    each month from then to `validate_until_s`, and training the rest before that.
    Steps are hours between two origins; a test step is coprime to 24, so that all hours of the day count.
    """

    train_until_s: int
    validate_until_s: int
    test_until_s: int
    leave_out: str = "every:4"
    validation_step: int = 3
    test_step: int = 7
    week_share_min: float = 0.0
    month_ends_from_s: int | None = None
    scale_until_s: int | None = None

    def left_out(self, data: Data) -> Booleans:
        """Which series are never trained on, (series,)."""
        if every := EVERY.fullmatch(self.leave_out):
            return np.asarray(data.locations % int(every[1]) == 0)
        if sensors := SENSORS.fullmatch(self.leave_out):
            return np.isin(data.table.sensor_ids, [int(each) for each in sensors[1].split(",")])
        if self.leave_out == NONE:
            return np.zeros(len(data.locations), dtype=bool)
        raise BadInputError("bad_leave_out", f"{self.leave_out!r} is not every:N, sensors:A,B or none")

    def split(self, data: Data) -> Split:
        """Training and validation examples; raises BadInputError where there are none."""
        seen = ~self.left_out(data)
        split = self._split(data.table, seen)
        if not len(split.train) or not len(split.validation):
            raise BadInputError(
                "too_little_data",
                f"{data.table.measure}: {len(split.train)} examples to train on, {len(split.validation)} to "
                "validate on; take an earlier --train-until or fetch more",
            )
        return split

    def split_of_further(self, data: Data) -> Split:
        """What a further city teaches, and what shows when it is enough: the month ends of its last year.

        Raises BadInputError where there is none of either.
        """
        table = data.table
        end_s = min(self.train_until_s, table.starts_at_s + HOUR_S * table.hours)
        split = split_by_month_ends(
            table, series=~self.left_out(data), year_from_s=end_s - YEAR_S, until_s=end_s,
            first_day=MONTH_END_DAY, step=FURTHER_VALIDATION_STEP,
        )  # fmt: skip
        if not len(split.train) or not len(split.validation):
            raise BadInputError(
                "too_little_data",
                f"{data.fingerprint.source} has {len(split.train)} examples of {table.measure} to train on, "
                f"{len(split.validation)} to validate on, before the end of the training",
            )
        return split

    def _split(self, table: HourlyTable, seen: Booleans) -> Split:
        if self.month_ends_from_s is not None:
            return split_by_month_ends(
                table, series=seen, year_from_s=self.month_ends_from_s, until_s=self.validate_until_s,
                first_day=MONTH_END_DAY, step=self.validation_step,
            )  # fmt: skip
        return split_by_time(
            table, series=seen, validation_from_s=self.train_until_s, until_s=self.validate_until_s,
            validation_step=self.validation_step,
        )  # fmt: skip

    def test(self, data: Data) -> Examples:
        """Test examples of all series, left out ones too; raises BadInputError where there are none."""
        table = data.table
        examples = origins(
            table.values, series=np.ones(len(table.values), dtype=bool),
            first=table.column(self.validate_until_s), end=min(table.column(self.test_until_s), table.hours),
            step=self.test_step, week_share_min=self.week_share_min,
        )  # fmt: skip
        if not len(examples):
            raise BadInputError(
                "too_little_data", f"{table.measure}: nothing to test on after --validate-until"
            )
        return examples

    def scale_columns(self, table: HourlyTable) -> int:
        """The column before which the seasonal naive error is taken, which MASE is by."""
        until_s = self.scale_until_s if self.scale_until_s is not None else self.validate_until_s
        return max(table.column(until_s), 0)


def utc_s(text: str) -> int:
    """Unix seconds of an ISO time or date in UTC; raises BadInputError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInputError("bad_time", f"{text!r} is no ISO date or time, like 2019-02-01") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def by_time(train_until: str, validate_until: str, test_until: str, leave_out: str) -> Protocol:
    """The plain protocol; raises BadInputError where the times are not in order."""
    times = [utc_s(each) for each in (train_until, validate_until, test_until)]
    if not times[0] < times[1] < times[2]:
        raise BadInputError("bad_time", "--train-until, --validate-until and --test-until go forward in time")
    return Protocol(
        train_until_s=times[0], validate_until_s=times[1], test_until_s=times[2], leave_out=leave_out
    )


FITTED, VALIDATED = 0.4, 0.5  # of what was observed
DAYS_MIN = 14


def of_any_span(table: HourlyTable) -> Protocol:
    """The plain protocol of what a table has: two fifths for baselines, a tenth for bands, half for the test.

    By what was observed, not by the clock, for few cities are observed evenly. All places count as seen.
    Raises BadInputError where it is fewer days than `DAYS_MIN`.
    """
    observed = np.isfinite(table.values).any(axis=0)
    if (days := observed.sum() / DAY_H) < DAYS_MIN:
        raise BadInputError(
            "too_little_data", f"{table.measure}: {days:.1f} days of hours; {DAYS_MIN} are the least"
        )
    share = np.cumsum(observed) / observed.sum()
    first, second = (int(np.searchsorted(share, each)) + 1 for each in (FITTED, VALIDATED))
    times = (table.starts_at_s + HOUR_S * column for column in (first, second, table.hours))
    train_until_s, validate_until_s, test_until_s = times
    return Protocol(
        train_until_s=train_until_s, validate_until_s=validate_until_s, test_until_s=test_until_s,
        leave_out=NONE,
    )  # fmt: skip


# sensor.community in Aberdeen: the history before the recordings (local_stack/recordings) begins to be told.
ABERDEEN = by_time("2019-02-01", "2019-03-01", "2019-04-01", "every:4")

_BEIJING_UNSEEN = ("Dingling", "Nongzhanguan", "Shunyi")
BEIJING = replace(
    by_time("2016-02-24", "2016-03-01", "2017-03-01",
            "sensors:" + ",".join(str(STATIONS.index(name) + 1) for name in _BEIJING_UNSEEN)),
    validation_step=11, test_step=29, week_share_min=0.5,
    validate_until_s=utc_s("2016-03-01") - CHINA_STANDARD_TIME_S,
    test_until_s=utc_s("2017-03-01") - CHINA_STANDARD_TIME_S,
    month_ends_from_s=utc_s("2015-03-01") - CHINA_STANDARD_TIME_S,
    scale_until_s=utc_s("2015-03-01") - CHINA_STANDARD_TIME_S,
)  # fmt: skip

PROTOCOLS = {"aberdeen": ABERDEEN, "beijing": BEIJING}
