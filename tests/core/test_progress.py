"""Progress counts exactly, from several threads too, and its bar never runs past its total."""

import sys
import threading
import warnings

import pytest

from electra_pretrain.core import progress
from electra_pretrain.core.progress import Progress


def test_updates_from_several_threads_add_up(capfd):
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Progress("count", None, "things") as counter:

            def count():
                for _ in range(20_000):
                    counter.update(1)

            threads = [threading.Thread(target=count) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert "count: 80000 things" in capfd.readouterr().err


def test_rounding_does_not_carry_the_bar_past_its_total(capfd, monkeypatch):
    monkeypatch.setattr(progress, "_is_terminal", lambda: True)
    assert 0.1 + 0.1 + 0.1 > 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Progress("sum", 0.3, "MB") as bar:
            for _ in range(3):
                bar.update(0.1)
    assert "100%" in capfd.readouterr().err


def test_what_is_left_out_counts_as_done_but_not_for_the_rate(capfd):
    clock = [100.0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress.time, "monotonic", lambda: clock[0])
        with Progress("train", 100, "steps", initial=10) as shown:
            clock[0] = 1000.0
            shown.leave_out(20, "slow", ended=990.0)
            clock[0] = 1010.0
            shown.update(40)
    assert "train: 70 of 100 steps, 2 steps/s, 15 s left" in capfd.readouterr().err


def test_where_nothing_was_left_to_do_no_rate_is_shown(capfd):
    with Progress("train", 20, "steps", initial=20):
        pass
    assert capfd.readouterr().err == ""
