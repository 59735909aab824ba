"""Kafka's own answers: topics, offsets, groups, transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from contracts.errors import UnavailableError
from runtime.kafka_reach import require_reachable
from runtime.kafka_security import OPEN, KafkaSecurity

REQUEST_TIMEOUT_MS = 10_000
BOOTSTRAP_TIMEOUT_MS = 5_000


@contextmanager
def kafka_admin(bootstrap_servers: str, security: KafkaSecurity = OPEN) -> Iterator[KafkaAdminClient]:
    """A client while the block runs; raises UnavailableError where no broker answers, or one refuses."""
    require_reachable(bootstrap_servers)
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap_servers.split(","),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
            **security.for_kafka_python(),
        )
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"no Kafka at {bootstrap_servers}: {error!r}") from error
    try:
        yield admin
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"Kafka at {bootstrap_servers} does not do it: {error!r}") from error
    finally:
        admin.close()
