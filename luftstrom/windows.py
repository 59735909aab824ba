"""The arithmetic window by window: what each stage has of the readings observed in it.

values of published readings = split + set aside by the job; split = written + waiting;
written = stored + set aside by the collector.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import msgspec

from contracts.measures import HOUSEKEEPING
from luftstrom.letters import MEASURE_TOPIC_NAMES, Letter
from runtime.log_interfaces import Partition, Record


class Span(NamedTuple):
    """Whole windows of `window_s` seconds from `from_s` to before `to_s`, Unix seconds."""

    from_s: int
    to_s: int
    window_s: int

    def window_of(self, moment_s: float) -> int | None:
        """Start of the window that a moment is in; None outside of the span."""
        if not self.from_s <= moment_s < self.to_s:
            return None
        return int(moment_s) // self.window_s * self.window_s

    @property
    def starts(self) -> range:
        """The start of each window."""
        return range(self.from_s, self.to_s, self.window_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What each stage has of one window; readings in the first two and `late`, values in the others.

    `fetched` are published and refused; a refused one is dated by when it was set aside. `is_settled`:
    it is over for long enough that nothing of it should be on the way.
    """

    starts_at_s: int
    fetched: int
    published: int
    values: int
    split: int
    dead_at_split: int
    written: int
    dead_at_collector: int
    stored: int
    late: int
    is_settled: bool = True

    @property
    def dead(self) -> int:
        """Values set aside behind the door."""
        return self.dead_at_split + self.dead_at_collector

    @property
    def gaps(self) -> dict[str, int]:
        """Where the arithmetic does not close, and by how many values; negative where there are too many."""
        differences = {
            "published to split": self.values - self.split - self.dead_at_split,
            "split to written": self.split - self.written,
            "written to stored": self.written - self.stored - self.dead_at_collector,
        }
        return {stage: missing for stage, missing in differences.items() if missing}

    @property
    def closes(self) -> bool:
        """Whether every value is accounted for."""
        return not self.gaps

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {**asdict(self), "dead": self.dead, "gaps": self.gaps, "closes": self.closes}


@dataclass(slots=True)
class Distinct:
    """Weights by window of what comes again and again: each key counts once."""

    keys: "array[int]" = field(default_factory=lambda: array("q"))
    starts: "array[int]" = field(default_factory=lambda: array("q"))
    weights: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, key: int, start_s: int, weight: int = 1) -> None:
        """Count the key in that window, unless it is there already."""
        self.keys.append(key)
        self.starts.append(start_s)
        self.weights.append(weight)

    def by_window(self) -> tuple[Counter[int], Counter[int]]:
        """How many keys there are by window, and what they weigh."""
        import polars as pl  # noqa: PLC0415 - takes its time, and only this needs it

        frame = pl.DataFrame({"key": self.keys, "start": self.starts, "weight": self.weights})
        each = frame.group_by("key").agg(pl.col("start").first(), pl.col("weight").max())
        whole = each.group_by("start").agg(pl.len().alias("keys"), pl.col("weight").sum())
        rows = whole.rows()
        return Counter({start: keys for start, keys, _ in rows}), Counter({start: w for start, _, w in rows})


class _Value(msgspec.Struct, gc=False):
    value_type: Any = None


class _Counted(msgspec.Struct, gc=False):
    id: int  # without one it is no reading
    sensordatavalues: list[_Value] = []


_decode_counted = msgspec.json.Decoder(_Counted).decode
_decode_time = msgspec.json.Decoder(msgspec.defstruct("Timed", [("observed_at_s", int)])).decode


def published_by_window(
    records: Iterable[tuple[Partition, Record]], span: Span
) -> tuple[Counter[int], Counter[int]]:
    """Readings of the raw topics by window, and the values in them that are no housekeeping.

    Each sensor and second once, as the store has it: a reading lies there again after a crash, or comes by
    the other door too.
    """
    readings = Distinct()
    for record, _, values in _readings(records):
        start_s = span.window_of(record.timestamp_ms / 1000)
        if start_s is not None:
            readings.add(_key("", record), start_s, values)
    return readings.by_window()


