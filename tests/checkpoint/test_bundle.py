"""Bundles are written whole or not at all, read in full or refused, listed without TensorFlow, and averaged."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.checkpoint import average, bundle, listing, variables
from electra_pretrain.checkpoint.bundle import DamagedCheckpoint
from electra_pretrain.convert.tf1 import find_bundle, write_tf1
from electra_pretrain.core.errors import Unavailable, UserError
from electra_pretrain.evaluation.runs import last_step
from electra_pretrain.train.run_folder import load_run
from tests.conftest import MICRO

VALUES = {"electra/x": np.arange(6, dtype=np.float32).reshape(2, 3), "electra/x/adam_m": np.ones([2, 3], np.float32)}


def test_some_checkpoints_are_kept_for_ever(tmp_path):
    for step in range(1, 10):
        bundle.save(str(tmp_path), step, {"global_step": np.int64(step)}, keep=2, keep_every=4)
    assert listing.steps(str(tmp_path)) == [4, 8, 9]


@pytest.fixture(params=["a run's", "the released code's"])
def write(request):
    """Both that write a step's checkpoint to a folder."""

    def run(folder, step, values):
        return bundle.save(str(folder), step, values, keep=5)

    def released(folder, step, values):
        return write_tf1(str(folder), step, values, MICRO, ["[PAD]"])

    return run if request.param == "a run's" else released


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path, write):
    prefix = write(tmp_path, 3, VALUES)
    assert prefix == str(tmp_path / "model.ckpt-3") == listing.find(str(tmp_path)) == find_bundle(str(tmp_path))
    found = bundle.read(prefix)
    assert found.keys() == VALUES.keys()
    for name, value in VALUES.items():
        np.testing.assert_array_equal(found[name], value)
    assert not [name for name in os.listdir(tmp_path) if "tmp" in name]
    assert bundle.read(prefix, lambda name: "adam" not in name).keys() == {"electra/x"}


@pytest.mark.parametrize("interrupted", ["SaveV2", "replace"])
def test_what_cannot_be_written_leaves_no_temporary_and_no_checkpoint(tmp_path, monkeypatch, write, interrupted):
    save_v2 = tf.raw_ops.SaveV2

    def half_written(**arguments):
        save_v2(**arguments)
        raise tf.errors.ResourceExhaustedError(None, None, "no room")

    def not_moved(source, target):
        raise OSError("no room")

    with monkeypatch.context() as patch:
        if interrupted == "SaveV2":
            patch.setattr(tf.raw_ops, "SaveV2", half_written)
        else:
            patch.setattr(bundle.files, "replace", not_moved)
        with pytest.raises(UserError, match=r"model.ckpt-3: cannot be written \(no room\); make room"):
            write(tmp_path, 3, VALUES)
    assert os.listdir(tmp_path) == [] and listing.steps(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("kind", "raised"), [(tf.errors.ResourceExhaustedError, UserError), (tf.errors.UnavailableError, Unavailable)]
)
def test_a_checkpoint_that_cannot_be_written_is_one_line_and_says_whether_to_try_again(tmp_path, monkeypatch, kind, raised):
    def fail(**_):
        raise kind(None, None, "no room, or nobody there")

    monkeypatch.setattr(tf.raw_ops, "SaveV2", fail)
    with pytest.raises(UserError, match=r"model.ckpt-3: cannot be written \(no room, or nobody there\); make room") as error:
        bundle.save(str(tmp_path), 3, {"global_step": np.int64(3)}, keep=5)
    assert error.type is raised
    assert listing.steps(str(tmp_path)) == []


def test_a_file_that_ends_too_early_is_refused_by_all_that_read(tmp_path):
    prefix = bundle.save(str(tmp_path), 3, VALUES, keep=5)
    data = prefix + listing.DATA_SUFFIX
    with open(data, "r+b") as file:
        file.truncate(10)
    for read in (bundle.read, lambda path: average.read_mean(str(tmp_path), None, 1)):
        with pytest.raises(DamagedCheckpoint, match="model.ckpt-3: damaged checkpoint"):
            read(prefix)


