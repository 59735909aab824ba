"""Durations as a person types them: `90s`, `30m`, `2h`, `1d`."""

import re

from contracts.errors import BadInputError

SECONDS_BY_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(\d{1,9})([smhd]?)", re.ASCII)


def duration_s(text: str) -> float:
    """Seconds of a duration, without a unit of seconds; raises BadInputError where it is none, or 0."""
    found = _DURATION.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise BadInputError("no_duration", f"{text!r}; give for example 90s, 30m, 2h or 1d")
    return float(found[1]) * SECONDS_BY_UNIT[found[2]]
