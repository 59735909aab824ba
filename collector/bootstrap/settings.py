"""All that the bootstrap can be told."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from contracts.stored import ORG
from runtime.influx_access import InfluxAccessSettings
from runtime.kafka_security import KafkaSecuritySettings
from runtime.settings import SettingsError, environment_name


class BootstrapSettings(KafkaSecuritySettings, InfluxAccessSettings):
    """Read once, at start, from BOOTSTRAP_* environment variables."""

    model_config = SettingsConfigDict(env_prefix="BOOTSTRAP_")

    influx_url: str = Field(description="InfluxDB's address, http://host:port")
    operator_token_file: Path = Field(
        description="file with the operator token; an InfluxDB that is new is set up with it"
    )
    secrets_dir: Path | None = Field(
        default=None, description="folder that takes a file for each scoped token, mode 0600"
    )
    kubernetes_secret: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="name of the Secret that takes the scoped tokens instead, a key for each",
    )
    kubernetes_url: str = Field(
        default="https://kubernetes.default.svc", description="the cluster's API, as a pod reaches it"
    )
    kubernetes_account_dir: Path = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        description="folder with the pod's own token, namespace and ca.crt",
    )
    influx_org: str = Field(default=ORG, description="organisation in InfluxDB")
    wait_s: float = Field(default=120.0, ge=0.0, description="seconds to wait for each server to answer")
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="Kafka's addresses, to make the topics too; none are made if not set"
    )

    @model_validator(mode="after")
    def _has_one_place_for_tokens(self) -> Self:
        if (self.secrets_dir is None) == (self.kubernetes_secret is None):
            raise ValueError(
                "Set BOOTSTRAP_SECRETS_DIR or BOOTSTRAP_KUBERNETES_SECRET, not both: "
                "the scoped tokens are stored there"
            )
        return self


def read_operator_token(settings: BootstrapSettings) -> str:
    """The operator token; raises SettingsError, naming the setting, where there is none."""
    name = environment_name(BootstrapSettings, "operator_token_file")
    try:
        token = settings.operator_token_file.read_text().strip()
    except OSError as error:
        raise SettingsError(f"{name}={settings.operator_token_file}: {error.strerror}.") from error
    if not token:
        raise SettingsError(f"{name}={settings.operator_token_file} is empty.")
    return token
