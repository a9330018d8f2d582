"""Work in several processes: results in order, tasks that leave nothing behind, errors after the results before them."""

import operator
import os

import pytest

from electra_pretrain.execution.processes import worker_pool


def test_tasks_are_handed_over_whole_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    waiting = []

    def tasks():
        for number in range(20):
            waiting.append(sum(len(names) for _, _, names in os.walk(tmp_path)))
            yield bytes([number]) * 3_000_000, 2_999_999
        yield b"", 0  # its error comes behind the results of those before it

    with worker_pool(2) as run:
        results = run(operator.getitem, tasks())
        assert [next(results) for _ in range(20)] == list(range(20))
        with pytest.raises(IndexError):
            next(results)
    assert max(waiting) <= 4, "more tasks wait than the window takes"
    assert os.listdir(tmp_path) == []
