"""The back-fill as the command runs it: what is asked for, through the archive door of a running log."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from local_stack.settings import Settings
from luftstrom import screen
from luftstrom.commands import settings_of_log
from runtime.kafka_publisher import KafkaPublisher
from runtime.logs import configure_logs
from runtime.redis_client import connect_redis
from runtime.settings import read_settings
from scraper.backfill.archive_service import ArchiveService
from scraper.backfill.door import ArchiveDoor
from scraper.backfill.running import Backfill, Outcome, Progress, days_between
from scraper.backfill.settings import BackfillSettings
from scraper.memory import Memory
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places


@dataclass(frozen=True, slots=True)
class History:
    """What to take: files and folders, or the archive service's days from the first to the last.

    Of these, only some countries (ISO codes), sensor types and sensors, where any are named.
    """

    paths: Sequence[Path] = ()
    days: tuple[date, date] | None = None
    countries: Sequence[str] = ()
    sensor_types: Sequence[str] = ()
    sensor_ids: Sequence[int] = ()


def backfill_history(history: History) -> Outcome:
    """Take history into the log of the running stack, or of the one that the settings name; what came of it.

    What was done shows also where it ends early: by Ctrl-C, or with UnavailableError where Kafka, Redis or
    the archive service is away. Raises SettingsError where a setting or a choice is wrong.
    """
    settings = _settings(settings_of_log(), history)
    configure_logs("backfill")
    began_at_s = time.monotonic()
    unit = "bytes" if history.days is None else "files"
    with _backfill(settings) as backfill:
        try:
            with screen.progress_bar("back-fill", unit=unit) as bar:
                _take(history, backfill, settings, bar.update)
        except KeyboardInterrupt:
            screen.show_line("stopped; the same command goes on from here")
            raise
        finally:
            screen.show_backfill(backfill.outcome, seconds=time.monotonic() - began_at_s)
        return backfill.outcome


def _settings(stack: Settings, history: History) -> BackfillSettings:
    """The scraper's settings for this stack; what the history names wins over the environment."""
    return read_settings(
        BackfillSettings,
        kafka_bootstrap_servers=stack.kafka_address,
        redis_url=stack.redis_address,
        countries=_listed(history.countries),
        sensor_types=_listed(history.sensor_types),
        sensor_ids=_listed(history.sensor_ids),
    )


@contextmanager
def _backfill(settings: BackfillSettings) -> Iterator[Backfill]:
    with (
        closing(connect_redis(settings.redis_url)) as client,
        closing(KafkaPublisher(settings.kafka_bootstrap_servers, client_id="backfill")) as publisher,
    ):
        door = ArchiveDoor(
            publisher,
            Memory(client),
            Places(RedisPlaceCache(client)),
            selection=settings.selection,
            future_s_max=settings.future_s_max,
        )
        yield Backfill(door)


def _take(history: History, backfill: Backfill, settings: BackfillSettings, on_progress: Progress) -> None:
    if history.days is None:
        backfill.take_paths(history.paths, on_progress)
        return
    with closing(ArchiveService(settings)) as service:
        backfill.take_days(service, days_between(*history.days), on_progress)


def _listed(choices: Sequence[object]) -> str | None:
    return ",".join(map(str, choices)) or None
