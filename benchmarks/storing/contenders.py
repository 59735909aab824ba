"""Who stores what lies in Kafka: ours and others, each as a command of its own."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.peer_python import QUIX_STREAMS, peer_python, room_python
from benchmarks.processes import python
from benchmarks.storing.load import FIELD_BY_TOPIC
from benchmarks.storing.measuring import Contender
from benchmarks.storing.telegraf import configuration, telegraf
from local_stack.single import InfluxServer

PEERS = "benchmarks.storing.peers"
OURS, TELEGRAF = "collector, confluent-kafka", "Telegraf"


def contenders(brokers: str, values: int, folder: Path) -> Iterator[Contender]:
    """All of them, fastest first; `folder` is for what they write."""

    def told(influx: InfluxServer) -> list[str]:
        return [brokers, influx.url, influx.org, influx.write_token, str(values)]

    yield Contender(
        "InfluxDB alone, lines built before", lambda i: python("-m", f"{PEERS}.ceiling", *told(i))
    )
    for client in ("confluent-kafka", "kafka-python"):
        yield Contender(
            f"collector, {client}",
            lambda _influx: [str(room_python("collector")), "-m", "collector"],
            partial(_settings, brokers, client),
        )
    yield Contender(TELEGRAF, lambda i: [str(telegraf()), "--config", str(configuration(folder, brokers, i))])
    fields = [f"{topic}={field}" for topic, field in FIELD_BY_TOPIC.items()]
    yield Contender(
        "Quix Streams",
        lambda i: [str(peer_python("quixstreams", *QUIX_STREAMS)), "-m", f"{PEERS}.quix", *told(i), *fields],
    )
    yield Contender("influxdb-client, its batching", lambda i: python("-m", f"{PEERS}.batching", *told(i)))
    yield Contender("the obvious: one write each", lambda i: python("-m", f"{PEERS}.obvious", *told(i)))


def _settings(brokers: str, client: str, influx: InfluxServer) -> dict[str, str]:
    return {
        "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": brokers,
        "COLLECTOR_KAFKA_CLIENT": client,
        "COLLECTOR_GROUP_ID": client,
        "COLLECTOR_INFLUX_URL": influx.url,
        "COLLECTOR_INFLUX_ORG": influx.org,
        "COLLECTOR_INFLUX_TOKEN_FILE": str(influx.secrets_dir / "collector.token"),
        "COLLECTOR_METRICS_PORT": "0",
    }
