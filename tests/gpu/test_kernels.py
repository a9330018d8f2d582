"""Kernels, bytes and operations of a program, worked out by hand; the text is invented, in the compiler's form."""

import pytest

from electra_pretrain.gpu.cards import CARDS
from electra_pretrain.gpu.kernels import program_kernels
from electra_pretrain.gpu.roofline import summary
from electra_pretrain.xla.launches import unknown_loops
from electra_pretrain.xla.program import Program

COMPUTATIONS = """HloModule step, is_scheduled=true

%part (p0: f32[100,8], p1: s32[]) -> f32[2,8] {
  %p0 = f32[100,8]{1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %slice = f32[2,8]{1,0} dynamic-slice(%p0, %p1, %zero), dynamic_slice_sizes={2,8}
}

%rows (table: f32[1000,4], ids: s32[6,1]) -> f32[6,4] {
  %ids = s32[6,1]{1,0} parameter(1)
  %table = f32[1000,4]{1,0} parameter(0)
  ROOT %gather = f32[6,4]{1,0} gather(%table, %ids), offset_dims={1}, slice_sizes={1,4}
}

%both (p0: f32[100,8], p1: s32[]) -> f32[100,8] {
  %p0 = f32[100,8]{1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  %slice = f32[2,8]{1,0} dynamic-slice(%p0, %p1, %zero), dynamic_slice_sizes={2,8}
  %reduced = f32[] constant(0)
  ROOT %whole = f32[100,8]{1,0} negate(%p0)
}

%in_place (p0: f32[100,8], p1: f32[2,8], p2: s32[]) -> f32[100,8] {
  %p0 = f32[100,8]{1,0} parameter(0)
  %p1 = f32[2,8]{1,0} parameter(1)
  %p2 = s32[] parameter(2)
  %twice = f32[2,8]{1,0} add(%p1, %p1)
  ROOT %update = f32[100,8]{1,0} dynamic-update-slice(%p0, %twice, %p2, %p2)
}

%product (p0: bf16[16,32], p1: bf16[32,8]) -> f32[16,8] {
  %p0 = bf16[16,32]{1,0} parameter(0)
  %p1 = bf16[32,8]{1,0} parameter(1)
  ROOT %dot = f32[16,8]{1,0} dot(%p0, %p1), lhs_contracting_dims={1}, rhs_contracting_dims={0}
}

%body (state: (s32[], f32[10])) -> (s32[], f32[10]) {
  %state = (s32[], f32[10]{0}) parameter(0)
  %count = s32[] get-tuple-element(%state), index=0
  %sums = f32[10]{0} get-tuple-element(%state), index=1
  %more = f32[10]{0} add(%sums, %sums)
  ROOT %next = (s32[], f32[10]{0}) tuple(%count, %more)
}

%more_rounds (state: (s32[], f32[10])) -> pred[] {
  %state = (s32[], f32[10]{0}) parameter(0)
  %count = s32[] get-tuple-element(%state), index=0
  %end = s32[] constant(3)
  ROOT %less = pred[] compare(%count, %end), direction=LT
}

%cheap (p: f32[10]) -> f32[10] {
  %p = f32[10]{0} parameter(0)
  ROOT %copy = f32[10]{0} copy(%p)
}

%dear (p: f32[10]) -> f32[10] {
  %p = f32[10]{0} parameter(0)
  %copy = f32[10]{0} copy(%p)
  ROOT %again = f32[10]{0} copy(%copy)
}
"""
MODEL = '"reification_cost":[{"exec_time_us":7.5,"name":""},{"exec_time_us":9,"name":"sol"}]'


def program(*lines):
    body = "\n".join(f"  {'ROOT ' if line is lines[-1] else ''}{line}" for line in lines)
    return Program(f"{COMPUTATIONS}\nENTRY %main (x: f32[10]) -> f32[10] {{\n{body}\n}}\n")


def kernels(*lines):
    return program_kernels(program(*lines))


X = "%x = f32[10]{0} parameter(0)"


def test_an_operand_is_read_and_the_result_written_once():
    (kernel,) = kernels(X, "%twice = f32[10]{0} add(%x, %x)")
    assert (kernel.bytes, kernel.times, kernel.flops) == (40 + 40, 1, 0)


def test_names_and_constants_move_nothing():
    assert not kernels(X, "%c = f32[2]{0} constant({...})", "%b = f32[2,5]{1,0} bitcast(%x)", "%t = (f32[10]{0}) tuple(%x)")


@pytest.mark.parametrize(
    ("line", "moved"),
    [
        ("%f = f32[2,8]{1,0} fusion(%a, %i), kind=kLoop, calls=%part", 64 + 4 + 64),
        ("%f = f32[6,4]{1,0} fusion(%t, %ids), kind=kLoop, calls=%rows", 96 + 24 + 96),
        ("%f = f32[100,8]{1,0} fusion(%a, %i), kind=kLoop, calls=%both", 3200 + 4 + 3200),
        ("%f = f32[100,8]{1,0} fusion(%a, %u, %i), kind=kLoop, calls=%in_place", 0 + 64 + 4 + 64),
    ],
    ids=["slice", "gather", "a slice and all of it", "in place"],
)
def test_a_fusion_that_takes_parts_moves_parts(line, moved):
    arguments = (
        "%a = f32[100,8]{1,0} parameter(0)",
        "%i = s32[] parameter(1)",
        "%t = f32[1000,4]{1,0} parameter(2)",
        "%ids = s32[6,1]{1,0} parameter(3)",
        "%u = f32[2,8]{1,0} parameter(4)",
    )
    (kernel,) = kernels(*arguments, line)
    assert kernel.bytes == moved


