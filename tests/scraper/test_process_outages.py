"""Redis or Kafka is killed under a scraper that polls, and comes back: nothing is lost, nobody restarts.

`OUTAGE_S=120 python -m pytest tests/scraper/test_process_outages.py` keeps them away for two minutes.
"""

import os
import threading

import pytest

from scraper.pacing import READY_POLL_S_MAX
from tests.scraper.processes import LIMIT_S, answers, metric, polling, totals, wait_until

pytestmark = pytest.mark.integration

OUTAGE_S = float(os.environ.get("OUTAGE_S", "0"))


def polls_done(url):
    return metric(url, "scraper_polls_total", result="done")


def wait_for_polls(url, count=3):
    before = polls_done(url)
    wait_until(lambda: polls_done(url) >= before + count)


@pytest.fixture
def scraper(environment, raw_topic, tee):
    with polling({**environment, "SCRAPER_SOURCE_URL": tee.url}) as (process, url):
        wait_until(lambda: answers(f"{url}/readyz"))
        yield process, url


def stop(process):
    """It is the same process as at the beginning, and ends in order."""
    assert process.poll() is None
    process.terminate()
    assert process.wait(LIMIT_S) == 0


def test_redis_gone_and_back_costs_no_reading_and_no_count(scraper, tee, raw_topic, valkey):
    process, url = scraper
    valkey.server.kill()
    before = raw_topic.ends()
    wait_for_polls(url)
    threading.Event().wait(OUTAGE_S)

    assert answers(f"{url}/readyz")  # it does its work
    assert metric(url, "scraper_unremembered_polls_total") >= 3
    assert raw_topic.ends() != before

    valkey.server.start()
    wait_for_polls(url)
    stop(process)
    published = raw_topic.ids()

    assert len(published) == len(set(published))
    assert set(published) == tee.ids
    assert totals(valkey)["published"] == len(tee.ids)


def test_kafka_gone_and_back_costs_no_reading_and_it_says_so_meanwhile(
    scraper, tee, raw_topic, kafka, valkey
):
    process, url = scraper
    kafka.server.kill()
    wait_until(lambda: not answers(f"{url}/readyz"), limit_s=READY_POLL_S_MAX + LIMIT_S)
    threading.Event().wait(max(0.0, OUTAGE_S - READY_POLL_S_MAX))

    assert not answers(f"{url}/readyz")
    assert answers(f"{url}/livez")

    kafka.server.start()
    wait_until(lambda: answers(f"{url}/readyz"), limit_s=2 * LIMIT_S)
    wait_for_polls(url)
    stop(process)

    assert set(raw_topic.ids()) == tee.ids
    assert totals(valkey)["published"] == len(tee.ids)
