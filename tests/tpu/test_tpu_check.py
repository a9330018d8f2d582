"""The compiler's answers read rightly; and, where the compiler is installed, a reduced config compiled for a v3-8."""

import dataclasses
import json
import subprocess
import sys

import pytest

from electra_pretrain import tpu_check
from electra_pretrain.config.load import load_config
from electra_pretrain.core.errors import UserError
from electra_pretrain.tpu.chips import SLICES, find_slice
from electra_pretrain.tpu.compiler import COMPILER
from electra_pretrain.tpu.report import describe, read_result
from electra_pretrain.train.step_cost import lower_step, step_cost
from electra_pretrain.xla.report import OutOfMemory

ANSWER = {
    "device": "TPU v3",
    "arguments": 1_500_000_000,
    "outputs": 1_400_000_000,
    "aliased": 1_400_000_000,
    "temporaries": 6_000_000_000,
    "flops": 11.2e12,
    "bytes_accessed": 75e9,
    "seconds": -2.72,
    "unknown_costs": 3,
}
REFUSAL = """RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 21.11G of 15.48G hbm.

Total hbm usage >= 21.6G:
    reserved        530.00M

  Largest program allocations in hbm:

  1. Size: 4.50G
     Operator: op_name="jit(step)/attend/Einsum"
     Shape: bf16[64,12,512,512]{3,2,1,0:T(8,128)(2,1)}
     Allocation type: HLO temp
     ==========================

  2. Size: 1.20G
     Shape: f32[5056,35000]{1,0:T(8,128)}
     Allocation type: HLO temp
"""


def test_costs_that_the_compiler_does_not_know_are_added_back():
    cost = read_result(ANSWER, SLICES["v3-8"], 1_500_000)
    assert cost.estimated_step_s == pytest.approx(0.28)
    assert cost.memory_gb == pytest.approx(7.5)
    assert cost.share_of_peak == pytest.approx(11.2 / 0.28 / 61.5, abs=1e-3)
    assert cost.hours == pytest.approx(0.28 * 1.5e6 / 3600, abs=0.1)
    text = describe(cost, 1_500_000, "v3-8")
    assert "7.5 GB of 17.2 GB" in text and "0.280 s (3 small operations" in text and "4.9 days" in text


def test_out_of_memory_names_the_largest_buffers():
    with pytest.raises(OutOfMemory) as refused:
        read_result({"device": "TPU v3", "error": REFUSAL}, SLICES["v3-8"], 1)
    assert "needs 21.11G of 15.48G" in str(refused.value)
    assert "4.50G bf16[64,12,512,512] (jit(step)/attend/Einsum), 1.20G f32[5056,35000] (no name)" in str(refused.value)


def test_one_buffer_larger_than_the_memory():
    error = "RESOURCE_EXHAUSTED: Allocation (size=24943525888) would exceed memory (size=17179869184) :: #allocation1350 "
    error += "[shape = 'f32[2490368,2500]{0,1:T(8,128)}', space=hbm]"
    with pytest.raises(OutOfMemory, match=r"f32\[2490368,2500\], needs 24.9 GB of 17.2 GB"):
        read_result({"device": "TPU v3", "error": error}, SLICES["v3-8"], 1)


def test_another_refusal_is_passed_on():
    with pytest.raises(UserError, match="UNIMPLEMENTED: no such thing"):
        read_result({"device": "TPU v3", "error": "UNIMPLEMENTED: no such thing\nmore"}, SLICES["v3-8"], 1)


@pytest.mark.parametrize(
    ("name", "replicas", "hosts"),
    [("v3-8", 8, 1), ("v3-32", 32, 4), ("v2-128", 128, 16), ("v4-32", 16, 4), ("v5e-16", 16, 4), ("v5p-16", 8, 2)],
)
def test_slices_of_several_hosts(name, replicas, hosts):
    """Cores count up to v3, chips from v4 on; a host has four chips. A replica is the same on any slice of a generation."""
    found, one_host = find_slice(name), SLICES[f"{name.split('-')[0]}-8"]
    assert (found.replicas, found.hosts) == (replicas, hosts)
    assert found._replace(replicas=one_host.replicas, hosts=1) == one_host


def test_a_slice_may_be_named_as_google_names_its_type():
    assert find_slice("v5litepod-8") == find_slice("v5e-8") and find_slice("v5litepod-16") == find_slice("v5e-16")


def test_mistakes_are_told_before_anything_is_compiled():
    with pytest.raises(UserError, match=r"v3-9: must be one of .*v3-8"):
        find_slice("v3-9")
    for name in ("v3-48", "v2-64", "v6e-16", "v3-", "v3-32-2", "v3-²"):
        with pytest.raises(UserError, match=r"must be one of .* or of several hosts .*v3-\{32, 64"):
            find_slice(name)
    with pytest.raises(UserError, match="v9-8"):
        tpu_check.tpu_check(tpu_check.parse_args(["--config", "tiny.json", "--topology", "v9-8"]))
    with pytest.raises(UserError, match="float16: is for older GPUs; on a TPU use bfloat16"):
        tpu_check.tpu_check(tpu_check.parse_args(["--config", "tiny.json", "--set", "training.compute_dtype=float16"]))


needs_compiler = pytest.mark.skipif(not COMPILER.is_installed(), reason="needs the extra tpu-check")


@needs_compiler
def test_a_batch_that_no_slice_can_split_is_refused():
    with pytest.raises(UserError, match="train_batch_size = 63: must be divisible by 8"):
        step_cost(load_config("tiny.json", ["training.train_batch_size=63"]), SLICES["v3-8"], 1)


@needs_compiler
def test_a_reduced_config_compiles_for_a_v3_8():
    sets = ["model.num_hidden_layers=1", "training.compute_dtype=bfloat16", "data.vocab_size=3000"]
    overrides = [part for each in sets for part in ("--set", each)]
    command = [sys.executable, "-m", "electra_pretrain.tpu_check", "--config", "tiny.json", "--json", *overrides]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)
    asked = "device memory_gb weights_and_optimizer_gb tflop gb_moved estimated_step_s share_of_peak hours"
    assert set(asked.split()) <= set(cost)
    assert cost["device"] == "TPU v3"
    assert 0 < cost["estimated_step_s"] < 0.1 and 0 < cost["share_of_peak"] < 1
    # Three float32 numbers a weight: itself and two moments.
    config = load_config("tiny.json", sets)
    assert cost["weights_and_optimizer_gb"] == pytest.approx(12e-9 * weights_of(config), abs=0.01)
    assert cost["memory_gb"] >= cost["weights_and_optimizer_gb"]


def weights_of(config):
    from electra_pretrain.model.electra import Electra

    return sum(variable.shape.num_elements() for variable in Electra(config).named_variables().values())


def test_no_large_constant_is_in_the_program():
    config = load_config(
        "tiny.json", ["model.num_hidden_layers=1", "model.attention_probs_dropout_prob=0.1", "data.vocab_size=500"]
    )
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, max_seq_length=128))
    # An index of all elements of [heads, S, S], folded into the program, would be 262 KB by itself.
    assert len(lower_step(config, 8)) < 1_200_000
