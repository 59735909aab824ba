"""What a process says of itself over HTTP."""

import re

import pytest
import requests
from prometheus_client import CollectorRegistry, Counter

from contracts.errors import UnavailableError
from runtime.clock import SettableClock
from runtime.health import Health, serving_health
from runtime.health_check import unwell_because


@pytest.fixture
def clock():
    return SettableClock()


@pytest.fixture
def health(clock):
    return Health(clock=clock, tick_limit_s=30.0)


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def url(health, registry):
    with serving_health(health, registry, port=0) as port:
        yield f"http://127.0.0.1:{port}"


def test_a_process_is_unready_until_it_says_so(url, health):
    assert requests.get(f"{url}/readyz", timeout=5).status_code == 503

    health.ready()

    assert requests.get(f"{url}/readyz", timeout=5).status_code == 200


def test_the_reason_for_being_unready_is_shown(url, health):
    health.unready("InfluxDB refuses the token")

    assert requests.get(f"{url}/readyz", timeout=5).json()["because"] == "InfluxDB refuses the token"


def test_who_is_ready_for_a_while_must_say_so_again(url, health, clock):
    health.ready(for_s=20.0)
    clock.advance(20.0)

    assert requests.get(f"{url}/readyz", timeout=5).status_code == 200

    clock.advance(1.0)

    assert requests.get(f"{url}/readyz", timeout=5).status_code == 503

    health.ready()
    clock.advance(86_400.0)

    assert requests.get(f"{url}/readyz", timeout=5).status_code == 200


def test_a_loop_that_stands_still_is_not_alive(url, health, clock):
    assert requests.get(f"{url}/livez", timeout=5).status_code == 200

    clock.advance(31.0)

    assert requests.get(f"{url}/livez", timeout=5).status_code == 503

    health.tick()

    assert requests.get(f"{url}/livez", timeout=5).status_code == 200


def test_metrics_are_served(url, registry):
    Counter("kitchen_meals", "Meals served.", registry=registry).inc(3)

    assert "kitchen_meals_total 3.0" in requests.get(f"{url}/metrics", timeout=5).text


def test_a_process_tells_its_memory_and_cpu_beside_its_own_metrics(url, registry):
    Counter("kitchen_meals", "Meals served.", registry=registry).inc(3)
    text = requests.get(f"{url}/metrics", timeout=5).text

    assert re.search(r"^process_resident_memory_bytes [1-9]", text, re.MULTILINE)
    assert re.search(r"^process_cpu_seconds_total [0-9]", text, re.MULTILINE)
    assert "kitchen_meals_total 3.0" in text


def test_a_taken_port_is_named(url, health, registry):
    port = int(url.rsplit(":", 1)[1])

    with pytest.raises(UnavailableError, match=str(port)), serving_health(health, registry, port=port):
        pass


def test_a_containers_check_tells_why_a_process_is_not_well(health, registry):
    with serving_health(health, registry, port=0) as port:
        health.unready("InfluxDB refuses the token")
        assert "InfluxDB refuses the token" in unwell_because(port, "/readyz")

        health.ready()
        assert unwell_because(port, "/readyz") is None

    assert "no answer" in unwell_because(port, "/readyz")
