"""Connections to a running stack, with the read-only token."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis

from collector.bootstrap import READER_TOKEN
from contracts.errors import UnavailableError
from local_stack.settings import Settings
from luftstrom.ledger import Ledger
from runtime.influx_reader import InfluxReader
from runtime.kafka_security import KafkaSecurity
from runtime.redis_client import connect_redis


@dataclass(frozen=True, slots=True)
class Connections:
    """What the commands ask of a running stack."""

    kafka_bootstrap_servers: str
    kafka_security: KafkaSecurity
    redis_client: redis.Redis
    influx: InfluxReader

    @property
    def ledger(self) -> Ledger:
        """The counts of this stack."""
        return Ledger(
            self.kafka_bootstrap_servers, self.redis_client, self.influx, security=self.kafka_security
        )


@contextmanager
def connections(settings: Settings) -> Iterator[Connections]:
    """Connect to the parts of the stack of these settings; nothing is asked of them before it is needed.

    Raises UnavailableError where the stack was never set up.
    """
    token = _reader_token(settings)
    redis_client = connect_redis(
        settings.redis_address, password_file=settings.redis_password_file, ca_file=settings.redis_ca_file
    )
    try:
        yield Connections(
            kafka_bootstrap_servers=settings.kafka_address,
            kafka_security=settings.kafka_security,
            redis_client=redis_client,
            influx=InfluxReader(url=settings.influx_address, token=token, ca_file=settings.influx_ca_file),
        )
    finally:
        redis_client.close()


def _reader_token(settings: Settings) -> str:
    path = settings.secrets_dir / READER_TOKEN
    try:
        return path.read_text().strip()
    except OSError as error:
        raise UnavailableError(
            f"no token for InfluxDB in {path} ({error.strerror}): the stack is not set up yet. "
            "Wait for `luftstrom up` to end, or start it anew."
        ) from error
