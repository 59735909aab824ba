"""What is gathered between two writes, and the limit on forgiveness."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from collector.lines import Lines, Made
from contracts.dead_letters import DeadLetter, Reason
from runtime.log_interfaces import Partition, Records

BATCH_BYTES_MAX = 8 * 1024 * 1024  # of the records' values; 5,000 usual ones are 1 MB
BREAKER_RECORDS_MIN = 100
BREAKER_SHARE_MAX = 0.5

# Old data is a fact of a replay or an outage, too many series of the sources: no sign of a bug.
_EXPECTED_IN_NUMBERS = frozenset({Reason.OUTSIDE_RETENTION.value, Reason.TOO_MANY_SERIES.value})


class TooManyBadError(Exception):
    """More of a batch is bad than poison explains: a bug of ours, or a changed schema."""


@dataclass
class Batch:
    """Lines and dead letters of consecutive records, and where to go on once all of them are safe."""

    started_at_s: float
    lines_by_bucket: dict[str, Lines] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    next_offset_by_partition: dict[Partition, int] = field(default_factory=dict)
    records: int = 0
    size_bytes: int = 0

    @property
    def lines(self) -> int:
        """How many lines it has for all buckets."""
        return sum(map(len, self.lines_by_bucket.values()))

    def add(self, polled: Mapping[Partition, Records], made: Made) -> None:
        """Take in what was polled, and what was made of it."""
        for bucket, lines in made.lines_by_bucket.items():
            self.lines_by_bucket.setdefault(bucket, Lines()).extend(lines)
        self.letters += made.letters
        for partition, (offsets, values) in polled.items():
            self.next_offset_by_partition[partition] = offsets[-1] + 1
            self.records += len(offsets)
            self.size_bytes += sum(map(len, filter(None, values)))

    def is_due(self, *, now_s: float, lines_max: int, age_s_max: float) -> bool:
        """Whether the batch is to be written now; an empty one never is."""
        is_full = max(self.records, self.lines) >= lines_max or self.size_bytes >= BATCH_BYTES_MAX
        return self.records > 0 and (is_full or now_s - self.started_at_s >= age_s_max)


def require_mostly_good(records: int, letters: Sequence[DeadLetter]) -> None:
    """Raise TooManyBadError where more than half of a batch of some size is bad."""
    counts = Counter(letter.reason for letter in letters if letter.reason not in _EXPECTED_IN_NUMBERS)
    bad = counts.total()
    if records >= BREAKER_RECORDS_MIN and bad > records * BREAKER_SHARE_MAX:
        raise TooManyBadError(f"{bad} of {records} records are bad: {dict(counts)}")