OPERANDS = ("%l = bf16[16,32]{1,0} parameter(0)", "%r = bf16[32,8]{1,0} parameter(1)")


def test_a_product_in_a_fusion():
    (kernel,) = kernels(*OPERANDS, "%f = f32[16,8]{1,0} fusion(%l, %r), kind=kCustom, calls=%product")
    assert (kernel.flops, kernel.dtype, kernel.bytes) == (2 * 16 * 8 * 32, "bf16", 1024 + 512 + 512)


def test_a_product_of_a_library_with_its_work_space():
    (kernel,) = kernels(
        "%l = bf16[4,16,32]{2,1,0} parameter(0)",
        "%r = bf16[4,32,8]{2,1,0} parameter(1)",
        '%c = (f32[4,16,8]{2,1,0}, s8[4194304]{0}) custom-call(%l, %r), custom_call_target="__cublas$lt$matmul", '
        'backend_config={"gemm_backend_config":{"dot_dimension_numbers":{"lhs_contracting_dimensions":["2"],'
        '"lhs_batch_dimensions":["0"]}}}',
    )
    assert (kernel.flops, kernel.dtype) == (4 * 2 * 16 * 8 * 32, "bf16")
    assert kernel.bytes == 4 * (1024 + 512 + 512)


LOOP = "%w = (s32[], f32[10]{0}) while(%t), condition=%more_rounds, body=%body"


@pytest.mark.parametrize(("known", "rounds"), [(', backend_config={"known_trip_count":{"n":"3"}}', 3), ("", 1)])
def test_a_loop_runs_its_kernels_as_often_as_is_known(known, rounds):
    lines = (X, "%n = s32[] parameter(1)", "%t = (s32[], f32[10]{0}) tuple(%n, %x)", LOOP + known)
    body, condition = kernels(*lines)
    assert unknown_loops(program(*lines)) == (rounds == 1)
    assert (body.name, body.bytes, body.times) == ("%more", 80, rounds)
    assert (condition.name, condition.bytes, condition.times) == ("%less", 4 + 4 + 1, rounds)


@pytest.mark.parametrize("named", ["branch_computations={%cheap, %dear}", "true_computation=%cheap, false_computation=%dear"])
def test_of_branches_the_dearest_counts(named):
    found = kernels(X, "%p = pred[] parameter(1)", f"%c = f32[10]{{0}} conditional(%p, %x, %x), {named}")
    assert [kernel.name for kernel in found] == ["%copy", "%again"]


def test_a_call_runs_what_it_calls():
    assert [kernel.name for kernel in kernels(X, "%c = f32[10]{0} call(%x), to_apply=%dear")] == ["%copy", "%again"]


@pytest.mark.parametrize(("kind", "seconds"), [("__loop", 7.5e-6), ("__triton", None)])
def test_the_compilers_own_figure_but_for_triton(kind, seconds):
    config = f'backend_config={{"fusion_backend_config":{{"kind":"{kind}"}},{MODEL}}}'
    (kernel,) = kernels(*OPERANDS, f"%f = f32[16,8]{{1,0}} fusion(%l, %r), kind=kCustom, calls=%product, {config}")
    assert kernel.model_seconds == seconds


def test_each_kernel_takes_the_longer_of_two_times():
    """The first moves 3.2 MB in 2.06 us of an A100-40GB's 1,555 GB/s; the second multiplies for 110 us at 312 TFLOP/s."""
    found = kernels(
        "%a = f32[400000]{0} parameter(0)",
        "%n = f32[400000]{0} negate(%a)",
        "%l = bf16[4096,1024]{1,0} parameter(1)",
        "%r = bf16[1024,4096]{1,0} parameter(2)",
        "%d = bf16[4096,4096]{1,0} dot(%l, %r), lhs_contracting_dims={1}, rhs_contracting_dims={0}",
    )
    card = CARDS["a100-40gb"]
    found = [found[0]._replace(times=2, model_seconds=5e-6), found[1]]
    total = summary(found, card)
    moved = 2 * 3.2e6 + 2 * 2 * 2**22 + 2 * 2**24
    products = 2 * 4096 * 4096 * 1024
    assert (total["kernels"], total["bytes_accessed"], total["flops"]) == (3, moved, products)
    assert total["bandwidth_seconds"] == pytest.approx(moved / 1555e9)
    assert total["arithmetic_seconds"] == pytest.approx(products / 312e12)
    assert total["seconds"] == pytest.approx(2 * 3.2e6 / 1555e9 + products / 312e12)
    assert total["model_seconds"] == pytest.approx(2 * 5e-6 + products / 312e12)
