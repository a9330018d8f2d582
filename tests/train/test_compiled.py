"""A step compiled as a whole, as on GPUs: the same run as operation by operation, on one device and on several."""

import json
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.checkpoint import bundle
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.train import loop
from electra_pretrain.train import trainer as trainer_module
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from electra_pretrain.train.trainer import Trainer
from tests.conftest import MICRO, SAMPLE_CORPUS, build, changed
from tests.support.ports import free_ports
from tests.train.test_phases import PHASED
from tests.train.test_training import STEPWISE, assert_same_run, metrics, mirrored, one_device, weights

FLOAT16 = changed(MICRO, training={"compute_dtype": "float16"})
UNSCORED = changed(STEPWISE, training={"num_eval_steps": 0})
# What computes; the rest moves values, counts steps, adds up sums.
COMPUTING = {"MatMul", "BatchMatMulV2", "Einsum", "Erf", "Exp", "Softmax", "Rsqrt", "BitwiseXor", "TopKV2", "GatherV2"}
# A `run_pretraining` that compiles as if its CPUs were GPUs.
COMPILED_MAIN = (
    "from electra_pretrain.train import loop; loop.compiles_steps = lambda strategy: True; "
    "from electra_pretrain import run_pretraining; run_pretraining.main()"
)


@pytest.fixture(scope="module")
def uncompiled(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("uncompiled")
    train(prepare(STEPWISE, [records], str(folder)), one_device())
    return folder


def train_compiled(monkeypatch, config, records, folder, strategy):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "compiles_steps", lambda strategy: True)
        train(prepare(config, [records], str(folder)), strategy)


def outside_of_programs(function):
    """Types of all operations of a function that XLA does not compile."""
    graph = function.graph.as_graph_def()
    functions = {each.signature.name: each for each in graph.library.function}

    def types(nodes):
        for node in nodes:
            yield node.op
            if not node.attr["_XlaMustCompile"].b:
                for name in (value.func.name for value in node.attr.values() if value.func.name in functions):
                    if not functions[name].attr["_XlaMustCompile"].b:
                        yield from types(functions[name].node_def)

    return set(types(graph.node))


def traced(trainer, rows):
    """The functions of a step and of its scores, with so many rows a replica."""
    ids = tf.zeros([rows, MICRO.data.max_seq_length], tf.int32)

    def dataset(_):
        return tf.data.Dataset.from_tensors(Batch(ids, ids, ids, tf.range(rows))).repeat()

    batches = iter(trainer.strategy.distribute_datasets_from_function(dataset))
    steps = trainer.train_steps.get_concrete_function(batches, tf.constant(1))
    return steps, trainer.evaluate_batch.get_concrete_function(next(batches))


