"""Where a new generation begins to read: some time back, and nowhere behind what the one before it had read.

By time alone it would leave out what the old one had still before it and what is dated further back: an
archive that is being taken in, a sensor with a slow clock.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from flink_jobs.connectors import KafkaConnectors
from runtime.kafka_admin import kafka_admin

if TYPE_CHECKING:
    from kafka import KafkaAdminClient
    from kafka.structs import TopicPartition

log = structlog.get_logger()


def take_over(after: KafkaConnectors, before: Sequence[KafkaConnectors], *, starts_at_s: int) -> None:
    """Give the groups of a generation their first offsets, where they have none yet.

    In each partition the first message of `starts_at_s` (Unix time) or after, or where the same group of the
    newest generation `before` that read at all stopped, whichever comes first. What none ever read begins
    with the log. Raises UnavailableError where Kafka does not do it.
    """
    with kafka_admin(after.bootstrap_servers, after.security) as admin:
        for group, *earlier in zip(after.groups, *(each.groups for each in before), strict=True):
            if _offsets(admin, group):
                continue
            stopped = next(filter(None, (_offsets(admin, each) for each in earlier)), {})
            _commit(admin, group, _first_offsets(admin, stopped, starts_at_s * 1000))
            log.info("offsets_taken_over", group=group, partitions=len(stopped))


def _offsets(admin: "KafkaAdminClient", group: str) -> "dict[TopicPartition, int]":
    return {part: each.offset for part, each in admin.list_group_offsets(group)[group].items()}


def _first_offsets(
    admin: "KafkaAdminClient", stopped: "dict[TopicPartition, int]", starts_at_ms: int
) -> "dict[TopicPartition, int]":
    of_time = admin.list_partition_offsets(dict.fromkeys(stopped, starts_at_ms)) if stopped else {}
    # -1: no message is as young.
    return {
        part: min(offset, of_time[part].offset) if of_time[part].offset >= 0 else offset
        for part, offset in stopped.items()
    }


def _commit(admin: "KafkaAdminClient", group: str, offsets: "dict[TopicPartition, int]") -> None:
    from kafka.errors import NoError  # noqa: PLC0415 - of the one place that needs it
    from kafka.structs import OffsetAndMetadata  # noqa: PLC0415

    if not offsets:
        return
    given = {part: OffsetAndMetadata(offset, "", -1) for part, offset in offsets.items()}
    for part, error in admin.alter_group_offsets(group, given).items():
        if error is not NoError:
            raise error(f"{group} at {part}")
