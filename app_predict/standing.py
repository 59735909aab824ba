"""Whether a champion still stands: below the blend for a day raises an alert, for two days ends it.

Each scored hour brings the errors of the champion's forecasts and of the blend's on the same. The champion
is below at an hour when its error over the last 24 scored hours is larger; one bad hour is noise, and of
particles every champion has bad nights.
"""

from collections.abc import Sequence

import msgspec

from contracts.forecasts import Method

CHAMPION_METHODS = (Method.RNN, Method.RNN_COLD)
WINDOW_H = 24
ALERT_BELOW_H = 24
DEMOTED_BELOW_H = 48


class HourOfErrors(msgspec.Struct, frozen=True):
    """Sums of |median - truth| over the champion's forecasts for one hour."""

    valid_at_s: int
    error: float
    blend_error: float


class Standing(msgspec.Struct, frozen=True):
    """How one champion has done of late; `below_h` scored hours in a row were below the blend.

    `is_demoted` stays until another version becomes champion.
    """

    model: str
    hours: tuple[HourOfErrors, ...] = ()
    below_h: int = 0
    is_demoted: bool = False

    @property
    def skill(self) -> float | None:
        """1 - error / error of the blend over the last 24 scored hours; None before there are as many."""
        blend_error = sum(hour.blend_error for hour in self.hours)
        if len(self.hours) < WINDOW_H or blend_error <= 0:
            return None
        return 1 - sum(hour.error for hour in self.hours) / blend_error

    @property
    def is_alert(self) -> bool:
        """Whether it is below the blend for a day."""
        return self.below_h >= ALERT_BELOW_H


def with_hour(standing: Standing, hour: HourOfErrors) -> Standing:
    """The standing after one more scored hour."""
    hours = (*standing.hours, hour)[-WINDOW_H:]
    skill = Standing(standing.model, hours).skill
    below_h = standing.below_h + 1 if skill is not None and skill < 0 else 0
    is_demoted = standing.is_demoted or below_h >= DEMOTED_BELOW_H
    return Standing(standing.model, hours, below_h, is_demoted)


def standing_of(model: str, before: Standing | None) -> Standing:
    """The standing of a champion: gone on with, or begun anew for another version."""
    return before if before is not None and before.model == model else Standing(model)


def is_judged(methods: Sequence[str]) -> list[bool]:
    """Which forecasts a champion is judged by."""
    return [method in CHAMPION_METHODS for method in methods]