def test_no_variable_is_of_a_type_that_tensorflow_keeps_off_gpus():
    trainer = Trainer(FLOAT16, SpecialIds(0, 1, 2, 3, 4), one_device(), compiled=True)
    variables = [*trainer.variables().values(), *trainer.optimizer.variables, *trainer.model.variables]
    assert {variable.dtype for variable in variables} == {tf.float32, tf.int64}


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("replicas", [1, 4])
def test_all_that_computes_is_in_programs(replicas, compiled):
    """Traced, not run: what TensorFlow runs itself are exchanges, the loop and its sums."""
    strategy = one_device() if replicas == 1 else mirrored(replicas)
    trainer = Trainer(FLOAT16, SpecialIds(0, 1, 2, 3, 4), strategy, one_after_the_other=True, compiled=compiled)
    steps, scores = traced(trainer, 8 // replicas)
    found = (outside_of_programs(steps) | outside_of_programs(scores)) & COMPUTING
    assert not found if compiled else found >= {"BatchMatMulV2", "TopKV2"}


def test_a_tpu_s_loop_is_traced_in_its_form(monkeypatch):
    """Traced, not run: TensorFlow has no kernel for a barrier, and only a TPU compiles a loop with its input as a whole."""
    monkeypatch.setattr(trainer_module, "_program_of", lambda *_: partial(trainer_module._for_tpu, "v3"))
    trainer = Trainer(MICRO, SpecialIds(0, 1, 2, 3, 4), one_device(), one_after_the_other=True)
    for function in traced(trainer, 8):
        assert "XlaOptimizationBarrier" in outside_of_programs(function)


def test_one_device_with_its_scores(tmp_path, monkeypatch, uncompiled, records):
    train_compiled(monkeypatch, STEPWISE, records, tmp_path, one_device())
    assert_same_run(tmp_path, uncompiled)
    for ours, theirs in zip(metrics(tmp_path, "heldout"), metrics(uncompiled, "heldout"), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours.keys() - {"kind"}:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4, err_msg=name)


def test_microbatches_whose_blocks_are_computed_again(tmp_path, monkeypatch, uncompiled, records):
    config = changed(UNSCORED, training={"gradient_accumulation_steps": 2, "remat": True})
    train_compiled(monkeypatch, config, records, tmp_path, one_device())
    assert_same_run(tmp_path, uncompiled)


def test_four_replicas(tmp_path, uncompiled, records):
    """In a process of its own, whose compiler does not optimise: four times four programs take it long enough."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(UNSCORED.to_dict()))
    command = [
        sys.executable,
        "-c",
        COMPILED_MAIN,
        "--config",
        str(path),
        "--data",
        records,
        "--model_dir",
        str(tmp_path / "run"),
    ]
    flags = {"XLA_FLAGS": "--xla_backend_optimization_level=0"}
    done = subprocess.run([*command, "--cpu_replicas", "4"], env={**os.environ, **flags}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same_run(tmp_path / "run", uncompiled)


@pytest.mark.slow
def test_four_replicas_stay_identical_and_score_alike(tmp_path, monkeypatch, uncompiled, records):
    train_compiled(monkeypatch, STEPWISE, records, tmp_path, mirrored(4))
    for ours, theirs in zip(metrics(tmp_path, "heldout"), metrics(uncompiled, "heldout"), strict=True):
        np.testing.assert_allclose(ours["disc_loss"], theirs["disc_loss"], rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_going_on_from_a_checkpoint_is_exact(tmp_path, monkeypatch, records, dtype):
    config = changed(MICRO, training={"compute_dtype": dtype})
    for name in ("straight", "again"):
        train_compiled(monkeypatch, config, records, tmp_path / name, one_device())
    for path in (tmp_path / "again").glob("model.ckpt-6.*"):
        path.unlink()
    train_compiled(monkeypatch, config, records, tmp_path / "again", one_device())
    expected = weights(tmp_path / "straight")
    for name, value in weights(tmp_path / "again").items():
        np.testing.assert_array_equal(value, expected[name], name)


@pytest.mark.slow
def test_phases(tmp_path, monkeypatch, records, vocab_path):
    """Rows of 16 tokens, then of 32: a program for each."""
    short = str(tmp_path / "short")
    build(f"{SAMPLE_CORPUS}/comments.txt", vocab_path, short, "--max_seq_length", "16", "--heldout_fraction", "0.1")
    for name, compiled in (("plain", False), ("compiled", True)):
        monkeypatch.setattr(loop, "compiles_steps", lambda strategy, compiled=compiled: compiled)
        train(prepare(PHASED, [records, short], str(tmp_path / name)), one_device())
    assert_same_run(tmp_path / "compiled", tmp_path / "plain")


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 4])
def test_steps_that_are_not_finite_are_not_applied(tmp_path, monkeypatch, records, replicas):
    strategy = one_device() if replicas == 1 else mirrored(replicas)
    train_compiled(monkeypatch, STEPWISE, records, tmp_path, strategy)
    values = weights(tmp_path)
    values["electra/embeddings/LayerNorm/beta"][:] = 3e38  # whose sum no float32 holds
    for path in tmp_path.glob("model.ckpt-*"):
        path.unlink()
    bundle.save(str(tmp_path), 4, values, keep=5)
    config = changed(STEPWISE, training={"num_train_steps": 8, "max_nonfinite_steps": 3})
    with pytest.raises(UserError, match="gradients of 3 steps in a row were not finite, up to step 6"):
        train_compiled(monkeypatch, config, records, tmp_path, strategy)


@pytest.mark.slow
def test_two_workers(tmp_path, sharded):
    """Of two processes, one compiled and one not, each pair gives the same weights."""
    config = changed(MICRO, training={"num_train_steps": 4, "save_checkpoints_steps": 4, "num_eval_steps": 1})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    runs = {"compiled": ["-c", COMPILED_MAIN], "plain": ["-m", "electra_pretrain.run_pretraining"]}
    for name, main in runs.items():
        addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        command = [sys.executable, *main, "--config", str(path), "--data", sharded, "--model_dir", str(tmp_path / name)]
        processes = [
            subprocess.Popen(
                command,
                env={
                    **os.environ,
                    "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}),
                },
            )
            for index in range(2)
        ]
        assert [process.wait(timeout=500) for process in processes] == [0, 0]
    expected = weights(tmp_path / "plain")
    for name, value in weights(tmp_path / "compiled").items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=2e-5, err_msg=name)
