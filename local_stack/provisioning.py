"""Makes Kafka and InfluxDB ready: topics, bucket, retention, tokens. Safe to run again."""

from collector.bootstrap import TokenFolder, bootstrap, operator_token_in
from contracts.errors import UnavailableError
from contracts.stored import ORG
from contracts.topics import TOPICS
from local_stack.install.cache import Tell
from local_stack.settings import Settings
from runtime.settings import environment_name
from runtime.topic_setup import create_topics

__all__ = ["create_topics", "operator_token", "provision"]


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