def test_a_name_that_tensorflow_does_not_take_is_no_damage(tmp_path):
    bundle.write(str(tmp_path / "x"), VALUES)
    folder = f"{tmp_path}/\udcff"
    os.makedirs(folder)
    for name in os.listdir(tmp_path):
        if name.startswith("x."):
            os.rename(tmp_path / name, f"{folder}/{name}")
    with pytest.raises(UnicodeEncodeError):
        bundle.read(f"{folder}/x")


def test_the_newest_that_is_whole_is_restored(tmp_path, capfd):
    for step in (1, 2):
        prefix = bundle.save(str(tmp_path), step, {"x": np.float32(step)}, keep=5)
    with open(prefix + listing.DATA_SUFFIX, "r+b") as file:
        file.truncate(0)
    variable = tf.Variable(0.0)
    assert variables.restore_newest(str(tmp_path), {"x": variable}) and variable.numpy() == 1
    assert "model.ckpt-2: damaged checkpoint" in capfd.readouterr().err
    with pytest.raises(UserError, match="a checkpoint of another config: missing: y; left over: x"):
        variables.restore(listing.find(str(tmp_path), 1), {"y": variable})
    assert not variables.restore_newest(str(tmp_path / "none"), {"x": variable})


def test_a_mean_is_of_weights_alone_up_to_a_step(tmp_path):
    for step in (1, 2, 3):
        bundle.save(str(tmp_path), step, {"x": np.float32(step), "x/adam_v": np.float32(9)}, keep=5)
    assert average.read_mean(str(tmp_path), 2, 2) == {"x": np.float32(1.5), "global_step": 2}
    with pytest.raises(UserError, match=r"has 3 checkpoints \(1, 2, 3\) where the mean of 4 was asked for"):
        average.read_mean(str(tmp_path), None, 4)


def test_the_released_codes_folders_may_name_no_step(tmp_path):
    for name in ("electra_small.index", "model.ckpt-9.index", "model.ckpt-10.index", "model.ckpt-11.index.tmp-7-host"):
        (tmp_path / name).touch()
    assert find_bundle(str(tmp_path)) == str(tmp_path / "model.ckpt-10")
    assert listing.steps(str(tmp_path)) == [9, 10]
    assert find_bundle(str(tmp_path / "electra_small.index")) == str(tmp_path / "electra_small")
    with pytest.raises(UserError, match="no checkpoint of step 4; there are 9, 10"):
        listing.find(str(tmp_path), 4)
    for step in range(100, 2000, 100):
        (tmp_path / f"model.ckpt-{step}.index").touch()
    with pytest.raises(UserError, match="no checkpoint of step 810; the nearest are 600, 700, 800, 900, 1000$"):
        listing.find(str(tmp_path), 810)


def test_a_checkpoint_is_no_folder(tmp_path):
    (tmp_path / "model.ckpt-7.index").touch()
    listing.check_is_folder(str(tmp_path))
    for path in (tmp_path / "model.ckpt-7", tmp_path / "model.ckpt-7.index"):
        for refuse in (listing.check_is_folder, load_run, last_step):
            with pytest.raises(UserError, match=f"^{path}: is a checkpoint; give the run's folder, {tmp_path}$"):
                refuse(str(path))
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(UserError, match=f"metrics.jsonl: is a file; give the run's folder, {tmp_path}$"):
        last_step(str(tmp_path / "metrics.jsonl"))


def test_checkpoints_are_listed_without_tensorflow(tmp_path):
    (tmp_path / "model.ckpt-7.index").touch()
    code = """
import json, sys
from electra_pretrain.checkpoint import listing
print(json.dumps([listing.steps(sys.argv[1]), listing.find(sys.argv[1]), "tensorflow" in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[7], str(tmp_path / "model.ckpt-7"), False]
