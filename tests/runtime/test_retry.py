"""What is unavailable is tried again, within limits."""

import threading

import pytest

from contracts.errors import UnavailableError
from runtime.retry import retry_unavailable


class Flaky:
    def __init__(self, failures, error=None):
        self.failures = failures
        self.calls = 0
        self.error = error or UnavailableError("down")

    def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "up"


@pytest.fixture
def stopping():
    return threading.Event()


def test_the_result_comes_once_it_is_available(stopping):
    flaky = Flaky(failures=3)

    assert retry_unavailable(flaky, what="the stove", stopping=stopping, base_s=0.001) == "up"
    assert flaky.calls == 4


def test_a_bug_is_not_tried_again(stopping):
    flaky = Flaky(failures=1, error=KeyError("bug"))

    with pytest.raises(KeyError):
        retry_unavailable(flaky, what="the stove", stopping=stopping, base_s=0.001)
    assert flaky.calls == 1


def test_the_limit_ends_it_with_the_last_error(stopping):
    with pytest.raises(UnavailableError, match="down"):
        retry_unavailable(
            Flaky(failures=10**6), what="the stove", stopping=stopping, limit_s=0.05, base_s=0.001
        )


def test_stopping_ends_it_at_once(stopping):
    flaky = Flaky(failures=10**6)
    threading.Timer(0.05, stopping.set).start()

    with pytest.raises(UnavailableError):
        retry_unavailable(flaky, what="the stove", stopping=stopping, base_s=3600.0, cap_s=3600.0)
    assert stopping.is_set()
