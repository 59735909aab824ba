"""`luftstrom replay`: readings that are in the log already go through a job again."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from contracts.errors import UnavailableError
from contracts.topics import DOORS, TOPICS, Topic
from flink_jobs import replay as flink_replay
from flink_jobs.replay import Replay
from flink_jobs.settings import Settings as FlinkSettings
from local_stack.install import install
from local_stack.ports import free_ports
from local_stack.programs import flink_environment
from local_stack.settings import Settings
from runtime.kafka_admin import kafka_admin
from runtime.logs import configure_logs
from runtime.settings import read_settings
from runtime.stopping import stop_on_signals
from runtime.topic_setup import create_topics

LOOK_EVERY_S = 1.0

Progress = Callable[[int, int], None]  # readings done, of how many
Tell = Callable[[str], None]


def replayed(replay: Replay, settings: Settings, *, on_progress: Progress, tell: Tell) -> bool:
    """Run the replay beside the running stack; False where it was stopped or failed."""
    # What Flink does is told by the bar; what goes wrong is not.
    configure_logs("luftstrom", level="WARNING")
    if replay.version is not None:
        create_topics(settings.kafka_address, _of_version(replay.version), tell)
    flink = _flink_settings(settings, tell)
    group = replay.group_id(flink)
    with (
        _stopping_on_signals() as stopping,
        _watched(settings, group, DOORS[replay.door], on_progress),
    ):
        exit_code = flink_replay.run(replay, flink, stopping)
    return exit_code == 0 and not stopping.is_set()


@contextmanager
def _stopping_on_signals() -> Iterator[threading.Event]:
    """Signals end the replay; after it they mean what they meant before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop_on_signals()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _of_version(version: int) -> list[Topic[Any]]:
    return [topic.of_version(version) for topic in TOPICS if "flink_jobs" in topic.writers]


def _flink_settings(settings: Settings, tell: Tell) -> FlinkSettings:
    rest_port, metrics_port = free_ports(2)
    # Java finds its home there, too.
    os.environ.update(flink_environment(install(tell), settings))
    return read_settings(FlinkSettings, rest_port=rest_port, metrics_port=metrics_port, is_optimizing=True)


@contextmanager
def _watched(settings: Settings, group: str, topic: Topic[Any], on_progress: Progress) -> Iterator[None]:
    """Tell how far the group is while the block runs."""
    ended = threading.Event()
    watcher = threading.Thread(
        target=_watch, args=(settings, group, topic, on_progress, ended), name="progress"
    )
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _watch(
    settings: Settings, group: str, topic: Topic[Any], on_progress: Progress, ended: threading.Event
) -> None:
    with suppress(UnavailableError), kafka_admin(settings.kafka_address, settings.kafka_security) as admin:
        while not ended.wait(LOOK_EVERY_S):
            with suppress(KafkaError):  # the bar stands still; the job says what is wrong
                on_progress(*_read_of(admin, group, topic))


def _read_of(admin: KafkaAdminClient, group: str, topic: Topic[Any]) -> tuple[int, int]:
    """Messages of the topic that the group has read by its last checkpoint, and how many there are."""
    partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    firsts, ends = (
        admin.list_partition_offsets(dict.fromkeys(partitions, spec))
        for spec in (OffsetSpec.EARLIEST, OffsetSpec.LATEST)
    )
    committed = admin.list_group_offsets(group)[group]
    read = sum(
        committed[each].offset - firsts[each].offset
        for each in partitions
        if each in committed and committed[each].offset >= 0
    )
    return int(read), int(sum(ends[each].offset - firsts[each].offset for each in partitions))
