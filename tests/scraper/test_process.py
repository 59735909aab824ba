"""The scraper as a process, on a recording, a real broker and a real Valkey."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import requests

from contracts.topics import TOPICS
from local_stack.ports import free_ports
from local_stack.provisioning import create_topics
from runtime.redis_client import connect_redis
from scraper.memory import totals_key

pytestmark = pytest.mark.integration

LIMIT_S = 30.0
STOP_LIMIT_S = 10.0
FIRST_WINDOW_S = 300


def wait_until(is_so, *, limit_s=LIMIT_S):
    ends_at_s = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < ends_at_s, f"not so within {limit_s} s"
        time.sleep(0.05)


def answers(url):
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


@pytest.fixture(scope="module")
def feed():
    """A recording that began five minutes ago."""
    (port,) = free_ports(1)
    starts_at = int(time.time()) - FIRST_WINDOW_S
    command = [
        sys.executable, "-m", "local_stack.recording_server", "--recording", "aberdeen-2019-05-12",
        "--port", str(port), "--starts-at", str(starts_at),
    ]  # fmt: skip
    with subprocess.Popen(command) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/readyz"))
            yield f"http://127.0.0.1:{port}/static/v1/data.json"
        finally:
            server.terminate()


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
        metrics = requests.get(f"{url}/metrics", timeout=2).text
        began_at_s = time.monotonic()
        process.terminate()

        assert process.wait(LIMIT_S) == 0
        assert time.monotonic() - began_at_s < STOP_LIMIT_S
    published = [line for line in metrics.splitlines() if 'outcome="published"' in line and "_total" in line]
    assert published[0].endswith(f" {totals(valkey)['published']}.0")


def test_it_ends_within_the_limit_while_kafka_is_away(environment):
    environment = {**environment, "SCRAPER_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    with polling(environment) as (process, url):
        wait_until(lambda: answers(f"{url}/livez"))
        assert not answers(f"{url}/readyz")
        process.terminate()
        process.wait(STOP_LIMIT_S)
