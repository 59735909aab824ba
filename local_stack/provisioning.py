"""Makes Kafka and InfluxDB ready: topics, bucket, retention, tokens. Safe to run again."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from collector.bootstrap import TokenFolder, bootstrap, operator_token_in
from contracts.errors import UnavailableError
from contracts.stored import ORG
from contracts.topics import TOPICS, Topic
from local_stack.install.cache import Tell
from local_stack.settings import Settings
from runtime.settings import environment_name

REQUEST_TIMEOUT_MS = 10_000


def provision(settings: Settings, tell: Tell) -> None:
    """Create what is missing; raises UnavailableError where a server refuses."""
    create_topics(settings.kafka_address, TOPICS, tell)
    bootstrap(
        url=settings.influx_address,
        org=ORG,
        operator_token=operator_token(settings),
        tokens=TokenFolder(settings.secrets_dir),
        tell=tell,
    )


def create_topics(bootstrap_servers: str, topics: Iterable[Topic[Any]], tell: Tell) -> None:
    """Create the topics that are missing; one that exists and differs is told and left as it is."""
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","), request_timeout_ms=REQUEST_TIMEOUT_MS
        )
    except KafkaError as error:
        raise UnavailableError(f"no Kafka at {bootstrap_servers}: {error!r}") from error
    try:
        existing = set(admin.list_topics())
        _create(admin, [topic for topic in topics if topic.name not in existing])
        for line in _differences(admin, [topic for topic in topics if topic.name in existing]):
            tell(f"{line}; it is left as it is")
    except KafkaError as error:
        raise UnavailableError(f"Kafka did not create the topics: {error!r}") from error
    finally:
        admin.close()


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


def operator_token(settings: Settings) -> str:
    """InfluxDB's operator token: of the file that is named, else of our secrets; made at the first call."""
    given = settings.influx_operator_token_file
    if given is None:
        return operator_token_in(settings.secrets_dir)
    try:
        return given.read_text().strip()
    except OSError as error:
        name = environment_name(Settings, "influx_operator_token_file")
        raise UnavailableError(
            f"InfluxDB's operator token cannot be read from {given} ({error.strerror}). "
            f"Name a file that holds it in {name}."
        ) from error
