"""A signal in the middle of what must be whole waits for its end."""

import signal
import threading

import pytest

from runtime.stopping import STOPS, unstopped


@pytest.fixture(params=STOPS)
def number(request):
    handler = signal.signal(request.param, signal.default_int_handler)
    yield request.param
    signal.signal(request.param, handler)


def test_what_is_unstopped_is_done_to_its_end_and_then_stopped(number):
    done = []
    with pytest.raises(KeyboardInterrupt), unstopped():
        signal.raise_signal(number)
        done.append("all of it")

    assert done == ["all of it"]


def test_before_and_after_a_signal_stops_at_once(number):
    with unstopped():
        pass
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_an_error_in_the_block_is_not_hidden(number):
    with pytest.raises(ValueError, match="ours"), unstopped():
        raise ValueError("ours")


def test_another_thread_has_nothing_to_wait_for():
    done = []

    def work():
        with unstopped():
            done.append("all of it")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == ["all of it"]
