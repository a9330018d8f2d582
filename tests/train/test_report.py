"""What a loop's numbers become, and the counted operations behind the share of peak."""

import re
import time
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.load import load_config
from electra_pretrain.core.progress import Progress
from electra_pretrain.model.flops import step_flops
from electra_pretrain.tpu.chips import generation_peak_tflops
from electra_pretrain.train import hardware
from electra_pretrain.train.background import Background
from electra_pretrain.train.hardware import product_flops
from electra_pretrain.train.metrics import zero_sums
from electra_pretrain.train.report import Report, RunLog
from electra_pretrain.train.trainer import Loop
from tests.conftest import MICRO, changed


def loop(began, ended):
    sums = {name: value.numpy() + 1 for name, value in zero_sums(MICRO).items()}
    sums |= {"steps": np.float32(10), "grad_norm": np.float32(5), "nonfinite_steps": np.float32(0), "tokens": np.float32(900)}
    return Loop(10, sums, began, ended)


def test_rates_idle_time_and_share_of_peak(tmp_path):
    log = RunLog(str(tmp_path), 0)
    with Progress("train", 100, "steps") as progress:
        report = Report(MICRO, log, progress, 0, peak_flops=4 * step_flops(MICRO))
        for step, one in ((10, loop(100.0, 105.0)), (20, loop(105.5, 110.5))):
            report.keep(step, one)
            report.write_waiting()
            report.write_waiting()
    first, second = log.rows
    assert first["idle_seconds"] == 0 and second["idle_seconds"] == 0.5
    assert second["sequences_per_second"] == 16 and second["tokens_per_second"] == 900 / 5
    assert second["share_of_peak"] == 0.5 and second["grad_norm"] == 0.5


def test_of_rates_and_norms_a_network_has_its_own_are_told_only_where_they_are_used(tmp_path):
    own = changed(MICRO, optimizer={"generator_learning_rate": 0.001, "discriminator_learning_rate": 0.005})
    rows = []
    for config, norms in ((MICRO, {}), (own, {"generator_grad_norm": np.float32(20)})):
        log = RunLog(str(tmp_path / str(len(rows))), 0)
        with Progress("train", 6, "steps") as progress:
            report = Report(config, log, progress, 0, peak_flops=None)
            usual = loop(0.0, 1.0)
            report.keep(3, usual._replace(sums=usual.sums | norms))
            report.write_waiting()
        rows += log.rows
    assert rows[0]["learning_rate"] == rows[1]["learning_rate"] == 0.0025
    assert {name: rows[1][name] for name in rows[1].keys() - rows[0].keys()} == {
        "generator_learning_rate": 0.0005,
        "generator_grad_norm": 2,
    }


def read_as_tensorboard_does(folder):
    """Return tags and steps in order; a session's start drops what it has from that step on."""
    kept = []
    # By time, as names are; those of one second and process by their number, which TensorBoard does not tell from text.
    for path in sorted(folder.iterdir(), key=lambda path: [int(part) for part in re.findall(r"\d+", path.name)]):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            if event.session_log.status == tf.compat.v1.SessionLog.START:
                kept = [one for one in kept if one[1] < event.step]
            kept += [(value.tag, event.step) for value in event.summary.value]
    return kept


def test_a_run_that_goes_on_leaves_each_step_in_tensorboard_once(tmp_path):
    """Killed at step 150 it goes on from 100; killed again before the next checkpoint, once more."""
    for start, end in ((0, 150), (100, 120), (100, 200), (200, 200)):
        log = RunLog(str(tmp_path), start)
        for step in range(start + 10, end + 10, 10):
            log.write("train", step, {"disc_loss": step / 7})
            if not step % 100:
                log.write("heldout", step, {"disc_loss": step / 7})
        log.flush()
    folder = tmp_path / "tensorboard"
    assert read_as_tensorboard_does(folder / "train") == [("disc_loss", step) for step in range(10, 210, 10)]
    assert read_as_tensorboard_does(folder / "heldout") == [("disc_loss", 100), ("disc_loss", 200)]
    assert [row["step"] for row in log.rows if row["kind"] == "train"] == list(range(10, 210, 10))


def test_operations_of_the_published_recipes():
    """Worked out from the method's table of sizes: two operations a weight and token, and as much twice again backwards."""
    tokens = 256 * 512
    base = load_config("base_v3.json")
    block = 4 * 768**2 + 2 * 768 * 3072 + 2 * 512 * 768
    # Of the generator's last block only keys and values are needed everywhere, all else at the masked positions.
    small = 2 * 256**2 + 2 * 256 * 1024 + 2 * 512 * 256
    generator = tokens * (768 * 256 + 11 * (small + 2 * 256**2) + 2 * 256**2) + 256 * 79 * small
    head = 256 * 79 * (256 * 768 + 768 * 35000)
    expected = 6 * (tokens * (12 * block + 768 * 769) + generator + head)
    assert step_flops(base) == pytest.approx(expected, rel=1e-12)
    uniform = load_config("base_v3.json", ["objective.uniform_generator=true"])
    assert step_flops(uniform) == pytest.approx(6 * tokens * (12 * block + 768 * 769), rel=1e-12)
    alone = changed(base, objective={"electra_objective": False})
    blocks = tokens * (11 * block + 2 * 768**2) + 256 * 79 * (block - 2 * 768**2)
    assert step_flops(alone) == pytest.approx(6 * (blocks + 256 * 79 * (768 * 768 + 768 * 35000)), rel=1e-12)


def test_a_product_is_timed():
    assert 1e8 < product_flops("/cpu:0", "float32", 512) < 1e15


def test_a_moment_of_other_work_does_not_lower_the_peak(monkeypatch):
    """The first products take ten times as long as those that follow."""
    clock = SimpleNamespace(now=0.0, products=0)

    def matmul(one, other):
        clock.products += 1
        clock.now += 0.1 if clock.products <= 4 else 0.01
        return one

    monkeypatch.setattr(tf, "matmul", matmul)
    monkeypatch.setattr(hardware, "time", SimpleNamespace(monotonic=lambda: clock.now))
    assert product_flops.__wrapped__("/cpu:0", "float32", 16) == pytest.approx(2 * 16**3 / 0.01)
    assert clock.now < 1


def test_tpus_by_what_they_call_themselves():
    assert generation_peak_tflops("v3-32") == 61.5
    assert generation_peak_tflops("v5litepod-16") == 197
    assert generation_peak_tflops("v9-8") is None


def test_calls_run_beside_and_hand_over_what_they_raise():
    began = time.monotonic()
    calls = [Background(time.sleep, 0.3) for _ in range(4)]
    for call in calls:
        call.result()
    assert time.monotonic() - began < 1
    assert Background(lambda: 7).result() == 7
    with pytest.raises(ZeroDivisionError):
        Background(lambda: 1 // 0).result()
