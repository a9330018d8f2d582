"""The cards: figures that follow from one another, and names that are refused."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.cards import CARDS, find_card, larger_than
from electra_pretrain.gpu.target import exchange_table, product_table, target_config

# Products a multiprocessor adds up in a clock, two operations each, with float32 sums (whitepapers; half of that on a GeForce,
# whose whitepaper states the float16 sums' rate beside it), at the clock that the published rate is for.
PER_CLOCK = {
    "t4": (512, 1.59),
    "v100-16gb": (512, 1.53),
    "rtx-3090": (256, 1.695),
    "rtx-4090": (256, 2.52),
    "a100-40gb": (1024, 1.41),
    "a100-80gb": (1024, 1.41),
    "l4": (512, 2.04),
    "h100": (2048, 1.83),
    "h200": (2048, 1.83),
}


@pytest.mark.parametrize("name", CARDS)
def test_the_peak_follows_from_multiprocessors_and_clock(name):
    card, (products, clock) = CARDS[name], PER_CLOCK[name]
    assert card.half_tflops == pytest.approx(card.multiprocessors * products * 2 * clock / 1000, rel=0.01)


@pytest.mark.parametrize("name", ["t4", "v100-16gb", "rtx-3090", "rtx-4090"])
def test_float32_without_faster_tensor_cores_follows_from_lanes(name):
    card = CARDS[name]
    flops = card.multiprocessors * card.architecture.lanes * 2 * card.clock_ghz / 1000
    assert card.float32_tflops == pytest.approx(flops, rel=0.01)


def test_bfloat16_and_memory():
    assert [name for name in CARDS if not CARDS[name].has_bfloat16] == ["t4", "v100-16gb"]
    for card in CARDS.values():
        assert 0.9 * card.memory < card.usable_memory < card.memory
    assert CARDS["a100-40gb"].usable_memory == 42_331_013_120 - 1536 * 2**20
    assert larger_than(50e9) == ["a100-80gb", "h100", "h200"] and larger_than(1e12) == []


def test_peak_by_type():
    assert [CARDS["a100-40gb"].peak_tflops(dtype) for dtype in ("bfloat16", "float16", "float32")] == [312, 312, 156]


def test_names():
    assert find_card("A100-80GB") is CARDS["a100-80gb"] and find_card("v100") is CARDS["v100-16gb"]
    with pytest.raises(UserError, match=r"--gpu a100-80: must be one of t4, .*; did you mean a100-80gb") as refused:
        find_card("a100-80")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", CARDS)
def test_the_compiler_is_told_the_card(name):
    card = CARDS[name]
    text = target_config(card)
    assert f"core_count: {card.multiprocessors} " in text and f"device_memory_size: {card.memory} " in text
    assert text.count("{") == text.count("}")
    assert f"memory_bandwidth: {card.gb_per_s}000000000 " in text
    key = 'key: "sm_{}{}"'.format(*card.architecture.capability)
    assert key in product_table(card) and key in exchange_table(card)


def test_the_rate_of_products_is_the_cards():
    cycles = int(product_table(CARDS["a100-40gb"]).split("clock_cycles: ")[1].split()[0])
    assert 2 * 4096**3 / (cycles / 1.41e9) == pytest.approx(312e12, rel=1e-3)
