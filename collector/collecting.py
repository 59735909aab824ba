"""The loop: poll, gather, hand over, commit what is safe. One thread owns the record source."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from collector.batches import Batch
from collector.lag_seconds import LagSeconds
from collector.lines import kept_periods, made_of
from collector.metrics import Metrics
from collector.series_guard import SeriesGuard
from collector.settings import Settings
from collector.writer_thread import WriterThread
from contracts.errors import UnavailableError
from contracts.points import Placed
from runtime.clock import Clock
from runtime.health import Health
from runtime.log_interfaces import Partition, Records, RecordSource

log = structlog.get_logger()

POLL_S = 0.2
POLL_RECORDS = 1_000  # a record may make 27 lines
HELD_WAIT_S = 0.1  # for room in the queue, before the loop goes round again
PAUSE_AFTER_S = 2.0  # pausing throws away what was fetched, so not for a short wait
KAFKA_RETRY_S = 1.0
LAG_EVERY_S = 2.0
STALLED_S_MAX = 30.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the loop stands in."""

    clock: Clock
    health: Health
    metrics: Metrics
    guards: Mapping[str, SeriesGuard]
    stopping: threading.Event


class Collector:
    """Reads until told to stop; commits an offset only once everything before it is safe."""

    def __init__(
        self, source: RecordSource, writer: WriterThread, settings: Settings, surroundings: Surroundings
    ) -> None:
        self._source = source
        self._writer = writer
        self._settings = settings
        self._clock = surroundings.clock
        self._health = surroundings.health
        self._metrics = surroundings.metrics
        self._guards = surroundings.guards
        self._stopping = surroundings.stopping
        self._batch = Batch(self._clock.monotonic_s())
        self._placed = Placed()
        self._uncommitted: dict[Partition, int] = {}
        self._held_since_s: float | None = None
        self._consumed = 0
        self._lag_seconds = LagSeconds()
        self._kafka_trouble: str | None = None
        self._lag_due_at_s = 0.0
        self._lag_records = 0
        self._moved_at_s = self._clock.monotonic_s()

    def run(self) -> None:
        """Collect until stopping; raises TooManyBadError, and whatever is our bug."""
        self._writer.start()
        while not self._stopping.is_set():
            self.step()
        self.finish()

    def step(self) -> None:
        """Go round once."""
        self._writer.raise_failure()
        self._poll()
        self._hand_over()
        self._commit()
        self._measure_lag()
        self._tell()

    def finish(self) -> None:
        """Write what is held if that is quick, and commit what is safe; the rest is read again."""
        ends_at_s = self._clock.monotonic_s() + self._settings.stop_flush_s
        if self._batch.records:
            self._writer.offer(self._batch, timeout_s=self._settings.stop_flush_s)
        is_all_written = self._writer.finish(ends_at_s - self._clock.monotonic_s())
        self._writer.raise_failure()
        self._commit()
        log.info("collector_stopped", is_all_written=is_all_written, error=self._kafka_trouble)

    def _poll(self) -> None:
        held_s = 0.0 if self._held_since_s is None else self._clock.monotonic_s() - self._held_since_s
        if self._held_since_s is not None and held_s < PAUSE_AFTER_S:
            return
        if held_s:
            self._source.pause()  # each time, for a rebalance may have brought new partitions
        room = min(max(self._settings.batch_lines - self._batch.records, 1), POLL_RECORDS)
        try:
            polled = self._source.poll(0.0 if held_s else POLL_S, max_records=room)
        except UnavailableError as error:
            self._note_kafka(str(error))
            self._stopping.wait(KAFKA_RETRY_S)
            return
        if polled:
            self._moved_at_s = self._clock.monotonic_s()
            self._gather(polled)

    def _gather(self, polled: Mapping[Partition, Records]) -> None:
        if not self._batch.records:
            self._batch = Batch(self._clock.monotonic_s())
        before = self._batch.records
        periods = kept_periods(self._clock.now_s())
        self._batch.add(polled, made_of(polled, periods, self._guards, self._placed))
        self._consumed += self._batch.records - before
        self._metrics.records_consumed.inc(self._batch.records - before)

    def _hand_over(self) -> None:
        is_due = self._batch.is_due(
            now_s=self._clock.monotonic_s(),
            lines_max=self._settings.batch_lines,
            age_s_max=self._settings.batch_age_s,
        )
        if not is_due:
            return
        was_held = self._held_since_s is not None
        if not self._writer.offer(self._batch, timeout_s=HELD_WAIT_S if was_held else 0.0):
            self._held_since_s = self._held_since_s or self._clock.monotonic_s()
            return
        self._batch, self._held_since_s = Batch(self._clock.monotonic_s()), None
        if was_held:
            self._source.resume()
            self._moved_at_s = self._clock.monotonic_s()  # from here on Kafka is waited for again

    def _commit(self) -> None:
        safe = self._uncommitted | self._writer.acknowledged()
        # What was taken from us is the business of the member that holds it now.
        assigned = self._source.assigned() if safe else frozenset()
        self._uncommitted = {p: offset for p, offset in safe.items() if p in assigned}
        if not self._uncommitted:
            return
        try:
            self._source.commit(self._uncommitted)
        except UnavailableError as error:
            self._note_kafka(str(error))
            return
        self._uncommitted = {}
        self._note_kafka(None)

    def _tell(self) -> None:
        self._health.tick()
        because = self._writer.trouble or self._kafka_trouble
        assigned = self._source.assigned()
        is_idle = because is None and not assigned
        self._give_up_when_stalled(is_idle=is_idle)
        if is_idle:
            because = "no partitions assigned"
        if because is None:
            self._health.ready()
        else:
            self._health.unready(because)
        self._metrics.partitions.set(len(assigned))
        self._metrics.queue_batches.set(self._writer.waiting_batches())
        for bucket, guard in self._guards.items():
            self._metrics.series.labels(bucket).set(guard.series)
            self._metrics.new_series.labels(bucket).set(guard.new_in_hour)

    def _give_up_when_stalled(self, *, is_idle: bool) -> None:
        """Raise UnavailableError after a while in which Kafka answers and gives nothing of what it has.

        The client may miss the answer to its own join, or stop fetching, and then waits for ever: a new
        process joins the group anew.
        """
        now_s = self._clock.monotonic_s()
        is_waiting_for_kafka = is_idle or self._lag_records > 0
        if self._held_since_s is not None or self._kafka_trouble is not None or not is_waiting_for_kafka:
            self._moved_at_s = now_s
        elif now_s - self._moved_at_s > STALLED_S_MAX:
            what = "partition" if is_idle else f"record of {self._lag_records}"
            raise UnavailableError(f"Kafka answers, and gave no {what} for {STALLED_S_MAX:.0f} s")

    def _measure_lag(self) -> None:
        """Also how an idle collector notices that Kafka is away, for `poll` then only returns nothing."""
        if self._clock.monotonic_s() < self._lag_due_at_s:
            return
        try:
            self._lag_records, now_s = self._source.lag(), self._clock.monotonic_s()
            lag_s = self._lag_seconds.lag_s(now_s=now_s, consumed=self._consumed, behind=self._lag_records)
            self._metrics.lag_records.set(self._lag_records)
            self._metrics.lag_seconds.set(lag_s)
            self._note_kafka(None)
        except UnavailableError as error:
            self._note_kafka(str(error))
        self._lag_due_at_s = self._clock.monotonic_s() + LAG_EVERY_S

    def _note_kafka(self, trouble: str | None) -> None:
        if trouble is not None and self._kafka_trouble is None:
            log.warning("kafka_away", error=trouble)
        elif trouble is None and self._kafka_trouble is not None:
            log.info("kafka_back")
        self._kafka_trouble = trouble
