"""`kill -9` at twenty random moments changes nothing in the end: real processes, by scripts/kill_training.py, itself tested."""

import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf

from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, ROOT, changed

SCRIPT = ROOT / "scripts" / "kill_training.py"
# More steps than twenty restarts can reach: a kill comes a checkpoint or two after its start at the latest.
LONG = changed(MICRO, training={"num_train_steps": 900, "save_checkpoints_steps": 30, "iterations_per_loop": 5})


@pytest.fixture(scope="module")
def kill_training():
    spec = importlib.util.spec_from_file_location("kill_training", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def straight(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("straight")
    train(prepare(MICRO, [records], str(folder)), tf.distribute.OneDeviceStrategy("/cpu:0"))
    return folder


@pytest.fixture
def copied(straight, tmp_path):
    shutil.copytree(straight, tmp_path / "run")
    return tmp_path / "run"


@pytest.mark.slow
def test_killed_twenty_times_it_ends_in_the_same_bits(tmp_path, records):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(LONG.to_dict()))
    arguments = ["--config", str(config), "--data", records, "--folder", str(tmp_path / "runs"), "--kills", "20"]
    result = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "the same end, bit for bit, after 20 kills" in result.stdout


def test_a_copy_of_a_run_is_no_different_whatever_time_it_took(kill_training, straight, copied):
    rows = kill_training.metrics(copied)
    assert "hours_left" in rows[0]
    (copied / "metrics.jsonl").write_text("".join(f"{json.dumps(row | {'hours_left': 7})}\n" for row in rows))
    assert kill_training.differences(straight, copied) == []


def lowest_bit_flipped(folder):
    values = bundle.read(listing.find(str(folder)))
    name = "electra/embeddings/LayerNorm/beta/adam_v"
    values[name].view("uint32")[3] ^= 1
    bundle.save(str(folder), 6, values, keep=5)
    return f"{name} differs"


def line_lost(folder):
    path = folder / "metrics.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    return "metrics.jsonl differs: 6, 5 lines"


def metric_changed(folder):
    path = folder / "metrics.jsonl"
    path.write_text(path.read_text().replace('"grad_norm": ', '"grad_norm": 1', 1))
    return "metrics.jsonl differs"


def checkpoint_lost(folder):
    for path in folder.glob("model.ckpt-6.*"):
        path.unlink()
    return "newest checkpoints are of steps [6, 3]"


def temporary_left(folder):
    (folder / "tensorboard" / "x.tmp-17").touch()
    return "temporary files left"


def data_left(folder):
    (folder / "model.ckpt-1.data-00000-of-00001").touch()
    return "files differ: ['model.ckpt-1.data-00000-of-00001']"


@pytest.mark.parametrize("damage", [lowest_bit_flipped, line_lost, metric_changed, checkpoint_lost, temporary_left, data_left])
def test_what_a_kill_could_leave_behind_is_found(kill_training, straight, copied, damage):
    message = damage(copied)
    assert message in "; ".join(kill_training.differences(straight, copied))
