"""Made-up sensors of temperature that a network can learn more about than the blend, and their split."""

from dataclasses import replace

import numpy as np
import polars as pl

from model_training.design import Design, FeatureDesign, NetworkDesign
from model_training.protocols import by_time
from model_training.tables import read_data, write_hours

DAYS = 75
FIRST_S = 1_546_300_800  # 2019-01-01, UTC
HOUR_S = 3600
SENSORS = tuple(range(1, 9))
PROTOCOL = replace(by_time("2019-02-10", "2019-02-22", "2019-03-17", "every:4"), test_step=7)
DESIGN = Design(
    features=FeatureDesign(seasons=("hour_sin", "hour_cos"), covariates=("humidity",)),
    network=NetworkDesign(units=16, batch=128, steps_max=100),
)


def write_weather(folder, *, sensors=SENSORS, seed=3, warmer=0.0, wilder=1.0):
    """Hours of temperature and humidity: the day's wave is as high as the humidity of the day before lets it.

    That is seen in the covariate, and in nothing that the blend knows.
    """
    random, hours = np.random.default_rng(seed), np.arange(DAYS * 24)
    wet = np.repeat(random.uniform(0, 1, DAYS), 24)
    height = 6 * (1 - np.roll(wet, 24))
    weather = 8 + warmer + wilder * height * np.sin(2 * np.pi * (hours - 9) / 24)
    frames = {"temperature": [], "humidity": []}
    for sensor in sensors:
        noise = random.normal(0, 0.2, len(hours))
        frames["temperature"].append(_hours(sensor, hours, weather + sensor / 4 + noise))
        frames["humidity"].append(_hours(sensor, hours, 40 + 50 * wet + noise))
    for measure, parts in frames.items():
        write_hours(folder, measure, pl.concat(parts))


def hours_of(values_by_sensor):
    """Hours of sensors from the first hour on."""
    return pl.concat(
        _hours(sensor, np.arange(len(values)), values) for sensor, values in values_by_sensor.items()
    )


def _hours(sensor, hours, values):
    return pl.DataFrame({
        "sensor_id": np.full(len(hours), sensor), "starts_at_s": FIRST_S + hours * HOUR_S, "mean": values,
        "count": np.full(len(hours), 25), "lat": np.full(len(hours), 57.0 + sensor / 100),
        "lon": np.full(len(hours), -2.0), "location": np.full(len(hours), sensor),
    })  # fmt: skip


def weather(folder):
    """The temperature of it."""
    write_weather(folder)
    return read_data(folder, "temperature", covariates=("humidity",))
