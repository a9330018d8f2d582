"""Mistakes told at once; and, where the compiler is installed, a reduced config compiled for an A100."""

import json
import subprocess
import sys

import pytest

from electra_pretrain import gpu_check
from electra_pretrain.config.load import load_config
from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.compiler import COMPILER

SETS = ["model.num_hidden_layers=2", "training.compute_dtype=bfloat16", "data.vocab_size=3000"]


def check(*arguments):
    return gpu_check.gpu_check(gpu_check.parse_args(["--config", "tiny.json", *arguments]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpu", "a101"), r"--gpu a101: must be one of t4, .*did you mean"),
        (("--phase", "3"), r"--phase 3: the config has 1"),
        (("--gpus", "0"), r"--gpus 0: must be at least 1"),
    ],
)
def test_mistakes_are_told_before_anything_is_compiled(arguments, message):
    with pytest.raises(UserError, match=message) as refused:
        check(*arguments)
    assert "\n" not in str(refused.value)


def test_the_missing_extra_is_named(monkeypatch):
    monkeypatch.setattr(gpu_check, "COMPILER", COMPILER._replace(packages=("no_such_package",)))
    with pytest.raises(UserError, match=r"the GPU compiler is not installed \(no_such_package\); run: pip install .*gpu-check"):
        check()


@pytest.mark.slow
def test_a_reduced_config_compiles_for_an_a100(tmp_path):
    pytest.importorskip("jax_cuda12_plugin")
    from electra_pretrain.model.electra import Electra
    from electra_pretrain.model.encoder import discriminator_sizes, generator_sizes
    from electra_pretrain.model.flops import step_flops
    from electra_pretrain.model.masking import num_masked_slots

    overrides = [part for each in SETS for part in ("--set", each)]
    command = [sys.executable, "-m", "electra_pretrain.gpu_check", "--config", "tiny.json", "--gpu", "a100-40gb", "--json"]
    command += ["--largest_batch", "--compiled", str(tmp_path / "compiled.txt"), *overrides]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)
    asked = "gpu memory_gb memory_of_device_gb kernels gb_moved tflop estimated_step_s share_of_peak hours"
    assert set(asked.split()) <= set(cost)

    config = load_config("tiny.json", SETS)
    # Products that were counted in the program are those of the formula and, computed again for the gradient, the first of
    # each block's feed-forward layers; but for what the compiler pads.
    length, slots = config.data.max_seq_length, num_masked_slots(config.objective.largest_mask_prob, config.data.max_seq_length)
    again = 0
    for sizes, last in ((discriminator_sizes(config), length), (generator_sizes(config), slots)):
        positions = (sizes.num_hidden_layers - 1) * length + last
        again += 2 * config.training.train_batch_size * positions * sizes.hidden_size * sizes.intermediate_size
    assert cost["tflop"] == pytest.approx((step_flops(config) + again) / 1e12, rel=0.02)
    # Three float32 numbers a weight: itself and two moments.
    weights = sum(variable.shape.num_elements() for variable in Electra(config).named_variables().values())
    assert cost["weights_and_optimizer_gb"] == pytest.approx(12e-9 * weights, abs=0.01)
    assert 12e-9 * weights < cost["memory_gb"] < 1
    assert cost["kernels"] > 100 and 0 < cost["share_of_peak"] < 1
    assert (
        max(cost["bandwidth_s"], cost["arithmetic_s"]) <= cost["estimated_step_s"] <= cost["bandwidth_s"] + cost["arithmetic_s"]
    )
    assert cost["largest_batch"] > config.training.train_batch_size
    assert (tmp_path / "compiled.txt").read_text().startswith("HloModule")
