"""A compiled program's text read into instructions; the text is invented, in the compiler's form."""

from electra_pretrain.xla.program import Array, Program

TEXT = """HloModule step, is_scheduled=true, entry_computation_layout={(f32[4,2]{1,0})->(f32[4,2]{1,0}, s32[])}

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[] add(%a, %b)
}

ENTRY %main.7 (Arg_0.1: f32[4,2]) -> (f32[4,2], s32[]) {
  %Arg_0.1 = f32[4,2]{1,0} parameter(0), metadata={op_name="XLA_Args"}
  %pair = (bf16[4,2]{1,0}, s8[64]{0}, /*index=2*/pred[]) custom-call(%Arg_0.1, /*index=1*/%Arg_0.1), \
custom_call_target="made_up", metadata={op_name="a/b" source_line=3}, backend_config={"n":"5","in":{"kind":"x"}}
  %first = bf16[4,2]{1,0} get-tuple-element(%pair), index=0
  %fusion = f32[4,2]{1,0} fusion(%first), kind=kLoop, calls=%add, lhs_contracting_dims={0,1}
  %choice = (s32[]) conditional(%fusion), branch_computations={%add, %add}
  %one = s32[] get-tuple-element(%choice), index=0
  ROOT %out = (f32[4,2]{1,0}, s32[]) tuple(%fusion, %one)
}
"""


def test_computations_and_the_entry():
    program = Program(TEXT)
    assert list(program.computations) == ["%add", "%main.7"]
    assert program.entry is program.computations["%main.7"]
    assert program.entry.root.name == "%out" and program.computations["%add"].root.opcode == "add"
    assert [each.name for each in program.entry.users("%fusion")] == ["%choice", "%out"]


def test_an_instruction():
    pair = Program(TEXT).entry.instructions["%pair"]
    assert pair.arrays == (Array("bf16", (4, 2)), Array("s8", (64,)), Array("pred", ()))
    assert pair.bytes == 16 + 64 + 1
    assert pair.operands == ("%Arg_0.1", "%Arg_0.1")
    assert pair.op_name == "a/b" and pair.config == {"n": "5", "in": {"kind": "x"}}


def test_attributes():
    instructions = Program(TEXT).entry.instructions
    assert instructions["%Arg_0.1"].attributes == "0"
    assert instructions["%first"].number("index") == 0
    assert instructions["%fusion"].numbers("lhs_contracting_dims") == [0, 1]
    assert instructions["%fusion"].called("calls") == ["%add"]
    assert instructions["%choice"].called("branch_computations") == ["%add", "%add"]
    assert instructions["%choice"].called("calls") == [] and instructions["%choice"].config == {}


def test_bytes_of_types():
    sizes = {"pred": 1, "s8": 1, "u8": 1, "f8e4m3fn": 1, "s4": 1, "bf16": 2, "f16": 2, "f32": 4, "u32": 4, "s64": 8, "f64": 8}
    assert {dtype: Array(dtype, (3,)).bytes for dtype in sizes} == {dtype: 3 * size for dtype, size in sizes.items()}
    assert str(Array("bf16", (2, 3))) == "bf16[2,3]"
