"""How a client and Kafka know each other: TLS by a CA of our own, a user and a password by SCRAM."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from runtime.secret_file import secret_in
from runtime.settings import RoomSettings, environment_name

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
MECHANISM = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """What a client needs beside the address; the password is read each time a client is made."""

    protocol: Protocol = "PLAINTEXT"
    username: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None

    @property
    def has_user(self) -> bool:
        """Whether the broker wants to know who we are."""
        return self.protocol.startswith("SASL")

    def for_kafka_python(self) -> dict[str, Any]:
        """Arguments of kafka-python's clients; raises UnavailableError where the password is not there."""
        if self.protocol == "PLAINTEXT":
            return {}
        user = {
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self._password(),
        }
        authority = {"ssl_cafile": str(self.ca_file)} if self.ca_file else {}
        return {"security_protocol": self.protocol, **(user if self.has_user else {}), **authority}

    def for_librdkafka(self) -> dict[str, Any]:
        """The same for confluent-kafka."""
        if self.protocol == "PLAINTEXT":
            return {}
        user = {
            "sasl.mechanism": MECHANISM,
            "sasl.username": self.username,
            "sasl.password": self._password(),
        }
        authority = {"ssl.ca.location": str(self.ca_file)} if self.ca_file else {}
        return {"security.protocol": self.protocol, **(user if self.has_user else {}), **authority}

    def _password(self) -> str | None:
        return secret_in(self.password_file) if self.has_user and self.password_file else None


OPEN = KafkaSecurity()


class KafkaSecuritySettings(RoomSettings):
    """The settings of a room that talks to Kafka, beside its address."""

    kafka_security_protocol: Protocol = Field(
        default="PLAINTEXT", description="PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL, as the listener has it"
    )
    kafka_username: str | None = Field(
        default=None, description=f"user at Kafka ({MECHANISM}), for the protocols with SASL"
    )
    kafka_password_file: Path | None = Field(
        default=None, description="file with the password of that user, and nothing else"
    )
    kafka_ca_file: Path | None = Field(
        default=None, description="PEM file of the CA of Kafka's certificate; the system's CAs if not set"
    )

    @property
    def kafka_security(self) -> KafkaSecurity:
        """All of it together."""
        return KafkaSecurity(
            protocol=self.kafka_security_protocol,
            username=self.kafka_username,
            password_file=self.kafka_password_file,
            ca_file=self.kafka_ca_file,
        )

    @model_validator(mode="after")
    def _has_user_for_sasl(self) -> Self:
        if not self.kafka_security.has_user:
            return self
        for field in ("kafka_username", "kafka_password_file"):
            if getattr(self, field) is None:
                protocol = environment_name(type(self), "kafka_security_protocol")
                raise ValueError(
                    f"{environment_name(type(self), field)} is not set, which "
                    f"{protocol}={self.kafka_security_protocol} needs. Set it in the environment"
                )
        return self
