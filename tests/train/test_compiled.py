"""A step compiled as a whole, as on GPUs: the same run as operation by operation, on one device and on several."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.train import loop
from electra_pretrain.train.loop import train
from electra_pretrain.train.run_folder import prepare
from tests.conftest import changed
from tests.train.test_training import STEPWISE, assert_same_run, metrics, mirrored, one_device, weights

UNSCORED = changed(STEPWISE, training={"num_eval_steps": 0})


@pytest.fixture(scope="module")
def uncompiled(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("uncompiled")
    train(prepare(STEPWISE, [records], str(folder)), one_device())
    return folder


def train_compiled(monkeypatch, config, records, folder, strategy):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "compiles_steps", lambda strategy: True)
        train(prepare(config, [records], str(folder)), strategy)


def assert_one_program(trainer_step, *arguments): ...


def test_one_device(tmp_path, monkeypatch, uncompiled, records):
    """Held-out scores, from a program of their own, included."""
    train_compiled(monkeypatch, STEPWISE, records, tmp_path, one_device())
    assert_same_run(tmp_path, uncompiled)
    for ours, theirs in zip(metrics(tmp_path, "heldout"), metrics(uncompiled, "heldout"), strict=True):
        assert ours.keys() == theirs.keys()
        np.testing.assert_allclose(list(ours.values())[1:], list(theirs.values())[1:], rtol=1e-4)