def replaced_values(records: Iterable[tuple[Partition, Record]]) -> int:
    """Values of readings of the raw topics that another reading of the same sensor and second replaces.

    The doors count both, and the store holds one: a sensor sent twice, or its hour came by both doors.
    """
    by_id, by_point = Distinct(), Distinct()
    for record, number, values in _readings(records):
        by_id.add(hash(number), 0, values)
        by_point.add(_key("", record), 0, values)
    return by_id.by_window()[1][0] - by_point.by_window()[1][0]


def _readings(records: Iterable[tuple[Partition, Record]]) -> Iterator[tuple[Record, int, int]]:
    """Each reading's record, its id, and how many values it has that are no housekeeping."""
    for _, record in records:
        try:
            reading = _decode_counted(record.value or b"")
        except msgspec.MsgspecError:
            continue  # no reading of the scraper's; the job sets it aside as a whole
        types = (value.value_type for value in reading.sensordatavalues)
        yield record, reading.id, sum(not (isinstance(each, str) and each in HOUSEKEEPING) for each in types)


def split_by_window(
    records: Iterable[tuple[Partition, Record]], span: Span, committed: Mapping[Partition, int]
) -> tuple[Counter[int], Counter[int]]:
    """Values of the measure topics by window, and those of them that the collector has behind it.

    Each sensor and second of a topic once, as the store has it: a replay writes them again.
    """
    split, written = Distinct(), Distinct()
    for partition, record in records:
        start_s = span.window_of(record.timestamp_ms / 1000)
        if start_s is None:
            continue
        key = _key(partition.topic, record)
        split.add(key, start_s)
        if record.offset < committed.get(partition, 0):
            written.add(key, start_s)
    return split.by_window()[0], written.by_window()[0]


def letters_by_window(
    letters: Iterable[Letter], span: Span, is_set_aside: Callable[[Letter], bool]
) -> dict[str, Counter[int]]:
    """Dead letters by window: `refused` at the door, and values set aside `at_split` and `at_collector`."""
    counts: dict[str, Counter[int]] = {"refused": Counter(), "at_split": Counter(), "at_collector": Counter()}
    for letter in letters:
        start_s = span.window_of(observed_s(letter))
        if start_s is None:
            continue
        if letter.content.source_topic is None:
            counts["refused"][start_s] += 1
        elif is_set_aside(letter):
            at = "at_collector" if letter.source in MEASURE_TOPIC_NAMES else "at_split"
            counts[at][start_s] += 1
    return counts


def observed_s(letter: Letter) -> float:
    """When what the letter is about was observed, Unix seconds, as far as that can be told."""
    if letter.source in MEASURE_TOPIC_NAMES:
        try:
            return float(_decode_time(letter.content.original).observed_at_s)  # type: ignore[attr-defined]
        except msgspec.MsgspecError:
            pass
    return letter.at_s


def span_of(*, window_s: int, since_s: float, until_s: float) -> Span:
    """The whole windows that begin at or before `since_s` and end at or after `until_s`."""
    return Span(int(since_s // window_s * window_s), int(-(-until_s // window_s) * window_s), window_s)


def windows_close(windows: Iterable[Window]) -> bool:
    """Whether every window closes that is over for long enough."""
    return all(window.closes for window in windows if window.is_settled)


def windows_as_json(windows: Sequence[Window]) -> dict[str, Any]:
    """All of it for programs."""
    return {"windows": [window.as_json() for window in windows], "closes": windows_close(windows)}


def _key(topic: str, record: Record) -> int:
    """A number that tells topic, sensor and second, for as long as this process lives."""
    return hash((topic, record.key, record.timestamp_ms // 1000))
