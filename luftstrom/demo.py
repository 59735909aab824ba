"""The demonstration: ten recorded days through the back-fill door, live from there, and the proof."""

import time
from collections.abc import Callable

from contracts.errors import UnavailableError
from flink_jobs.sql.timing import Period
from local_stack.recordings import Recording, shifted
from local_stack.settings import Settings
from luftstrom.connections import connections
from luftstrom.ledger import Ledger
from luftstrom.reconciliation import Reconciliation
from runtime.kafka_publisher import KafkaPublisher
from scraper.backfill import ArchiveDoor, records_of
from scraper.memory import Memory
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places

HISTORY = "aberdeen-2019-03-22"
MINUTE_S = 60
SETTLE_LIMIT_S = 180.0
SETTLE_EVERY_S = 2.0

Progress = Callable[[int, int], None]  # done, total


def play_history(settings: Settings, *, anchor_s: int, on_progress: Progress) -> Period:
    """Publish the recorded history, moved so that it ends a minute before the live recording began; its time.

    `anchor_s` is that moment, Unix seconds. A second call goes on where the first one stopped.
    """
    history = Recording.load(HISTORY)
    seconds = anchor_s - MINUTE_S - history.last_s
    with connections(settings) as connected:
        publisher = KafkaPublisher(connected.kafka_bootstrap_servers, client_id="backfill")
        try:
            door = ArchiveDoor(
                publisher,
                Memory(connected.redis_client),
                Places(RedisPlaceCache(connected.redis_client)),
            )
            lines = (shifted(record, seconds=seconds, id_offset=0) for _, record in history)
            door.take(
                records_of(lines, name=HISTORY, latest_s=door.latest_s),
                name=f"{HISTORY}@{anchor_s}",
                on_chunk=lambda done, _counts: on_progress(done, len(history)),
            )
        finally:
            publisher.close()
    return Period(history.first_s + seconds, anchor_s)


def settled(ledger: Ledger, *, on_progress: Progress, limit_s: float = SETTLE_LIMIT_S) -> Reconciliation:
    """The reconciliation once it closes, or as it is when the limit is over.

    The live feed goes on meanwhile, so it closes at moments: between two polls everything is stored.
    """
    ends_at_s = time.monotonic() + limit_s
    while True:
        reconciliation = _read(ledger)
        if reconciliation is not None:
            expected = reconciliation.door.values_published - reconciliation.door.values_ignored
            on_progress(expected - reconciliation.on_the_way, expected)
            if reconciliation.closes:
                return reconciliation
        if time.monotonic() > ends_at_s:
            return reconciliation or ledger.reconciliation()
        time.sleep(SETTLE_EVERY_S)


def _read(ledger: Ledger) -> Reconciliation | None:
    try:
        return ledger.reconciliation()
    except UnavailableError:
        # A part that was just restarted; the limit above ends the patience.
        return None
