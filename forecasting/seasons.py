"""The known future: where the sun stands, which hour, weekday and season it is at a place.

By solar time and the sun's height rather than by UTC, so that what one city taught holds in another.
"""

from collections.abc import Callable, Sequence

import numpy as np

from forecasting.hourly_table import HOUR_S, Floats, Integers

DAY_S = 24 * HOUR_S
YEAR_D = 365.25
SOLSTICE_D = 355.0  # day of the year of the December solstice, counted from 0
OBLIQUITY = np.radians(23.44)
THURSDAY = 4  # 1970-01-01; weeks count from Sunday
SEASON_CHANNELS = ("sun", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "annual_sin", "annual_cos")


def season_features(
    at_s: Integers, lat: Floats, lon: Floats, channels: Sequence[str] = SEASON_CHANNELS
) -> Floats:
    """Channels of hours at places, (places, hours, len(channels)).

    `at_s` is (places, hours), starts of hours, whose middle counts. Unknown positions count as 0, 0.
    """
    north, east = (np.nan_to_num(each)[:, None] for each in (lat, lon))
    solar_s = at_s + HOUR_S / 2 + east * (DAY_S / 360)
    day = 2 * np.pi * (solar_s % DAY_S) / DAY_S
    week = 2 * np.pi * ((solar_s / DAY_S + THURSDAY) % 7) / 7
    year = 2 * np.pi * ((at_s / DAY_S - SOLSTICE_D) % YEAR_D) / YEAR_D
    season = np.where(north < 0, year + np.pi, year)  # July is winter in the south
    by_name: dict[str, Callable[[], Floats]] = {
        "sun": lambda: _height_of_sun(day, year, np.radians(north)),
        "hour_sin": lambda: np.sin(day),
        "hour_cos": lambda: np.cos(day),
        "weekday_sin": lambda: np.sin(week),
        "weekday_cos": lambda: np.cos(week),
        "annual_sin": lambda: np.sin(season),
        "annual_cos": lambda: np.cos(season),
    }
    found = np.empty((*at_s.shape, len(channels)), dtype=np.float32)
    for number, name in enumerate(channels):
        found[..., number] = by_name[name]()
    return found


def _height_of_sun(day: Floats, year: Floats, latitude: Floats) -> Floats:
    """The sine of it. Declination: Cooper (1969), as accurate as a forecast needs."""
    declination = -OBLIQUITY * np.cos(year)
    return np.asarray(
        np.sin(latitude) * np.sin(declination) - np.cos(latitude) * np.cos(declination) * np.cos(day)
    )
