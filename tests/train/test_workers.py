"""Two worker processes over loopback train as one process would on both workers' rows, and stop and go on together."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.core.batch import Batch
from electra_pretrain.core.errors import UserError
from electra_pretrain.train.devices import make_strategy
from electra_pretrain.train.input import choose_sources, global_batch, shard_paths, training_records
from electra_pretrain.train.trainer import Trainer
from tests.conftest import MICRO, changed
from tests.support.ports import free_ports

CONFIG = changed(MICRO, training={"num_train_steps": 4, "save_checkpoints_steps": 2, "num_eval_steps": 1})


def start_workers(config, data, model_dir, tmp_path, count=2, more=()):
    """Start the first `count` of two."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.to_dict()))
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    command = [sys.executable, "-m", "electra_pretrain.run_pretraining", "--config", str(path), "--data", data]
    processes = []
    for index in range(count):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        processes.append(
            subprocess.Popen(
                [*command, "--model_dir", str(model_dir), *more],
                env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    return processes


def finish(processes, timeout=240):
    outputs = [process.communicate(timeout=timeout)[0] for process in processes]
    return [process.returncode for process in processes], outputs


def final_weights(folder):
    return bundle.read(listing.find(str(folder)))


def test_two_workers_equal_one_process_on_the_rows_of_both(tmp_path, sharded):
    codes, outputs = finish(start_workers(CONFIG, sharded, tmp_path / "run", tmp_path))
    assert codes == [0, 0], outputs
    (source,) = choose_sources(CONFIG, [sharded])
    assert len(source.manifest.train_shards) > 2
    records = training_records(CONFIG, source.manifest, shard_paths(source, None))
    trainer = Trainer(CONFIG, source.manifest.vocabulary.special_ids, tf.distribute.OneDeviceStrategy("/cpu:0"))
    for step in range(4):
        batch = Batch(*map(tf.constant, global_batch(records, CONFIG.training.train_batch_size, step, 2)))
        trainer.strategy.run(trainer.update, args=(batch,))
    expected = {name: variable.numpy() for name, variable in trainer.variables().items()}
    found = final_weights(tmp_path / "run")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=2e-5, err_msg=name)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["step"]) for row in rows] == [("train", 2), ("heldout", 2), ("train", 4), ("heldout", 4)]


@pytest.mark.slow
def test_one_worker_is_asked_to_stop_and_both_go_on_later(tmp_path, sharded):
    config = changed(CONFIG, training={"num_train_steps": 400, "save_checkpoints_steps": 200, "iterations_per_loop": 1})
    straight = start_workers(config, sharded, tmp_path / "straight", tmp_path)
    assert finish(straight)[0] == [0, 0]
    run = tmp_path / "run"
    processes = start_workers(config, sharded, run, tmp_path)
    while not (run / "metrics.jsonl").exists():
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)
    processes[1].send_signal(signal.SIGTERM)
    codes, outputs = finish(processes)
    assert codes == [75, 75], outputs
    assert "SIGTERM: stopped at step" in outputs[1] and "another worker was asked to stop: stopped at step" in outputs[0]
    assert 0 < listing.steps(str(run))[-1] < 400
    assert finish(start_workers(config, sharded, run, tmp_path))[0] == [0, 0]
    expected = final_weights(tmp_path / "straight")
    for name, value in final_weights(run).items():
        np.testing.assert_array_equal(value, expected[name], name)


@pytest.mark.slow
def test_a_lost_worker_ends_the_other_with_try_again(tmp_path, sharded):
    config = changed(CONFIG, training={"num_train_steps": 100000, "iterations_per_loop": 1, "save_checkpoints_steps": 50})
    processes = start_workers(config, sharded, tmp_path / "run", tmp_path)
    while not listing.steps(str(tmp_path / "run")):
        assert all(process.poll() is None for process in processes)
        time.sleep(0.1)
    processes[1].kill()
    codes, outputs = finish(processes)
    assert codes == [75, -9], outputs
    assert "lost another worker" in outputs[0] and "Traceback" not in outputs[0]


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_one_lost_before_the_first_exchange_ends_the_other_likewise(tmp_path, sharded, lost):
    processes = start_workers(CONFIG, sharded, tmp_path / "run", tmp_path)
    while "training on" not in processes[lost].stdout.readline():
        assert processes[lost].poll() is None
    processes[lost].kill()
    codes, outputs = finish(processes)
    assert (codes[lost], codes[1 - lost]) == (-9, 75), outputs
    assert "lost another worker" in outputs[1 - lost] and "Traceback" not in outputs[1 - lost]


@pytest.mark.slow
def test_a_worker_that_never_comes_is_named_and_given_up_on(tmp_path, sharded):
    (waiting,) = start_workers(CONFIG, sharded, tmp_path / "run", tmp_path, count=1, more=["--worker_timeout", "7"])
    (code,), (output,) = finish([waiting])
    assert code == 69, output
    assert "run_pretraining: warning: waiting for 127.0.0.1:" in output
    assert output.splitlines()[-1].startswith("run_pretraining: error: TF_CONFIG: waited 7 s for 127.0.0.1:")
    assert not list((tmp_path / "run").glob("model.ckpt*"))


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:0"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:65536"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_a_wrong_cluster_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=r"^TF_CONFIG.*; it must read"):
        make_strategy()
