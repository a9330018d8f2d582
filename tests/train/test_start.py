"""How a run starts: few steps from `main` to the loss for one who reads, and each manifest loaded once."""

import inspect
import json
import sys
import threading
from pathlib import Path

import pytest
import tensorflow as tf

import electra_pretrain
from electra_pretrain import run_pretraining
from electra_pretrain.cli.endings import EXIT_INTERRUPTED
from electra_pretrain.records import manifest
from electra_pretrain.train import gradients, input, trainer
from tests.conftest import MICRO, changed

PACKAGE = str(Path(electra_pretrain.__file__).parent)
ONE_STEP = changed(MICRO, training={"num_train_steps": 1, "num_eval_steps": 0})


def run_main(monkeypatch, tmp_path, records, code, *more):
    """`main`, as the console script calls it, ends with this exit code."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(ONE_STEP.to_dict()))
    arguments = ["--config", str(config), "--data", records, "--model_dir", str(tmp_path / "run"), *more]
    monkeypatch.setattr(sys, "argv", ["run_pretraining", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_pretraining.main()
    assert ended.value.code == code


def frames_of(frame):
    """Functions of the package from a frame outwards, outermost first.

    AutoGraph runs a copy of a function, `tf__NAME` in a file of its own, with closures for loops inside.
    """
    found = []
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(PACKAGE):
            found.append((Path(code.co_filename).name, code.co_name))
        elif "__autograph_generated_file" in code.co_filename and code.co_name.startswith("tf__"):
            found.append(("autograph", code.co_name.removeprefix("tf__")))
        frame = frame.f_back
    return found[::-1]


def test_from_main_to_the_loss_it_is_eight_frames(monkeypatch, tmp_path, records):
    """Those of the thread that trains included, but for the thread's own entry, `Background`."""
    seen = []

    @tf.autograph.experimental.do_not_convert
    def first_loss(*_):
        main = sys._current_frames()[threading.main_thread().ident]
        here = frames_of(inspect.currentframe().f_back)
        seen.append([each for each in [*frames_of(main), *here] if each[0] != "background.py"])
        raise KeyboardInterrupt

    monkeypatch.setattr(gradients, "generate", first_loss)
    run_main(monkeypatch, tmp_path, records, EXIT_INTERRUPTED)
    (passed,) = seen
    assert passed[0] == ("run_pretraining.py", "main") and passed[-1][1] == "compute"
    assert len(passed) <= 8, passed


@pytest.mark.parametrize(("code", "more"), [(EXIT_INTERRUPTED, []), (0, ["--preflight"])])
def test_each_manifest_is_loaded_once(monkeypatch, tmp_path, records, code, more):
    """Up to the first step; and by all that is checked beforehand."""
    loaded = []
    load = manifest.load_manifest

    def counted(folder):
        loaded.append(folder)
        return load(folder)

    @tf.autograph.experimental.do_not_convert
    def first_step(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(input, "load_manifest", counted)
    monkeypatch.setattr(trainer.Trainer, "_train_steps", first_step)
    run_main(monkeypatch, tmp_path, records, code, *more)
    assert loaded == [records]
