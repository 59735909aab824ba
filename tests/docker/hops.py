"""Asks every server of the system, from within its network, as a stranger and as who may; prints JSON.

Run in the image of the command, as root, who may read all secrets: `python - < hops.py`.
What is refused stands there as `refused: ` and the error's name; else the answer.
"""

import json
import sys
from pathlib import Path

import kafka
import redis
import requests

SECRETS = Path("/secrets")
CA = str(SECRETS / "command" / "ca.crt")
PROMETHEUS, GRAFANA = "https://prometheus:9090/api/v1/targets", "https://grafana:3000/"
LIMIT_S = 5


def secret(path):
    """A secret of a service."""
    return (SECRETS / path).read_text()


def topics(**security):
    """How many topics Kafka tells of."""
    admin = kafka.KafkaAdminClient(
        bootstrap_servers="kafka:9092", bootstrap_timeout_ms=LIMIT_S * 1000, **security
    )
    try:
        return len(admin.list_topics())
    finally:
        admin.close()


def as_user(password):
    """SCRAM over TLS."""
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": CA,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "command",
        "sasl_plain_password": password,
    }


def ping(**security):
    """Whether Valkey answers."""
    return redis.Redis("valkey", socket_timeout=LIMIT_S, **security).ping()


def asked(url, *, verify=CA, **how):
    """The text of an answer; whoever is told 401 is refused."""
    answer = requests.get(url, timeout=LIMIT_S, verify=verify, **how)
    answer.raise_for_status()
    return answer.text


def told(ask):
    """What came of it."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - whatever refuses
        return f"refused: {type(error).__name__}"


def main():
    """Ask all of them."""
    counted = "https://influxdb:8086/query?db=live&q=SELECT+count(*)+FROM+air"
    token = {"Authorization": f"Token {secret('command/secrets/reader.token')}"}
    asks = {
        "kafka, plain": topics,
        "kafka, no user": lambda: topics(security_protocol="SSL", ssl_cafile=CA),
        "kafka, wrong password": lambda: topics(**as_user("wrong")),
        "kafka, right": lambda: topics(**as_user(secret("command/kafka.password"))),
        "valkey, plain": ping,
        "valkey, no password": lambda: ping(ssl=True, ssl_ca_certs=CA),
        "valkey, wrong password": lambda: ping(ssl=True, ssl_ca_certs=CA, password="wrong"),
        "valkey, right": lambda: ping(ssl=True, ssl_ca_certs=CA, password=secret("command/valkey.password")),
        "influxdb, plain": lambda: asked(counted.replace("https", "http")),
        "influxdb, system's authorities": lambda: asked(counted, verify=True, headers=token),
        "influxdb, no token": lambda: asked(counted),
        "influxdb, wrong token": lambda: asked(counted, headers={"Authorization": "Token wrong"}),
        "influxdb, right": lambda: asked(counted, headers=token),
        "prometheus, plain": lambda: asked(PROMETHEUS.replace("https", "http")),
        "prometheus, no user": lambda: asked(PROMETHEUS),
        "prometheus, wrong password": lambda: asked(PROMETHEUS, auth=("luftstrom", "wrong")),
        "prometheus, right": lambda: asked(
            PROMETHEUS, auth=("luftstrom", secret("prometheus/prometheus.password"))
        ),
        "grafana, plain": lambda: asked(GRAFANA.replace("https", "http")),
        "grafana, no user": lambda: asked(GRAFANA),
        "grafana, right": lambda: asked(GRAFANA, auth=("luftstrom", secret("grafana/grafana.password"))),
    }
    json.dump({name: told(ask) for name, ask in asks.items()}, sys.stdout)


if __name__ == "__main__":
    main()
