"""Doubts about a value, as bits of an integer that stands beside it; 0 means nothing to doubt.

A reading alone tells the first of them, and `split` sets them on the value. The others need what was
before, or what stands near: `aggregate` finds them and publishes them as flags of a span of time
(docs/decisions/0005). Their limits stand in the table of measures, or here.
"""

from enum import IntFlag


class Flag(IntFlag):
    """One bit a doubt; a bit is never given a second meaning."""

    # Of one reading.
    OUT_OF_RANGE = 1  # outside the measure's plausible range, `Measure.low` to `Measure.high`
    SATURATED = 2  # at or above the end of the sensor's scale, `Measure.saturated_at`: the truth is unknown
    UNIT_REPAIRED = 4  # came in another unit, `Measure.other_unit`; the value is repaired
    PM25_ABOVE_PM10 = 8  # more fine dust than dust: on both values of the reading
    SENSOR_FAULT = 16  # a climate value of the reading is out of range: on all its values
    FROM_FUTURE = 32  # dated over `FUTURE_S_MAX` after it was fetched: a wrong clock
    # Of a sensor's last readings.
    DEAD = 64  # `DEAD_COUNT` in a row under `DEAD_BELOW_UG_M3`
    SPIKE = 128  # since the reading before it changed faster than `Measure.spike_per_min`
    STUCK = 256  # `STUCK_HOURS` whole hours of one value, see `Measure.may_stand_still`
    # Of what stands near.
    HIGH_HUMIDITY = 512  # optical dust sensors see droplets above `HUMID_ABOVE_PCT` at the same location
    FAR_FROM_NEIGHBOURS = 1024  # an hour's mean far from the median of its cell, see `FAR_MADS`


# Left in the means: the value is right, or right but to be read with care.
HARMLESS = Flag.UNIT_REPAIRED | Flag.HIGH_HUMIDITY

FUTURE_S_MAX = 300

# After airqdata, which calls a dust sensor dead at five values in a row below 1.
DEAD_MEASURES = ("pm25", "pm10")
DEAD_COUNT = 5
DEAD_BELOW_UG_M3 = 1.0

STUCK_HOURS = 3

# The SDS011's data sheet promises its accuracy up to 70 % only; from 85 % it reads fog as dust.
HUMID_MEASURES = ("pm1", "pm25", "pm4", "pm10")
HUMID_ABOVE_PCT = 85.0

# Robust z-score: |x - median| > FAR_MADS * 1.4826 * median(|x - median|), and over `Measure.far_at_least`,
# among at least FAR_SENSORS_MIN outdoor sensors of one geohash cell of five characters.
FAR_MADS = 5.0
MAD_TO_SIGMA = 1.4826
FAR_SENSORS_MIN = 5
CELL_DEGREES = 180.0 / 4096  # the side of a geohash cell of five characters, north and east alike
