"""What is refused before a compilation, and how the largest batch is looked for, without one."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.cards import CARDS
from electra_pretrain.train.gpu_cost import check_config, search_batch
from electra_pretrain.train.step_cost import smaller_steps
from tests.conftest import MICRO, changed


def test_a_batch_that_the_cards_cannot_split_is_refused():
    check_config(MICRO, CARDS["t4"], 8)
    with pytest.raises(UserError, match="must be divisible by 3 replicas"):
        check_config(MICRO, CARDS["t4"], 3)


@pytest.mark.parametrize("name", ["t4", "v100-16gb"])
def test_a_card_without_bfloat16_is_refused_in_a_line_that_names_the_way_out(name):
    config = changed(MICRO, training={"compute_dtype": "bfloat16"})
    check_config(config, CARDS["l4"], 1)
    with pytest.raises(UserError, match=rf"a {name} has no bfloat16 .*--set training.compute_dtype=float16$"):
        check_config(config, CARDS[name], 1)


@pytest.mark.parametrize(
    ("rows", "factor", "begin"),
    [
        (512, 1.1, "--set training.gradient_accumulation_steps=2, --set training.remat=true, a smaller"),
        (512, 3.8, "--set training.gradient_accumulation_steps=4, --set training.remat=true, a smaller"),
        (6, 3.8, "--set training.remat=true, a smaller"),  # of six rows no four parts can be made
    ],
)
def test_what_makes_a_step_smaller_makes_it_small_enough(rows, factor, begin):
    config = changed(MICRO, training={"train_batch_size": rows, "compute_dtype": "float16"})
    assert smaller_steps(config, 1, factor).startswith(begin)


def test_the_type_that_is_named_is_one_that_the_card_knows():
    assert smaller_steps(MICRO, 1, half="float16").startswith("--set training.compute_dtype=float16, ")
    assert smaller_steps(MICRO, 1).startswith("--set training.compute_dtype=bfloat16, ")


def search(first, usable, memory, known=None):
    asked = []

    def memory_of(rows):
        asked.append(rows)
        return memory(rows)

    return search_batch(first, known or {}, usable, memory_of), asked


def line(rows):
    return 1.0 + 0.1 * rows


@pytest.mark.parametrize(
    ("first", "usable", "expected", "compilations"),
    [
        (32, 40.7, 392, 3),  # 397 fit; by eights
        (32, 3.65, 24, 3),  # 26 fit
        (512, 3.65, 24, 3),  # from far above
        (32, 1.55, 5, 3),  # fewer than eight are not rounded
        (32, 1.05, 0, 2),  # not one fits
        (32, 4.25, 32, 2),  # what was asked is the most: nothing is left to be compiled
    ],
)
def test_memory_by_a_line_takes_one_compilation_after_two(first, usable, expected, compilations):
    rows, asked = search(first, usable, line)
    assert (rows, len(asked)) == (expected, compilations)


def test_a_known_size_is_not_compiled_again():
    rows, asked = search(32, 40.7, line, {32: line(32)})
    assert rows == 392 and 32 not in asked and len(asked) == 2


def test_what_is_found_fits_although_memory_bends():
    def bent(rows):
        return line(rows) if rows <= 100 else line(rows) + 0.05 * (rows - 100)

    rows, asked = search(32, 40.7, bent)
    assert bent(rows) <= 40.7 and rows >= 280 and len(asked) <= 6  # 298 fit
