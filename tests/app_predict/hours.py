"""Hourly rows of made-up sensors, and a source of them in place of InfluxDB."""

import numpy as np

from app_predict.hourly_source import SensorTags
from forecasting.hourly_table import HOUR_S, HourlyRows

HOURS = 192


def rows_of(values, *, measure="pm25", starts_at_s=0, first_sensor=1, lat=57.14, lon=-2.1, count=25):
    """Rows of the values (sensors, hours) that are no NaN; the sensors stand a kilometre apart."""
    values = np.asarray(values, dtype=np.float64)
    sensor, hour = np.nonzero(~np.isnan(values))
    return HourlyRows(
        measure=np.full(len(sensor), measure),
        sensor_id=sensor + first_sensor,
        starts_at_s=starts_at_s + hour * HOUR_S,
        mean=values[sensor, hour],
        count=np.full(len(sensor), count),
        lat=np.full(len(sensor), lat),
        lon=lon + 0.016 * sensor,
    )


def joined(*parts):
    return HourlyRows(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in HourlyRows.__slots__}
    )


class MemorySource:
    """An HourlySource of given rows."""

    def __init__(self, rows):
        self.all_rows = rows
        self.tags_by_sensor = {
            int(each): SensorTags("SDS011", "GB", "Aberdeen") for each in np.unique(rows.sensor_id)
        }
        self.reads = 0

    def sensors_by_hour(self, _measures, *, starts_at_s, hours):
        chosen = self._between(starts_at_s, hours)
        return np.bincount((chosen.starts_at_s - starts_at_s) // HOUR_S, minlength=hours).tolist()

    def rows(self, _measures, *, starts_at_s, hours):
        self.reads += 1
        for first in range(0, hours, 12):
            yield self._between(starts_at_s + first * HOUR_S, min(12, hours - first))

    def _between(self, starts_at_s, hours):
        at = self.all_rows.starts_at_s
        return self.all_rows.where((at >= starts_at_s) & (at < starts_at_s + hours * HOUR_S))
