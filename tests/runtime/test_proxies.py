"""Whoever needs a proxy for the way out still reaches his own machine."""

import os

import pytest
import requests
from prometheus_client import CollectorRegistry

from runtime.health import Health, serving_health
from runtime.proxies import spare_loopback


def test_loopback_is_added_to_what_is_asked_directly():
    environment = {"NO_PROXY": "example.org, 127.0.0.1"}
    spare_loopback(environment)

    assert environment["NO_PROXY"] == environment["no_proxy"] == "example.org,127.0.0.1,localhost,::1"


def test_twice_is_as_once():
    environment = {}
    spare_loopback(environment)
    once = dict(environment)
    spare_loopback(environment)

    assert environment == once


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_reached_past_the_proxy(monkeypatch, host):
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # the port "discard": nobody answers there
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving_health(Health(), CollectorRegistry(), port=0) as port:
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://{host}:{port}/livez", timeout=5)
        monkeypatch.setenv("NO_PROXY", "")
        monkeypatch.setenv("no_proxy", "")
        spare_loopback(os.environ)

        assert requests.get(f"http://{host}:{port}/livez", timeout=5).ok
