"""The scraper as a process, and what stands around it: a feed that keeps what it serves, the raw topic."""

import json
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import kafka as kafka_python
import requests
from kafka.structs import TopicPartition

from contracts.topics import READINGS_RAW
from local_stack.ports import free_ports
from runtime.redis_client import connect_redis
from scraper.memory import totals_key

LIMIT_S = 30.0
COPY_STEP = 10**12


def wait_until(is_so, *, limit_s=LIMIT_S, every_s=0.05):
    ends_at_s = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < ends_at_s, f"not so within {limit_s} s"
        time.sleep(every_s)


def answers(url):
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def metric(url, name, **labels):
    """The value of one sample at `/metrics`, 0 where it is not there yet."""
    wanted = name + ("{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else "")
    lines = requests.get(f"{url}/metrics", timeout=2).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{wanted} "))


@contextmanager
def playing(*options):
    (port,) = free_ports(1)
    command = [
        sys.executable, "-m", "local_stack.recording_server", "--recording", "aberdeen-2019-05-12",
        "--port", str(port), *options,
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
            yield f"http://127.0.0.1:{port}/static/v1/data.json"
        finally:
            server.terminate()


class Tee:
    """Hands the answers of a feed on, each record `copies` times, and keeps the ids of each.

    May call `in_mid_answer` half way through an answer.
    """

    def __init__(self, feed, *, copies=1):
        self.ids_by_answer, self.served, self.in_mid_answer = [], 0, None
        tee = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                records = requests.get(feed, headers={"User-Agent": "a test"}, timeout=LIMIT_S).json()
                records = [a_copy(record, number) for record in records for number in range(copies)]
                tee.ids_by_answer.append({record["id"] for record in records})
                body = json.dumps(records).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                half = len(body) // 2
                with suppress(ConnectionError):
                    self.wfile.write(body[:half])
                    if tee.in_mid_answer:
                        tee.in_mid_answer()
                    self.wfile.write(body[half:])
                tee.served += 1

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/data.json"

    @property
    def ids(self):
        return set().union(*self.ids_by_answer)


def a_copy(record, number):
    """The same reading of another sensor."""
    sensor = {**record["sensor"], "id": record["sensor"]["id"] + number * COPY_STEP}
    return {**record, "id": record["id"] + number * COPY_STEP, "sensor": sensor}


class RawTopic:
    """What comes to `readings-raw-v1` from now on."""

    def __init__(self, bootstrap_servers):
        self.bootstrap_servers = bootstrap_servers
        self.partitions = [TopicPartition(READINGS_RAW.name, n) for n in range(READINGS_RAW.partitions)]
        self.consumer = kafka_python.KafkaConsumer(bootstrap_servers=bootstrap_servers)
        self.starts = self.ends()

    def ends(self):
        return self.consumer.end_offsets(self.partitions)

    def ids(self):
        """The id of each record, with repeats."""
        # A consumer of its own: one that saw the broker die may not find it again.
        with closing(kafka_python.KafkaConsumer(bootstrap_servers=self.bootstrap_servers)) as consumer:
            consumer.assign(self.partitions)
            for partition, start in self.starts.items():
                consumer.seek(partition, start)
            count = sum(consumer.end_offsets(self.partitions).values()) - sum(self.starts.values())
            bodies = [record.value for record in islice(consumer, count)]
        return [json.loads(READINGS_RAW.decode(body).record)["id"] for body in bodies]


def once(environment):
    """Exit code and log events of one poll."""
    ended = subprocess.run(
        [sys.executable, "-m", "scraper"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, events_of(ended.stderr)


def events_of(log):
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


@contextmanager
def polling(environment):
    (port,) = free_ports(1)
    environment = {**environment, "SCRAPER_METRICS_PORT": str(port)}
    with subprocess.Popen(
        [sys.executable, "-m", "scraper", "--every"], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def totals(valkey):
    client = connect_redis(valkey.url)
    counts = {name.decode(): value for name, value in client.hgetall(totals_key("live")).items()}
    client.close()
    return {name: int(value) for name, value in counts.items() if name != "mark"}
