"""Figures for people, of invented answers."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.cards import CARDS
from electra_pretrain.gpu.report import check_fit, describe, read_result
from electra_pretrain.xla.report import OutOfMemory

ANSWER = {
    "arguments": 1_500_000_000,
    "outputs": 1_400_000_000,
    "aliased": 1_400_000_000,
    "temporaries": 12_000_000_000,
    "kernels": 2_871,
    "bytes_accessed": 120e9,
    "flops": 11.2e12,
    "seconds": 0.09,
    "bandwidth_seconds": 0.077,
    "arithmetic_seconds": 0.036,
    "model_seconds": 0.11,
    "unknown_loops": 0,
    "largest": [[12, "bf16[32,12,512,512]", 2_415_919_104, "electra/layer_0/MatMul"], [1, "f32[10]", 40, ""]],
}
A100 = CARDS["a100-40gb"]


def test_figures():
    cost = read_result(ANSWER, A100, "bfloat16", 1_500_000)
    assert (cost.gpu, cost.kernels, cost.gb_moved, cost.tflop) == ("a100-40gb", 2871, 120.0, 11.2)
    assert cost.memory_gb == pytest.approx(13.5) and cost.memory_of_device_gb == 42.3
    assert cost.share_of_peak == pytest.approx(11.2 / 0.09 / 312, abs=1e-3)
    assert cost.hours == pytest.approx(0.09 * 1.5e6 / 3600, abs=0.1)
    assert read_result(ANSWER, A100, "float32", 1).share_of_peak == pytest.approx(11.2 / 0.09 / 156, abs=1e-3)
    asked = "gpu memory_gb memory_of_device_gb kernels gb_moved tflop estimated_step_s share_of_peak hours"
    assert set(asked.split()) <= set(cost.as_json())
    assert cost.as_json()["largest"][0]["shape"] == "bf16[32,12,512,512]"


def test_text():
    cost = read_result(ANSWER, A100, "bfloat16", 1_500_000)
    text = describe(cost, 1_500_000, 8)
    for part in (
        "8 x a100-40gb",
        "13.50 GB of 42.3 GB (40.7 GB usable), 1.5 GB",
        "2,871 kernels",
        "90.0 ms: 40%",
        "36.0 ms",
        "0.110 s",
        "37",
    ):
        assert part in text
    assert "largest batch" not in text and "loops" not in text
    assert "90.0 ms (2 loops of unknown length counted once): 40%" in describe(cost._replace(unknown_loops=2), 1, 1)
    assert "largest batch   384 rows" in describe(cost._replace(largest_batch=384), 1, 1)


def test_out_of_memory_names_buffers_ways_out_and_larger_cards():
    check_fit(read_result(ANSWER, A100, "bfloat16", 1), "nothing")
    large = read_result({**ANSWER, "temporaries": 60_000_000_000}, A100, "bfloat16", 1)
    with pytest.raises(OutOfMemory) as refused:
        check_fit(large, "--set training.remat=true")
    assert str(refused.value) == (
        "out of memory: the step needs 61.50 GB of the 40.72 GB that TensorFlow can use of the a100-40gb; the largest buffers: "
        "2.4 GB in 12 x bf16[32,12,512,512] (electra/layer_0/MatMul), 0.0 GB in 1 x f32[10] (no name); "
        "try --set training.remat=true (or a card with more memory: a100-80gb, h100, h200)"
    )


def test_what_the_card_has_is_not_all_that_can_be_used():
    between = A100.usable_memory - ANSWER["arguments"] + 1_000_000
    with pytest.raises(OutOfMemory, match="a100-80gb"):
        check_fit(read_result({**ANSWER, "temporaries": between}, A100, "bfloat16", 1), "less")


@pytest.mark.parametrize(
    "error",
    ["UNIMPLEMENTED: /usr/local/bin/ptxas ptxas too old. Falling back", "UNAVAILABLE: Neither ptxas/nvlink nor nvjtlink"],
)
def test_a_missing_assembler_names_the_extra(error):
    with pytest.raises(UserError, match=r"no ptxas that knows the a100-40gb.*pip install 'electra_pretrain\[gpu-check\]'$"):
        read_result({"error": error}, A100, "bfloat16", 1)


def test_a_refusal_is_passed_on():
    with pytest.raises(UserError, match="UNIMPLEMENTED: no such thing$"):
        read_result({"error": "UNIMPLEMENTED: no such thing\nmore"}, A100, "bfloat16", 1)
