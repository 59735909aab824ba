"""The scraper as a process, on a recording, a real broker and a real Valkey."""

import re
import subprocess
import sys
import time

import pytest
import requests

from tests.scraper.feed import a_record, payload_of
from tests.scraper.http_feed import FEED_PATH, serving_feed
from tests.scraper.nominatim_server import running_nominatim
from tests.scraper.processes import LIMIT_S, answers, once, polling, totals, wait_until

pytestmark = pytest.mark.integration

STOP_LIMIT_S = 10.0


def metrics(url):
    return requests.get(f"{url}/metrics", timeout=2).text


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


def test_one_shot_falls_back_where_it_was_told_to(environment, raw_topic):
    with serving_feed() as feed:
        feed.status_by_path = {FEED_PATH: 500}
        feed.body = payload_of(a_record(1), a_record(2))
        environment = {**environment, "SCRAPER_SOURCE_URL": feed.url}
        code, events = once(environment)

        assert code == 1

        code, events = once({**environment, "SCRAPER_FALLBACK": "v2"})

    assert code == 0
    happened = [event["event"] for event in events if event["event"] != "sensors_changed"]
    assert happened == ["poll_failed", "fell_back", "poll_done"]
    assert len(raw_topic.ids()) == 2


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
