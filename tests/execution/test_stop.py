"""A run is asked to stop by signals: what the first does, and the second, and a batch system's warning."""

import os
import signal

import pytest

from electra_pretrain.execution.stop import StopRequest


class Ended(Exception):
    """What stands for the default action of a signal."""


@pytest.fixture
def deadly():
    """Signals that would end the process raise instead."""

    def end(number, frame):
        raise Ended(signal.Signals(number).name)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_acts_as_it_would_have(deadly, number):
    with StopRequest() as stop:
        assert stop.signal_name == ""
        send(number)
        assert stop.signal_name == number.name
        with pytest.raises(Ended):
            send(signal.SIGTERM)


def test_a_warning_ends_nothing_however_often_and_leaves_sigterm_its_first_time(deadly):
    with StopRequest() as stop:
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1):
            send(number)
        assert stop.signal_name == "SIGUSR1"
        with pytest.raises(Ended):
            send(signal.SIGTERM)


def test_handlers_are_put_back(deadly):
    with StopRequest():
        send(signal.SIGTERM)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        with pytest.raises(Ended, match=number.name):
            send(number)
