"""The dead letters as they lie in their topic: read, chosen, counted, one by one."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.dead_letters import DeadLetter, Reason
from contracts.errors import BadInputError
from contracts.topics import DEAD_LETTERS, DOORS, MEASURE_TOPICS, TOPICS
from luftstrom.durations import duration_s
from runtime.log_interfaces import LogReader, Partition, Progress, Record

SCRAPER = "scraper"  # the source of letters that never reached a topic
MEASURE_TOPIC_NAMES = frozenset(topic.name for topic in MEASURE_TOPICS.values())
DOOR_TOPIC_NAMES = frozenset(topic.name for topic in DOORS.values())
_ID = re.compile(r"(\d{1,9}):(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter and where it lies.

    `at_s` is its record's timestamp, Unix seconds: when the scraper or the collector set it aside; of one
    by `split`, when the reading was observed.
    """

    partition: int
    offset: int
    at_s: float
    content: DeadLetter

    @property
    def id(self) -> str:
        """How a person names it."""
        return f"{self.partition}:{self.offset}"

    @property
    def is_dated_by_reading(self) -> bool:
        """Whether `at_s` is the reading's own time: `split` writes into the past, as it reads."""
        return self.source in DOOR_TOPIC_NAMES

    @property
    def source(self) -> str:
        """The topic where it was read; `scraper` where it never reached one."""
        return self.content.source_topic or SCRAPER


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant; all that is given must hold. Times are Unix seconds, the end is left out."""

    reason: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    source: str | None = None
    sensor_id: int | None = None

    def __post_init__(self) -> None:
        """Raises BadInputError on a reason or a source that there is not: it would look like no letters."""
        _require_one_of("reason", self.reason, [each.value for each in Reason])
        _require_one_of("source", self.source, [SCRAPER, *(topic.name for topic in TOPICS)])

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is meant."""
        return (
            self.reason in (None, letter.content.reason)
            and (self.since_s is None or letter.at_s >= self.since_s)
            and (self.until_s is None or letter.at_s < self.until_s)
            and self.source in (None, letter.source)
            and self.sensor_id in (None, letter.content.sensor_id)
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """How many letters there are of each reason, and the newest of them, oldest first."""

    count_by_reason: Counter[str]
    newest: Sequence[Letter]


def moment_s(text: str, *, now_s: float) -> float:
    """Unix seconds of an ISO time (UTC where it does not say) or of an age: `90s`, `15m`, `2h`, `3d`.

    Raises BadInputError on anything else.
    """
    try:
        if text.strip()[-1:] in set("smhd"):
            return now_s - duration_s(text)
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise BadInputError(
            "not_a_time", f"{text!r}; give an ISO time (2026-11-01T12:00) or an age (2h, 3d)"
        ) from error


def listed(letters: Iterable[Letter], choice: Choice, *, limit: int) -> Listed:
    """Count the chosen letters and keep the newest `limit`, as they lie in the log."""
    counts: Counter[str] = Counter()
    newest: deque[Letter] = deque(maxlen=limit)
    for letter in filter(choice.takes, letters):
        counts[letter.content.reason] += 1
        newest.append(letter)
    return Listed(counts, tuple(newest))


def read_letters(reader: LogReader, on_progress: Progress | None = None) -> Iterator[Letter]:
    """Every dead letter that there is, committed ones only, each once; what is none is passed over.

    Raises UnavailableError where the broker does not answer.
    """
    return without_repeats(_all(reader, on_progress))


def letter_of_id(reader: LogReader, letter_id: str) -> Letter:
    """The letter `PARTITION:OFFSET`; raises BadInputError where there is none."""
    found = _ID.fullmatch(letter_id)
    if not found:
        raise BadInputError(
            "not_an_id", f"{letter_id!r}; `luftstrom dead-letters list` shows them, like 0:4711"
        )
    partition = Partition(DEAD_LETTERS.name, int(found[1]))
    record = reader.record(partition, int(found[2]))
    letter = None if record is None else _letter(partition, record)
    if letter is None:
        raise BadInputError(
            "no_such_letter", f"{letter_id}; `luftstrom dead-letters list` shows what there is"
        )
    return letter


def without_repeats(letters: Iterable[Letter]) -> Iterator[Letter]:
    """The letters without the ones that the collector wrote again after a crash.

    It reads a message again then, so its letter has the same source. The split job writes exactly once,
    and one message of its may hold two bad values.
    """
    seen: set[tuple[str, int | None, int | None]] = set()
    for letter in letters:
        if letter.source in MEASURE_TOPIC_NAMES:
            source = (letter.source, letter.content.source_partition, letter.content.source_offset)
            if source in seen:
                continue
            seen.add(source)
        yield letter


def _all(reader: LogReader, on_progress: Progress | None) -> Iterator[Letter]:
    for partition, record in reader.records(DEAD_LETTERS.name, on_progress=on_progress):
        letter = _letter(partition, record)
        if letter is not None:
            yield letter


def _letter(partition: Partition, record: Record) -> Letter | None:
    try:
        content = DEAD_LETTERS.decode(record.value or b"")
    except BadInputError:
        return None
    return Letter(partition.number, record.offset, record.timestamp_ms / 1000, content)


def _require_one_of(what: str, given: str | None, known: Sequence[str]) -> None:
    if given is not None and given not in known:
        raise BadInputError(f"unknown_{what}", f"{given!r}; there are {', '.join(known)}")
