"""What must be so before Flink starts."""

import socket
import threading

import pytest

from contracts.errors import UnavailableError
from flink_jobs.startup import wait_for_free_ports, wait_for_kafka


@pytest.fixture
def listening_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_busy_port_is_named(listening_port):
    with pytest.raises(UnavailableError, match=str(listening_port)):
        wait_for_free_ports((listening_port,), threading.Event(), limit_s=0.1)


def test_a_port_that_becomes_free_is_waited_for():
    server = socket.create_server(("127.0.0.1", 0))
    timer = threading.Timer(0.2, server.close)
    timer.start()

    wait_for_free_ports((server.getsockname()[1],), threading.Event(), limit_s=5.0)


def test_one_broker_that_answers_is_enough(listening_port):
    wait_for_kafka(f"127.0.0.1:9,127.0.0.1:{listening_port}", threading.Event())


def test_stopping_ends_the_wait_for_kafka():
    stopping = threading.Event()
    stopping.set()

    with pytest.raises(UnavailableError):
        wait_for_kafka("127.0.0.1:9", stopping)
