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
    issued_s: Integers, hours: Integers, lat: Floats, lon: Floats, channels: Sequence[str] = SEASON_CHANNELS
) -> Floats:
    """Channels of hours at places, (places, hours, len(channels)).

    Each place has the hours that begin `hours` (hours,) after its own `issued_s` (places,), whose middle
    counts. Unknown positions count as 0, 0.
    """
    north, east = np.nan_to_num(lat), np.nan_to_num(lon)
    solar_s = issued_s + HOUR_S / 2 + east * (DAY_S / 360)
    later_s = HOUR_S * hours
    day = _Waves(solar_s, later_s, DAY_S)
    # Weeks count from Sunday. July is winter in the south.
    week = _Waves(solar_s + THURSDAY * DAY_S, later_s, 7 * DAY_S)
    year_s = YEAR_D * DAY_S
    since_s = issued_s - SOLSTICE_D * DAY_S
    year = _Waves(np.where(north < 0, since_s + year_s / 2, since_s), later_s, year_s)
    by_name: dict[str, Callable[[], Floats]] = {
        "sun": lambda: _height_of_sun(day, _Waves(since_s, later_s, year_s), np.radians(north)[:, None]),
        "hour_sin": day.sine,
        "hour_cos": day.cosine,
        "weekday_sin": week.sine,
        "weekday_cos": week.cosine,
        "annual_sin": year.sine,
        "annual_cos": year.cosine,
    }
    found = np.empty((len(issued_s), len(hours), len(channels)), dtype=np.float32)
    for number, name in enumerate(channels):
        found[..., number] = by_name[name]()
    return found


class _Waves:
    """Sine and cosine of moments `at_s` (places,) and so much later (hours,), by the sums of their angles.

    So a place costs one sine, and not one an hour.
    """

    def __init__(self, at_s: Floats, later_s: Integers, period_s: float) -> None:
        place, hour = 2 * np.pi * (at_s % period_s) / period_s, 2 * np.pi * later_s / period_s
        self._place = np.sin(place)[:, None], np.cos(place)[:, None]
        self._hour = np.sin(hour), np.cos(hour)

    def sine(self) -> Floats:
        """(places, hours)."""
        return np.asarray(self._place[0] * self._hour[1] + self._place[1] * self._hour[0])

    def cosine(self) -> Floats:
        """(places, hours)."""
        return np.asarray(self._place[1] * self._hour[1] - self._place[0] * self._hour[0])


def _height_of_sun(day: _Waves, year: _Waves, latitude: Floats) -> Floats:
    """The sine of it. Declination: Cooper (1969), as accurate as a forecast needs."""
    declination = -OBLIQUITY * year.cosine()
    return np.asarray(
        np.sin(latitude) * np.sin(declination) - np.cos(latitude) * np.cos(declination) * day.cosine()
    )
