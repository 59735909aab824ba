"""The collector's parts on the twins in memory."""

import threading

import pytest
from prometheus_client import CollectorRegistry

from collector.metrics import Metrics
from runtime.clock import SystemClock
from runtime.memory_store import MemoryPointStore


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


@pytest.fixture
def stopping():
    return threading.Event()


@pytest.fixture
def clock():
    return SystemClock()


@pytest.fixture
def store():
    return MemoryPointStore()
