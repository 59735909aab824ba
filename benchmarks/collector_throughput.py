"""Points a second from a backlog, on a real broker and a real InfluxDB of its own.

`python -m benchmarks.collector_throughput [messages]`; 200,000 by default.
What is measured lies between the first and the last acknowledged batch: start-up is not in it.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kafka
import psutil
import requests
from kafka.admin import KafkaAdminClient, NewTopic
from prometheus_client.parser import text_string_to_metric_families

from contracts.measure_values import MeasureValue
from contracts.measures import MEASURE_BY_NAME
from contracts.stored import LIVE_BUCKET
from contracts.topics import MEASURE_TOPICS, TOPICS
from local_stack.ports import free_ports
from local_stack.single import InfluxServer, KafkaServer, running_influxd, running_kafka
from runtime.influx_store import InfluxReader

ROOT = Path(__file__).parents[1]
MESSAGES = 200_000
SENSORS = 15_000
CITIES = 400
MEASURES = ("pm10", "pm25", "temperature", "humidity", "pressure")
LIMIT_S = 300.0
EVERY_S = 0.1


def main(messages: int) -> None:
    """Fill a broker, start the collector, watch it, print a table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("kafka", "influxd"):
            (folder / part).mkdir()
        with running_kafka(folder / "kafka") as broker, running_influxd(folder / "influxd") as store:
            _create_topics(broker)
            _fill(broker, messages)
            with _collector(broker, store, folder) as (process, port):
                figures = _measured(process, port, messages)
            figures["stored, counted by InfluxDB"] = f"{_stored(store):,}"
    print(f"collector, {messages:,} messages of {len(MEASURES)} measures and {SENSORS:,} sensors")
    for what, figure in figures.items():
        print(f"  {what:<32}{figure:>14}")


def _create_topics(broker: KafkaServer) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic(t.name, t.partitions, 1, topic_configs=t.config) for t in TOPICS])
    admin.close()


def _fill(broker: KafkaServer, messages: int) -> None:
    producer = kafka.KafkaProducer(
        bootstrap_servers=broker.bootstrap_servers,
        compression_type="lz4",
        linger_ms=20,
        batch_size=256 * 1024,
    )
    now_s = int(time.time())
    for number in range(messages):
        topic = MEASURE_TOPICS[MEASURES[number % len(MEASURES)]]
        message = _message(number // len(MEASURES), now_s)
        producer.send(
            topic.name,
            key=str(message.sensor_id).encode(),
            value=topic.encode(message),
            timestamp_ms=message.observed_at_s * 1000,
        )
    producer.flush()
    producer.close()


def _message(reading: int, now_s: int) -> MeasureValue:
    sensor = reading % SENSORS
    return MeasureValue(
        sensor_id=sensor,
        observed_at_s=now_s - 3600 - reading // SENSORS * 300 - sensor % 300,
        value=reading % 977 / 7,
        sensor_type="SDS011",
        country="GB",
        city=f"City of {sensor % CITIES}",
        lat=57.1 + sensor / 10_000,
        lon=-2.1,
        indoor=0,
    )


@contextmanager
def _collector(
    broker: KafkaServer, store: InfluxServer, folder: Path
) -> Iterator[tuple[psutil.Process, int]]:
    (port,) = free_ports(1)
    environment = {
        **os.environ,
        "COLLECTOR_KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "COLLECTOR_INFLUX_URL": store.url,
        "COLLECTOR_INFLUX_ORG": store.org,
        "COLLECTOR_INFLUX_TOKEN_FILE": str(store.secrets_dir / "collector.token"),
        "COLLECTOR_METRICS_PORT": str(port),
    }
    log_path = folder / "collector.log"
    with log_path.open("wb") as log_file:
        child = subprocess.Popen(
            [sys.executable, "-m", "collector"], cwd=ROOT, env=environment, stderr=log_file
        )
    try:
        yield psutil.Process(child.pid), port
    finally:
        child.terminate()
        child.wait(LIMIT_S)


def _measured(process: psutil.Process, port: int, messages: int) -> dict[str, str]:
    first = _wait_for_points(process, port, 1)
    last = _wait_for_points(process, port, messages)
    points, seconds, cpu_s = (end - start for start, end in zip(first, last, strict=True))
    requests_s = _metric(port, "collector_write_seconds_sum") / _metric(port, "collector_write_seconds_count")
    return {
        "points/s": f"{points / seconds:,.0f}",
        "CPU µs a point": f"{cpu_s / points * 1e6:.1f}",
        "PSS": f"{process.memory_full_info().pss / 1024**2:.0f} MiB",
        "mean answer time of InfluxDB": f"{requests_s * 1000:.0f} ms",
    }


def _wait_for_points(process: psutil.Process, port: int, points_min: int) -> tuple[float, float, float]:
    """Points written, the moment, and the process's CPU seconds, once so many are written."""
    ends_at_s = time.monotonic() + LIMIT_S
    while time.monotonic() < ends_at_s:
        points = _metric(port, "collector_points_written_total")
        if points >= points_min:
            used = process.cpu_times()
            return points, time.monotonic(), used.user + used.system
        time.sleep(EVERY_S)
    raise TimeoutError(f"the collector did not write {points_min:,} points in {LIMIT_S} s")


def _metric(port: int, name: str) -> float:
    try:
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except requests.ConnectionError:
        return 0.0
    samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
    return sum(sample.value for sample in samples if sample.name == name)


def _stored(store: InfluxServer) -> int:
    reader = InfluxReader(url=store.url, token=store.read_token)
    fields = [MEASURE_BY_NAME[name].field for name in MEASURES]
    counts = ", ".join(f"count({field})" for field in fields)
    [row] = reader.query(LIVE_BUCKET, f"SELECT {counts} FROM air")  # noqa: S608 - our own field names
    return sum(value for name, value in row.items() if name != "time")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES)
