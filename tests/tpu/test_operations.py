"""A compiled program's operations: bytes, arithmetic and cycles; the text is invented, in the TPU compiler's form."""

import numpy as np
import pytest

from electra_pretrain.tpu.operations import program_operations
from electra_pretrain.xla.program import Program

TEXT = """HloModule step, is_scheduled=true

%fused (p: bf16[8,4]) -> f32[8,2] {
  %p = bf16[8,4]{1,0} parameter(0)
  %q = bf16[4,2]{1,0} parameter(1)
  ROOT %product = f32[8,2]{1,0} convolution(%p, %q), dim_labels=bf_io->bf
}

%dear (a: (f32[1000])) -> (f32[8,2]) {
  %a = (f32[1000]{0}) parameter(0)
  ROOT %much = f32[1000]{0} fusion(%a), calls=%fused
}

%cheap (b: (f32[1000])) -> (f32[8,2]) {
  %b = (f32[1000]{0}) parameter(0)
  %little = f32[10]{0} negate(%b)
  ROOT %r = (f32[10]{0}) tuple(%little)
}

%body (c: (f32[10])) -> (f32[10]) {
  %c = f32[10]{0} parameter(0)
  ROOT %again = f32[10]{0} add(%c, %c)
}

%condition (d: (f32[10])) -> pred[] {
  %d = f32[10]{0} parameter(0)
  ROOT %more = pred[] constant(true)
}

ENTRY %main (x: bf16[8,4]) -> f32[8,2] {
  %x = bf16[8,4]{1,0:T(8,128)(2,1)} parameter(0)
  %copy-start = (bf16[8,4]{1,0:T(8,128)S(1)}, bf16[8,4]{1,0:T(8,128)}, u32[]{:S(2)}) copy-start(%x)
  %near = bf16[8,4]{1,0:T(8,128)(2,1)S(1)} copy-done(%copy-start)
  %w = bf16[4,2]{1,0} parameter(1)
  %fusion = f32[8,2]{1,0} fusion(%near, %w), kind=kOutput, calls=%fused, metadata={op_name="layer_0/MatMul"}, \
backend_config={"window_config":{"estimated_cycles":"700"}}
  %state = (f32[1000]{0}) tuple(%x)
  %choice = (f32[10]{0}) conditional(%x, %state, %state), branch_computations={%dear, %cheap}
  %loop = f32[10]{0} while(%choice), condition=%condition, body=%body, backend_config={"known_trip_count":{"n":"5"}}
  ROOT %out = (f32[8,2]{1,0}) tuple(%fusion)
}
"""


def test_what_each_operation_moves_and_computes():
    found = {each.name: each for each in program_operations(Program(TEXT))}
    assert list(found) == ["%near", "%fusion", "%little", "%again"]
    assert found["%near"].bytes == 64  # one of its two sides lies in fast memory
    fusion = found["%fusion"]
    assert fusion.bytes == 8 * 2 * 4 + 4 * 2 * 2, "what lies in fast memory passes through no large one"
    assert (fusion.flops, fusion.cycles, fusion.op_name, fusion.result) == (2 * 8 * 4 * 2, 700, "layer_0/MatMul", "f32[8,2]")
    assert found["%again"].times == 5 and found["%again"].bytes == 3 * 40
    assert fusion.seconds(flops_per_s=1.0, bytes_per_s=1.0) == 128 and fusion.seconds(1e9, 1.0) == 80


def _product(left: tuple[int, ...], right: tuple[int, ...], result: tuple[int, ...], attributes: str) -> int:
    a, b, c = (f"f32[{','.join(map(str, sizes))}]{{0}}" for sizes in (left, right, result))
    lines = f"%a = {a} parameter(0)\n  %b = {b} parameter(1)\n  ROOT %c = {c} convolution(%a, %b), {attributes}"
    (found,) = program_operations(Program(f"ENTRY %main (x: f32[1]) -> f32[1] {{\n  {lines}\n}}\n"))
    return found.flops


@pytest.mark.parametrize(
    ("left", "right", "result", "attributes", "einsum"),
    [
        # A batch of rows and heads, as the compiler writes attention's scores.
        (
            (3, 4, 16, 5),
            (3, 4, 5, 7),
            (3, 4, 16, 7),
            "window={size=3x4 stride=2x3 lhs_dilate=3x4}, dim_labels=01bf_01io->01bf",
            "xyij,xyjk->xyik",
        ),
        # The gradient to a kernel: the rows are the window, and summed over.
        ((6, 5, 16), (6, 16, 7), (5, 7, 1), "window={size=6}, dim_labels=0bf_0io->bf0", "xbi,xio->bo"),
        # A layer: rows beside one another, with a window of one.
        ((6, 5, 16), (16, 7, 1), (6, 5, 7), "window={size=1}, dim_labels=0bf_io0->0bf", "xbi,ioz->xbo"),
    ],
)
def test_operations_of_a_product(left, right, result, attributes, einsum):
    factors, _ = einsum.split("->")
    sizes = dict(zip(factors.replace(",", ""), (*left, *right), strict=True))
    assert _product(left, right, result, attributes) == 2 * np.prod(list(sizes.values()))


def test_what_meets_padding_is_not_computed():
    """A row of 6 under a window of 6 with 5 places of padding before it: 1 + 2 + ... + 6 pairs of both."""
    found = _product((5, 6, 16), (6, 16, 7), (5, 6, 7), "window={size=6 pad=5_0}, dim_labels=b0f_0io->b0f")
    assert found == 2 * 5 * 7 * 16 * 21
