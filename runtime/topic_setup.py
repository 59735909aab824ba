"""The topics as the contracts want them: made where they are missing, told where they differ."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import TopicAlreadyExistsError

from contracts.topics import Topic
from runtime.kafka_admin import kafka_admin
from runtime.kafka_security import OPEN, KafkaSecurity

Tell = Callable[[str], None]


def create_topics(
    bootstrap_servers: str, topics: Iterable[Topic[Any]], tell: Tell, *, security: KafkaSecurity = OPEN
) -> None:
    """Create the topics that are missing; one that exists and differs is told and left as it is."""
    with kafka_admin(bootstrap_servers, security) as admin:
        existing = set(admin.list_topics())
        _create(admin, [topic for topic in topics if topic.name not in existing])
        for line in _differences(admin, [topic for topic in topics if topic.name in existing]):
            tell(f"{line}; it is left as it is")


def topic_problems(
    bootstrap_servers: str, topics: Iterable[Topic[Any]], *, security: KafkaSecurity = OPEN
) -> list[str]:
    """Each topic that is missing, and each setting of one that is not as the contracts want it.

    Raises UnavailableError where the broker does not answer or lets us in.
    """
    with kafka_admin(bootstrap_servers, security) as admin:
        existing = set(admin.list_topics())
        missing = [f"topic {topic.name} is missing" for topic in topics if topic.name not in existing]
        return missing + _differences(admin, [topic for topic in topics if topic.name in existing])


def _create(admin: KafkaAdminClient, topics: list[Topic[Any]]) -> None:
    for topic in topics:
        wanted = NewTopic(
            topic.name, num_partitions=topic.partitions, replication_factor=1, topic_configs=topic.config
        )
        # Somebody else may be faster, and one topic must not cost the others.
        with suppress(TopicAlreadyExistsError):
            admin.create_topics([wanted])
    if topics:
        admin.wait_for_topics([topic.name for topic in topics])


def _differences(admin: KafkaAdminClient, topics: list[Topic[Any]]) -> list[str]:
    if not topics:
        return []
    names = [topic.name for topic in topics]
    described = {each["name"]: each for each in admin.describe_topics(names)}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    (configs,) = admin.describe_configs(resources, config_filter="all").values()
    lines = []
    for topic in topics:
        partitions = len(described[topic.name]["partitions"])
        if partitions != topic.partitions:
            lines.append(f"topic {topic.name} has {partitions} partitions and should have {topic.partitions}")
        for name, wanted in topic.config.items():
            value = configs[topic.name][name]["value"]
            if str(value) != wanted:
                lines.append(f"topic {topic.name} has {name}={value} and should have {wanted}")
    return lines
