"""How the Kafka connector reaches a broker, as options of a table."""

from pathlib import Path

from runtime.kafka_security import MECHANISM, OPEN, KafkaSecurity

# The connector's jar has Kafka's client under another name.
SHADED = "org.apache.flink.kafka.shaded.org.apache.kafka.common"


def kafka_properties(bootstrap_servers: str, security: KafkaSecurity = OPEN) -> dict[str, str]:
    """The options of a table that say where Kafka is and who we are.

    The password stays in its file, which every process of Flink must have: a plan, a log and Flink's web
    page show where it lies, and each new client reads it anew.
    """
    properties = {"bootstrap.servers": bootstrap_servers}
    if security.protocol != "PLAINTEXT":
        properties["security.protocol"] = security.protocol
    if security.has_user and security.password_file is not None:
        properties |= _user(str(security.username), security.password_file)
    if security.ca_file is not None:
        properties["ssl.truststore.type"] = "PEM"
        properties["ssl.truststore.location"] = str(security.ca_file)
    return {f"properties.{name}": value for name, value in properties.items()}


def _user(username: str, password_file: Path) -> dict[str, str]:
    password = f"${{directory:{password_file.parent}:{password_file.name}}}"
    return {
        "config.providers": "directory",
        "config.providers.directory.class": f"{SHADED}.config.provider.DirectoryConfigProvider",
        "sasl.mechanism": MECHANISM,
        "sasl.jaas.config": f"{SHADED}.security.scram.ScramLoginModule required "
        f'username="{username}" password="{password}";',
    }
