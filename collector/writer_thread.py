"""The one thread that writes: batches in by a bounded queue, offsets out once everything of them is safe."""

import queue
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import structlog

from collector.batches import Batch, require_mostly_good
from collector.metrics import Metrics
from collector.writing import BatchWriter
from contracts.dead_letters import DeadLetter
from contracts.errors import UnavailableError
from contracts.topics import DEAD_LETTERS
from runtime.clock import Clock
from runtime.log_interfaces import Partition, Publisher
from runtime.retry import retry_unavailable

log = structlog.get_logger()

DEAD_LETTER_BACKOFF_CAP_S = 10.0


class WriterThread:
    """Writes batches in their order, each bucket's lines by the writer of the bucket.

    A batch is acknowledged when the points of every bucket and the dead letters are safe.
    """

    def __init__(
        self,
        batch_writers: Mapping[str, BatchWriter],
        publisher: Publisher,
        *,
        queue_batches: int,
        clock: Clock,
        stopping: threading.Event,
        metrics: Metrics,
    ) -> None:
        self._batch_writers = batch_writers
        self._publisher = publisher
        self._clock = clock
        self._stopping = stopping
        self._metrics = metrics
        self._waiting: queue.Queue[Batch | None] = queue.Queue(maxsize=queue_batches)
        self._acknowledged: queue.SimpleQueue[dict[Partition, int]] = queue.SimpleQueue()
        self._failure: BaseException | None = None
        self._has_given_up = False
        self._trouble: str | None = None
        # A daemon: a store that hangs must not hold the process beyond its time to stop.
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self) -> None:
        """Begin; the store is asked first whether it lets us in."""
        self._thread.start()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be made safe now; None while it can."""
        troubles = (writer.trouble for writer in self._batch_writers.values())
        return next(filter(None, troubles), self._trouble)

    def offer(self, batch: Batch, *, timeout_s: float = 0.0) -> bool:
        """Hand a batch over; False where the queue stayed full."""
        try:
            self._waiting.put(batch, block=timeout_s > 0, timeout=timeout_s)
        except queue.Full:
            return False
        return True

    def waiting_batches(self) -> int:
        """Batches in the queue."""
        return self._waiting.qsize()

    def acknowledged(self) -> dict[Partition, int]:
        """Where to go on, by partition, for what became safe since the last call."""
        next_offset_by_partition: dict[Partition, int] = {}
        while not self._acknowledged.empty():
            next_offset_by_partition.update(self._acknowledged.get())
        return next_offset_by_partition

    def raise_failure(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._failure is not None:
            raise self._failure

    def finish(self, timeout_s: float) -> bool:
        """Write what is in the queue and end; False where that took too long or the store is away."""
        ends_at_s = self._clock.monotonic_s() + timeout_s
        try:
            self._waiting.put(None, timeout=max(timeout_s, 0.001))
        except queue.Full:
            return False
        self._thread.join(max(ends_at_s - self._clock.monotonic_s(), 0.0))
        return not self._thread.is_alive() and not self._has_given_up

    def _run(self) -> None:
        try:
            for batch_writer in self._batch_writers.values():
                batch_writer.probe()
            while (batch := self._waiting.get()) is not None:
                self._make_safe(batch)
        except UnavailableError as error:
            log.warning("writer_gave_up", error=str(error))
            self._has_given_up = True
            self._drop_waiting()
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self._failure = error

    def _drop_waiting(self) -> None:
        """What is dropped is not committed, and so read again after the next start."""
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()

    def _make_safe(self, batch: Batch) -> None:
        require_mostly_good(batch.records, batch.letters)
        letters = batch.letters
        for bucket, lines in batch.lines_by_bucket.items():
            letters = letters + self._batch_writers[bucket].write(lines)
        require_mostly_good(batch.records, letters)
        if letters:
            self._set_aside(letters)
        self._acknowledged.put(batch.next_offset_by_partition)

    def _set_aside(self, letters: list[DeadLetter]) -> None:
        def publish() -> None:
            now_ms = int(self._clock.now_s() * 1000)
            self._trouble = "waiting for Kafka to take dead letters"
            for letter in letters:
                self._publisher.publish(
                    DEAD_LETTERS.name, DEAD_LETTERS.encode(letter), key=None, timestamp_ms=now_ms
                )
            self._publisher.flush()
            self._trouble = None

        retry_unavailable(
            publish, what="dead letters", stopping=self._stopping, cap_s=DEAD_LETTER_BACKOFF_CAP_S
        )
        count_by_reason = Counter(letter.reason for letter in letters)
        for reason, count in count_by_reason.items():
            self._metrics.messages_set_aside.labels(reason).inc(count)
        first = letters[0]
        log.warning(
            "messages_set_aside",
            count_by_reason=dict(count_by_reason),
            first=f"{first.source_topic}[{first.source_partition}]@{first.source_offset}",
        )
