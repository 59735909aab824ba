"""Makes Kafka and InfluxDB ready: topics, bucket, retention, tokens. Safe to run again."""

from collections.abc import Iterable
from typing import Any

import structlog
from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from collector.bootstrap import bootstrap, operator_token_in
from contracts.errors import UnavailableError
from contracts.stored import ORG
from contracts.topics import TOPICS, Topic
from local_stack.settings import Settings

log = structlog.get_logger()

REQUEST_TIMEOUT_MS = 10_000


def provision(settings: Settings) -> None:
    """Create what is missing; raises UnavailableError where a server refuses."""
    create_topics(settings.kafka_address, TOPICS)
    bootstrap(
        url=settings.influx_address,
        org=ORG,
        operator_token=operator_token_in(settings.secrets_dir),
        secrets_dir=settings.secrets_dir,
    )


def create_topics(bootstrap_servers: str, topics: Iterable[Topic[Any]]) -> None:
    """Create the topics that are missing; an existing one with other partitions is told and left alone."""
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","), request_timeout_ms=REQUEST_TIMEOUT_MS
        )
    except KafkaError as error:
        raise UnavailableError(f"no Kafka at {bootstrap_servers}: {error!r}") from error
    try:
        _create_missing(admin, list(topics))
    except KafkaError as error:
        raise UnavailableError(f"Kafka did not create the topics: {error!r}") from error
    finally:
        admin.close()


def _create_missing(admin: KafkaAdminClient, topics: list[Topic[Any]]) -> None:
    existing = set(admin.list_topics())
    missing = [topic for topic in topics if topic.name not in existing]
    wanted = [
        NewTopic(
            topic.name, num_partitions=topic.partitions, replication_factor=1, topic_configs=topic.config
        )
        for topic in missing
    ]
    if wanted:
        try:
            admin.create_topics(wanted)
        except TopicAlreadyExistsError:
            log.info("topics_existed")  # somebody else was faster
        admin.wait_for_topics([topic.name for topic in missing])
    kept = {topic.name: topic.partitions for topic in topics if topic.name in existing}
    for described in admin.describe_topics(list(kept)) if kept else ():
        partitions = len(described["partitions"])
        if partitions != kept[described["name"]]:
            log.warning(
                "topic_differs",
                topic=described["name"],
                partitions=partitions,
                wanted=kept[described["name"]],
            )
