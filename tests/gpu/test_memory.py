"""What is in memory at the worst moment, worked out by hand; the text is invented, in the compiler's form."""

from electra_pretrain.gpu.memory import Held, largest_at_peak
from electra_pretrain.xla.program import Program

LOOP = """HloModule step, is_scheduled=true

%body (state: (f32[10])) -> (f32[10]) {
  %state = (f32[10]{0}) parameter(0)
  %sums = f32[10]{0} get-tuple-element(%state), index=0
  %large = f32[1000]{0} broadcast(%sums), metadata={op_name="in/loop"}
  %more = f32[10]{0} slice(%large)
  ROOT %next = (f32[10]{0}) tuple(%more)
}
"""


def held(*lines):
    body = "\n".join(f"  {'ROOT ' if line is lines[-1] else ''}{line}" for line in lines)
    return largest_at_peak(Program(f"{LOOP}\nENTRY %main (x: f32[10]) -> f32[10] {{\n{body}\n}}\n"))


X = "%x = f32[10]{0} parameter(0)"


def test_a_buffer_is_held_until_its_last_reader_has_run():
    """%a (400 bytes) is read after %b and %c were made: three at once; when %d is made, %b and %c are gone."""
    found = held(
        X,
        '%a = f32[100]{0} broadcast(%x), metadata={op_name="a"}',
        '%b = f32[100]{0} negate(%a), metadata={op_name="b"}',
        '%c = bf16[100]{0} convert(%a), metadata={op_name="c"}',
        "%d = f32[10]{0} slice(%b, %c)",
        "%e = f32[10]{0} negate(%d)",
    )
    assert found == [Held(2, "f32[100]", 800, "a"), Held(1, "bf16[100]", 200, "c")]


def test_views_keep_their_buffer():
    found = held(
        X,
        "%pair = (f32[100]{0}, f32[200]{0}) custom-call(%x)",
        "%one = f32[100]{0} get-tuple-element(%pair), index=0",
        "%view = f32[10,10]{1,0} bitcast(%one)",
        "%big = f32[300]{0} broadcast(%x)",
        "%out = f32[10]{0} add(%view, %big)",
    )
    assert {each.shape: each.buffers for each in found} == {"f32[300]": 1, "f32[100]": 1}


def test_arguments_and_results_are_no_temporaries():
    found = held(
        "%x = f32[1000]{0} parameter(0)",
        "%t = f32[10]{0} slice(%x)",
        "%new = f32[1000]{0} add(%x, %t)",
        "%out = (f32[1000]{0}) tuple(%new)",
    )
    assert [each.shape for each in found] == ["f32[10]"]


def test_what_a_loop_holds_is_added_to_what_is_held_around_it():
    found = held(
        X,
        "%around = f32[500]{0} broadcast(%x)",
        "%first = f32[10]{0} copy(%x)",
        "%state = (f32[10]{0}) tuple(%first)",
        "%w = (f32[10]{0}) while(%state), condition=%body, body=%body",
        "%sums = f32[10]{0} get-tuple-element(%w), index=0",
        "%out = f32[10]{0} add(%sums, %around)",
    )
    assert found[0] == Held(1, "f32[1000]", 4000, "in/loop") and found[1].shape == "f32[500]"


def test_an_element_of_a_tuple_may_be_a_tuple():
    found = held(
        X,
        "%many = ((f32[100]{0}, s32[100]{0}), f32[200]{0}) fusion(%x), kind=kInput",
        "%two = (f32[100]{0}, s32[100]{0}) get-tuple-element(%many), index=0",
        "%second = s32[100]{0} get-tuple-element(%two), index=1",
        "%big = f32[900]{0} broadcast(%x)",
        "%out = f32[10]{0} add(%second, %big)",
    )
    assert {each.shape: each.buffers for each in found} == {"f32[900]": 1, "s32[100]": 1}
