"""The table of a TPU program's operations adds up, and puts together what layers repeat."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

TEXT = """HloModule step, is_scheduled=true

ENTRY %main (x: bf16[512,64]) -> bf16[512,64] {
  %x = bf16[512,64]{1,0} parameter(0)
  %w = bf16[64,64]{1,0} parameter(1)
  %a = bf16[512,64]{1,0} convolution(%x, %w), dim_labels=bf_io->bf, metadata={op_name="layer_0/MatMul_3"}, \
backend_config={"window_config":{"estimated_cycles":"940000"}}
  %b = bf16[512,64]{1,0} convolution(%a, %w), dim_labels=bf_io->bf, metadata={op_name="layer_1/MatMul_4"}
  ROOT %c = bf16[512,64]{1,0} negate(%b), metadata={op_name="Neg"}
}
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "tpu_operations.py"), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_sums_and_rows(tmp_path):
    path = tmp_path / "step.txt"
    path.write_text(TEXT)
    result = run("--program", str(path), "--topology", "v3-8", "--mhz", "940", "--rows", "1")
    assert result.returncode == 0, result.stderr
    _, _, layers, everything = [[cell.strip() for cell in line.split("|")] for line in result.stdout.splitlines()]
    assert layers[5:8] == ["2", "bf16[512,64]", "layer/MatMul"], "the third and the rest are left out"
    rows, kernel = 512 * 64 * 2, 64 * 64 * 2
    assert layers[1:5] == ["0.00", f"{2 * (2 * rows + kernel) / 1e9:.2f}", f"{2 * 2 * 512 * 64 * 64 / 1e12:.3f}", "1.00 ms"]
    assert everything[5:7] == ["3", "all"]


def test_loops_that_are_counted_once_are_told(tmp_path):
    path = tmp_path / "step.txt"
    loop = "%n = bf16[512,64]{1,0} while(%x), condition=%other, body=%other"
    assert "more often" not in run("--program", _written(path, TEXT), "--topology", "v3-8").stdout
    inner = "%other (y: bf16[1]) -> pred[] {\n  ROOT %y = pred[] parameter(0)\n}\n\nENTRY"
    text = TEXT.replace("ENTRY", inner).replace("ROOT %c", loop + "\n  ROOT %c")
    result = run("--program", _written(path, text), "--topology", "v3-8")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith("1 of its loops")


def _written(path, text):
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("content", [b"what\n", b"\x94\xff\n", b""])
def test_a_file_without_a_program_is_refused(tmp_path, content):
    path = tmp_path / "step.txt"
    path.write_bytes(content)
    result = run("--program", str(path), "--topology", "v3-8")
    assert result.returncode == 1 and f"{path}: holds no compiled program" in result.stderr
    assert "Traceback" not in result.stderr
