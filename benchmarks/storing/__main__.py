"""From Kafka to a real InfluxDB: what a value costs, ours and others in the same run.

`python -m benchmarks.storing [values] [ways…]`: 300,000 and all of them by default. Each has an InfluxDB of
its own, and all read the same topics. Start-up is not in the figures; what is slow is not waited for.
"""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.peer_python import QUIX_STREAMS, peer_python
from benchmarks.processes import python
from benchmarks.storing.load import FIELD_BY_TOPIC, fill
from benchmarks.storing.measuring import Contender, cost_of
from benchmarks.storing.telegraf import configuration, telegraf
from benchmarks.stream.load import broker_with_topics
from contracts.errors import UnavailableError
from local_stack.single import InfluxServer

VALUES = 300_000
PEERS = "benchmarks.storing.peers"


def main(values: int, wanted: list[str]) -> None:
    """Fill a broker once, let each store it, print a table."""
    with broker_with_topics() as (folder, brokers):
        fill(brokers, values)
        print(f"{values:,} values of {len(FIELD_BY_TOPIC)} measures; CPU in µs a value")
        print(f"{'':<36}{'values/s':>10}{'CPU':>7}{'InfluxDB':>10}{'MiB':>6}  stored")
        for number, contender in enumerate(_contenders(brokers, values, folder)):
            if wanted and contender.name not in wanted:
                continue
            try:
                cost = cost_of(contender, values, folder / f"influxd-{number}")
            except (UnavailableError, RuntimeError) as error:
                print(f"{contender.name:<36}{error}", flush=True)
                continue
            stored = f"{cost.stored:,}" if cost.is_whole else "(not waited for)"
            print(
                f"{contender.name:<36}{cost.values_s:>10,.0f}{cost.cpu_us:>7.1f}{cost.influx_cpu_us:>10.1f}"
                f"{cost.peak_mib:>6.0f}  {stored}",
                flush=True,
            )


def _contenders(brokers: str, values: int, folder: Path) -> Iterator[Contender]:
    def told(influx: InfluxServer) -> list[str]:
        return [brokers, influx.url, influx.org, influx.write_token, str(values)]

    yield Contender(
        "InfluxDB alone, lines built before", lambda i: python("-m", f"{PEERS}.ceiling", *told(i))
    )
    for client in ("confluent-kafka", "kafka-python"):
        yield Contender(
            f"collector, {client}",
            lambda _influx: python("-m", "collector"),
            partial(_settings, brokers, client),
        )
    yield Contender(
        "Telegraf", lambda i: [str(telegraf()), "--config", str(configuration(folder, brokers, i))]
    )
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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else VALUES, sys.argv[2:])
