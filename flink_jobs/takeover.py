"""Where a new generation begins to read: some time back, and nowhere behind what the one before it had read.

By time alone it would leave out what the old one had still before it and what is dated further back: an
archive that is being taken in, a sensor with a slow clock.
"""

from collections.abc import Mapping, Sequence

import structlog
from kafka.structs import TopicPartition

from flink_jobs.connectors import KafkaConnectors
from runtime.group_offsets import committed_offsets, put_back
from runtime.kafka_admin import kafka_admin
from runtime.log_interfaces import Partition

log = structlog.get_logger()


def take_over(after: KafkaConnectors, before: Sequence[KafkaConnectors], *, starts_at_s: int) -> None:
    """Give the groups of a generation their first offsets, where they have none yet.

    In each partition the first message of `starts_at_s` (Unix time) or after, or where the same group of the
    newest generation `before` that read at all stopped, whichever comes first. What none ever read begins
    with the log. Raises UnavailableError where Kafka does not do it.
    """
    for group, *earlier in zip(after.groups, *(each.groups for each in before), strict=True):
        if _committed(after, group):
            continue
        stopped = next(filter(None, (_committed(after, each) for each in earlier)), {})
        first = _first_offsets(after, stopped, starts_at_s * 1000)
        put_back(after.bootstrap_servers, group, first, security=after.security)
        log.info("offsets_taken_over", group=group, partitions=len(first))


def _committed(kafka: KafkaConnectors, group: str) -> Mapping[Partition, int]:
    return committed_offsets(kafka.bootstrap_servers, group, security=kafka.security)


def _first_offsets(
    kafka: KafkaConnectors, stopped: Mapping[Partition, int], starts_at_ms: int
) -> dict[Partition, int]:
    wanted = {TopicPartition(*each): starts_at_ms for each in stopped}
    with kafka_admin(kafka.bootstrap_servers, kafka.security) as admin:
        of_time = admin.list_partition_offsets(wanted) if wanted else {}
    by_time = {Partition(*each): found.offset for each, found in of_time.items()}
    # -1: no message is as young.
    return {part: min(at, by_time[part]) if by_time[part] >= 0 else at for part, at in stopped.items()}
