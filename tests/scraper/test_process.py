"""The scraper as a process, on a recording, a real broker and a real Valkey."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import kafka as kafka_python
import pytest
import requests
from kafka.structs import TopicPartition

from contracts.topics import READINGS_RAW, TOPICS
from local_stack.ports import free_ports
from local_stack.provisioning import create_topics
from runtime.redis_client import connect_redis
from scraper.memory import Memory, totals_key
from tests.scraper.nominatim_server import running_nominatim

pytestmark = pytest.mark.integration

LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
FIRST_WINDOW_S = 300


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


@contextmanager
def playing(*options):
    (port,) = free_ports(1)
    command = [
        sys.executable, "-m", "local_stack.recording_server", "--recording", "aberdeen-2019-05-12",
        "--port", str(port), *options,
    ]  # fmt: skip
    with subprocess.Popen(command) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
            yield f"http://127.0.0.1:{port}/static/v1/data.json"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def feed():
    """A recording that began five minutes ago."""
    with playing("--starts-at", str(int(time.time()) - FIRST_WINDOW_S)) as url:
        yield url


class Tee:
    """Hands the answers of a feed on and keeps the ids in them; may call `in_mid_answer` half way."""

    def __init__(self, feed):
        self.ids, self.served, self.in_mid_answer = set(), 0, None
        tee = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer = requests.get(feed, headers={"User-Agent": "a test"}, timeout=LIMIT_S)
                tee.ids |= {record["id"] for record in answer.json()}
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                half = len(answer.content) // 2
                with suppress(ConnectionError):
                    self.wfile.write(answer.content[:half])
                    if tee.in_mid_answer:
                        tee.in_mid_answer()
                    self.wfile.write(answer.content[half:])
                tee.served += 1

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/data.json"


@pytest.fixture
def tee():
    """A recording of a day, each record of it in five answers."""
    with playing("--starts-at", str(int(time.time()) - 86_400), "--advance-per-fetch", "60") as feed:
        tee = Tee(feed)
        thread = threading.Thread(target=tee.server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield tee
        tee.server.shutdown()
        tee.server.server_close()
        thread.join()


class RawTopic:
    """What comes to `readings-raw-v1` from now on."""

    def __init__(self, bootstrap_servers):
        self.consumer = kafka_python.KafkaConsumer(bootstrap_servers=bootstrap_servers)
        self.partitions = [TopicPartition(READINGS_RAW.name, n) for n in range(READINGS_RAW.partitions)]
        self.starts = self.ends()

    def ends(self):
        return self.consumer.end_offsets(self.partitions)

    def ids(self):
        """The id of each record, with repeats."""
        self.consumer.assign(self.partitions)
        for partition, start in self.starts.items():
            self.consumer.seek(partition, start)
        count = sum(self.ends().values()) - sum(self.starts.values())
        bodies = [record.value for record in islice(self.consumer, count)]
        return [json.loads(READINGS_RAW.decode(body).record)["id"] for body in bodies]


@pytest.fixture
def raw_topic(environment, kafka):
    topic = RawTopic(kafka.bootstrap_servers)
    yield topic
    topic.consumer.close()


@pytest.fixture
def environment(feed, kafka, valkey):
    create_topics(kafka.bootstrap_servers, TOPICS, lambda _line: None)
    client = connect_redis(valkey.url)
    client.flushall()
    client.close()
    return {
        **os.environ,
        "SCRAPER_SOURCE_URL": feed,
        "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "SCRAPER_REDIS_URL": valkey.url,
        "SCRAPER_POLL_INTERVAL_S": "0.5",
    }


def once(environment):
    ended = subprocess.run(
        [sys.executable, "-m", "scraper"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    events = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    return ended.returncode, events


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


def metrics(url):
    return requests.get(f"{url}/metrics", timeout=2).text


def totals(valkey):
    client = connect_redis(valkey.url)
    counts = {name.decode(): value for name, value in client.hgetall(totals_key("live")).items()}
    client.close()
    return {name: int(value) for name, value in counts.items() if name != "mark"}


def test_one_shot_ends_with_a_summary_that_adds_up_and_a_second_one_repeats_nothing(environment, valkey):
    code, events = once(environment)
    (summary,) = [event for event in events if event["event"] == "poll_done"]

    assert code == 0
    assert summary["fetched"] == summary["published"] + summary["repeated"] + summary["refused"] > 0

    code, events = once(environment)

    assert code == 0
    assert totals(valkey)["published"] < summary["published"] + 20  # a minute may have brought a few more
    assert totals(valkey)["repeated"] > 0


def test_a_choice_is_a_flag_too_and_what_is_left_out_is_counted(environment, valkey):
    command = [sys.executable, "-m", "scraper", "--sensor-types", "BME280"]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    counts = totals(valkey)

    assert counts["left_out"] > counts["published"] > 0
    assert counts["values_published"] == 3 * counts["published"]


def test_one_shot_without_a_source_fails_and_says_why(environment):
    code, events = once({**environment, "SCRAPER_SOURCE_URL": "http://127.0.0.1:1/data.json"})

    assert code == 1
    assert "no answer from http://127.0.0.1:1" in events[-1]["error"]


def test_it_is_ready_after_a_poll_and_ends_soon_when_told(environment, valkey):
    with polling(environment) as (process, url):
        wait_until(lambda: answers(f"{url}/readyz"))
        shown = metrics(url)
        began_at_s = time.monotonic()
        process.terminate()

        assert process.wait(LIMIT_S) == 0
        assert time.monotonic() - began_at_s < STOP_LIMIT_S
    published = [line for line in shown.splitlines() if 'outcome="published"' in line and "_total" in line]
    assert published[0].endswith(f" {totals(valkey)['published']}.0")


def test_killed_at_any_moment_of_a_poll_it_loses_nothing_and_counts_once(environment, tee, raw_topic, valkey):
    environment = {**environment, "SCRAPER_SOURCE_URL": tee.url, "SCRAPER_POLL_INTERVAL_S": "0.05"}

    def kill_with_half_an_answer(process):
        tee.in_mid_answer = process.kill

    def kill_with_an_answer(process):
        served = tee.served
        wait_until(lambda: tee.served > served + 1, every_s=0.0)
        process.kill()

    def kill_when_something_is_published(process):
        before = raw_topic.ends()
        wait_until(lambda: raw_topic.ends() != before, every_s=0.0)
        process.kill()

    def kill_when_something_is_remembered(process):
        client = connect_redis(valkey.url)
        before = Memory(client).mark()
        wait_until(lambda: Memory(client).mark() != before, every_s=0.0)
        process.kill()
        client.close()

    moments = [
        kill_with_half_an_answer,
        kill_with_an_answer,
        kill_when_something_is_published,
        kill_when_something_is_remembered,
    ]
    for kill in moments * 2:
        with polling(environment) as (process, _):
            kill(process)
            assert process.wait(LIMIT_S) == -signal.SIGKILL
        tee.in_mid_answer = None
    code, _ = once(environment)
    published = raw_topic.ids()

    assert code == 0
    assert len(tee.ids) > 0
    assert set(published) == tee.ids
    assert totals(valkey)["published"] == len(tee.ids)


def test_a_nominatim_that_hangs_keeps_up_neither_a_poll_nor_the_end(environment):
    with running_nominatim() as nominatim:
        nominatim.may_answer.clear()
        environment = {
            **environment,
            "SCRAPER_REFINE_PLACES": "true",
            "SCRAPER_NOMINATIM_URL": nominatim.url,
            "SCRAPER_CONTACT": "me@example.org",
        }
        with polling(environment) as (process, url):
            wait_until(lambda: answers(f"{url}/readyz") and nominatim.asked)
            wait_until(
                lambda: re.search(r'^scraper_polls_total{result="unchanged"} [2-9]', metrics(url), re.M)
            )
            waiting = re.search(r"^scraper_places_waiting [1-9]", metrics(url), re.M)
            process.terminate()

            assert process.wait(STOP_LIMIT_S) == 0
    assert len(nominatim.asked) == 1
    assert nominatim.agents[0].endswith("(+me@example.org)")
    assert waiting


def test_it_ends_within_the_limit_while_kafka_is_away(environment):
    environment = {**environment, "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with polling(environment) as (process, url):
        wait_until(lambda: answers(f"{url}/livez"))
        assert not answers(f"{url}/readyz")
        process.terminate()
        process.wait(STOP_LIMIT_S)
