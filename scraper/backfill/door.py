"""The archive door: records of any reader into `readings-archive-v1`, once, with bounded memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from contracts.dead_letters import DeadLetter
from contracts.errors import BadInputError
from contracts.topics import DOORS
from runtime.clock import Clock, SystemClock
from runtime.log_interfaces import Publisher
from runtime.stopping import unstopped
from scraper.memory import Memory, Totals
from scraper.parsing import Reading
from scraper.places import Places
from scraper.publishing import places_of, publish_letters, publish_readings, totals_of
from scraper.selection import Selection

DOOR = "archive"
CHUNK_RECORDS = 5_000
# How many records back a repeat is noticed; in an archive it is the next row or a few rows away.
REPEAT_RECORDS = 20_000
FUTURE_S_MAX = 300.0
EVERYTHING = Selection()

Record = Reading | DeadLetter
OnChunk = Callable[[int, Totals], None]


@dataclass(frozen=True, slots=True)
class ArchiveDoor:
    """Publishes what readers give, counts it, and remembers how far it is.

    Readings dated more than `future_s_max` seconds ahead of the clock are for the readers to set aside.
    """

    publisher: Publisher
    memory: Memory
    places: Places
    clock: Clock = field(default_factory=SystemClock)
    selection: Selection = EVERYTHING
    future_s_max: float = FUTURE_S_MAX

    @property
    def latest_s(self) -> float:
        """The Unix time after which a reading is from the future."""
        return self.clock.now_s() + self.future_s_max

    def take(
        self, records: Iterable[Record], *, name: str, on_chunk: OnChunk = lambda _done, _counts: None
    ) -> None:
        """Publish records: always the same ones, in the same order, for a name.

        The position is remembered with each chunk: a second call goes on where the first one ended, and
        what is done is not counted again. `on_chunk` gets the records done so far, of earlier calls too,
        and the counts of the chunk.
        Raises UnavailableError where Kafka or Redis is away, and BadInputError where `records` does, but
        only after all that came before it is safe.
        """
        done = self.memory.position(name)
        on_chunk(done, {})
        for chunk in _chunks(records, skip=done):
            counts = self._publish(chunk)
            done += chunk.size
            with unstopped():
                self.memory.advance(name, done, counts)
                on_chunk(done, counts)

    def _publish(self, chunk: "_Chunk") -> dict[str, int]:
        now_s = self.clock.now_s()
        taken = self._taken(chunk.readings)
        publish_readings(taken, DOORS[DOOR], self.publisher, self.places, now_s=now_s)
        letters = [replace(letter, door=DOOR) for letter in chunk.letters]
        publish_letters(letters, self.publisher, now_s=now_s)
        self.publisher.flush()
        left_out = len(chunk.readings) - len(taken)
        return totals_of(published=taken, repeated=chunk.repeated, refused=chunk.letters, left_out=left_out)

    def _taken(self, readings: list[Reading]) -> list[Reading]:
        if self.selection == EVERYTHING:
            return readings
        places = places_of(readings, self.places)
        return [r for r, place in zip(readings, places, strict=True) if self.selection.takes(r, place)]


@dataclass(slots=True)
class _Chunk:
    """What is published, counted and remembered together."""

    readings: list[Reading] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    repeated: int = 0

    @property
    def size(self) -> int:
        return len(self.readings) + len(self.letters) + self.repeated

    def add(self, record: Record, *, is_repeat: bool) -> None:
        if isinstance(record, DeadLetter):
            self.letters.append(record)
        elif is_repeat:
            self.repeated += 1
        else:
            self.readings.append(record)


class _LatestIds:
    """The ids of the latest records: at least `REPEAT_RECORDS` of them, at most twice as many."""

    def __init__(self) -> None:
        self._new: set[int] = set()
        self._old: set[int] = set()

    def is_repeat(self, number: int) -> bool:
        """Whether the id was there before; it is from now on."""
        if number in self._new or number in self._old:
            return True
        if len(self._new) == REPEAT_RECORDS:
            self._old, self._new = self._new, set()
        self._new.add(number)
        return False


def _chunks(records: Iterable[Record], *, skip: int) -> Iterator[_Chunk]:
    """The records after the first `skip`, which are looked at all the same: for repeats of them."""
    latest = _LatestIds()
    chunk, problem = _Chunk(), None
    try:
        for number, record in enumerate(records):
            is_repeat = isinstance(record, Reading) and latest.is_repeat(record.id)
            if number < skip:
                continue
            chunk.add(record, is_repeat=is_repeat)
            if chunk.size == CHUNK_RECORDS:
                yield chunk
                chunk = _Chunk()
    except BadInputError as error:
        problem = error
    if chunk.size:
        yield chunk
    if problem:
        raise problem
