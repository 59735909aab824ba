"""The offsets of a consumer group: what it has behind it, and where it is put back to."""

from collections.abc import Iterable, Mapping
from typing import Any

import tenacity
from kafka.admin import OffsetSpec
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError
from kafka.structs import OffsetAndMetadata, TopicPartition

from contracts.errors import UnavailableError
from runtime.kafka_admin import kafka_admin
from runtime.kafka_security import OPEN, KafkaSecurity
from runtime.log_interfaces import Partition

# What a broker says that never had a group: it makes the topic of their offsets first, and reads it.
COORDINATOR_ERRORS = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)
COORDINATOR_LIMIT_S = 10.0
COORDINATOR_EVERY_S = 0.2


def committed_offsets(
    bootstrap_servers: str, group: str, *, security: KafkaSecurity = OPEN
) -> dict[Partition, int]:
    """The next record of the group by partition; raises UnavailableError where the broker does not answer."""
    with kafka_admin(bootstrap_servers, security) as admin:
        found = _coordinated(lambda: admin.list_group_offsets(group)[group])
        return {Partition(*each): at.offset for each, at in found.items()}


def groups_lag(
    bootstrap_servers: str, groups: Iterable[str], *, security: KafkaSecurity = OPEN
) -> int | None:
    """Records after what the groups committed last of their topics; None where the broker does not answer."""
    try:
        committed = [
            at
            for group in groups
            for at in committed_offsets(bootstrap_servers, group, security=security).items()
        ]
        with kafka_admin(bootstrap_servers, security) as admin:
            wanted = {TopicPartition(*partition): OffsetSpec.LATEST for partition, _ in committed}
            ends = admin.list_partition_offsets(wanted)
    except UnavailableError:
        return None
    return sum(int(ends[TopicPartition(*partition)].offset - offset) for partition, offset in committed)


def newest_records(
    bootstrap_servers: str, topic: str, *, security: KafkaSecurity = OPEN
) -> dict[Partition, int]:
    """The offset of the last record of each partition that has any; raises as `committed_offsets` does."""
    with kafka_admin(bootstrap_servers, security) as admin:
        described = admin.describe_topics([topic])
        partitions = [TopicPartition(topic, each["partition_index"]) for each in described[0]["partitions"]]
        ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return {Partition(*each): at.offset - 1 for each, at in ends.items() if at.offset > 0}


def cluster_id(bootstrap_servers: str, *, security: KafkaSecurity = OPEN) -> str:
    """What tells this Kafka from one that was made anew."""
    with kafka_admin(bootstrap_servers, security) as admin:
        return str(admin.describe_cluster()["cluster_id"])


def put_back(
    bootstrap_servers: str,
    group: str,
    offsets: Mapping[Partition, int],
    *,
    security: KafkaSecurity = OPEN,
) -> None:
    """Let the group go on from these offsets; it must have no members.

    Raises UnavailableError where it has, or the broker does not answer.
    """
    wanted = {TopicPartition(*each): OffsetAndMetadata(offset, "", -1) for each, offset in offsets.items()}
    with kafka_admin(bootstrap_servers, security) as admin:
        answers = _coordinated(lambda: _altered(admin, group, wanted)) if wanted else {}
    refused = {each: error for each, error in answers.items() if error.errno}
    if refused:
        each, error = next(iter(refused.items()))
        raise UnavailableError(
            f"Kafka did not put the group {group} back at {each.topic} {each.partition}: {error.__name__}. "
            "Stop its members first."
        )


def _altered(admin: Any, group: str, wanted: Mapping[TopicPartition, OffsetAndMetadata]) -> dict[Any, Any]:
    answers: dict[Any, Any] = admin.alter_group_offsets(group, wanted)
    for error in answers.values():
        if error in COORDINATOR_ERRORS:
            raise error
    return answers


_coordinated = tenacity.Retrying(
    retry=tenacity.retry_if_exception_type(COORDINATOR_ERRORS),
    wait=tenacity.wait_fixed(COORDINATOR_EVERY_S),
    stop=tenacity.stop_after_delay(COORDINATOR_LIMIT_S),
    reraise=True,
)
