"""What can be done about a dead letter, by who set it aside and why.

What never reached the log is reinjected; what lies in the log is replayed, for there it still is.
"""

import math
from typing import Any

import msgspec

from contracts.dead_letters import DeadLetter, Reason
from contracts.measures import MEASURES
from contracts.topics import DOORS
from luftstrom.letters import MEASURE_TOPIC_NAMES

DOOR_BY_TOPIC = {topic.name: door for door, topic in DOORS.items()}
UPSTREAM_NAMES = frozenset(name for measure in MEASURES for name in measure.upstream)

_REPLAY = "`luftstrom replay --from … --to … --door {door} --job split`, over the time of the reading"
_UNKNOWN = "nothing is known of such a letter"
_BY_REASON_OF_COLLECTOR = {
    Reason.UNDECODABLE: "whatever wrote this into the topic was not our job; nothing is missing in the store",
    Reason.NOT_A_NUMBER: "the value or its position is no number: nothing can be stored",
    Reason.OUTSIDE_RETENTION: "older than the store keeps, and it would be refused again; "
    "keep it for longer (contracts/stored.py), then replay",
    Reason.FROM_THE_FUTURE: "once its time has come: replay",
    Reason.TOO_MANY_SERIES: "find what makes so many series; where they are meant, raise "
    "COLLECTOR_SERIES_MAX or COLLECTOR_NEW_SERIES_PER_HOUR_MAX, then replay",
    Reason.UNKNOWN_MEASURE: "add it to contracts/measures.py, then replay",
    Reason.REFUSED_BY_STORE: "mend what the store refuses (the collector's log tells), then replay",
}
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def is_reinjectable(letter: DeadLetter) -> bool:
    """Whether the letter is a record that the scraper refused, whole."""
    return letter.source_topic is None and door_of(letter) in DOORS and not is_cut(letter)


def door_of(letter: DeadLetter) -> str:
    """The door of the scraper that refused the letter."""
    return letter.door or "live"


def is_cut(letter: DeadLetter) -> bool:
    """Whether the letter holds only the beginning of its original."""
    return letter.original_size is not None and letter.original_size > len(letter.original)


def remedy(letter: DeadLetter) -> str:
    """What helps with a letter that is not reinjected."""
    if letter.source_topic is None and door_of(letter) not in DOORS:
        return _UNKNOWN
    if letter.source_topic is None:
        return f"only the first {len(letter.original):,} of {letter.original_size:,} bytes are here"
    door = DOOR_BY_TOPIC.get(letter.source_topic)
    if door is None:
        return _remedy_of_collector(letter)
    replay = _REPLAY.format(door=door)
    if letter.reason == Reason.UNKNOWN_MEASURE:
        return replay if is_waiting_for_replay(letter) else f"add it to contracts/measures.py, then {replay}"
    if letter.reason == Reason.NOT_A_NUMBER:
        return "the value is no number, and would be set aside again"
    return "the log itself holds what is no reading; the scraper did not write it"


def is_waiting_for_replay(letter: DeadLetter) -> bool:
    """Whether the letter is a value that `split` did not know and would know now.

    It then counts as on the way and no longer as set aside: a replay stores it and takes no letter away.
    """
    if letter.reason != Reason.UNKNOWN_MEASURE:
        return False
    try:
        value = _decode(letter.original)
        return value["value_type"] in UPSTREAM_NAMES and math.isfinite(float(value["value"]))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return False


def _remedy_of_collector(letter: DeadLetter) -> str:
    known = letter.source_topic in MEASURE_TOPIC_NAMES and letter.reason in set(Reason)
    found = _BY_REASON_OF_COLLECTOR.get(Reason(letter.reason)) if known else None
    return found or _UNKNOWN
