"""Cards are found by nvidia-smi, in /proc and in /dev; each reason why TensorFlow does not see them has its line."""

import os

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu.visible import (
    Card,
    Machine,
    check_equal,
    in_words,
    look,
    newer_than_xla,
    refusal,
    why_unseen,
    without_bfloat16,
)

A100 = "NVIDIA A100-SXM4-40GB"
LISTED = f"""GPU 0: {A100} (UUID: GPU-5fa1b3f2-0000)
  MIG 3g.20gb     Device  0: (UUID: MIG-1234)
GPU 1: {A100} (UUID: GPU-5fa1b3f2-0001)
"""
VERSION = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  gcc 12\n"
OPEN_VERSION = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54.15  Release Build  (dvs-builder)\n"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def smi(folder, said, code=0):
    """A PATH whose nvidia-smi says this."""
    write(folder / "bin" / "nvidia-smi", f"#!/bin/sh\n[ \"$1\" = -L ] || exit 9\ncat <<'END'\n{said}\nEND\nexit {code}\n")
    (folder / "bin" / "nvidia-smi").chmod(0o755)
    return {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


def kernel(root, version=VERSION):
    """Two cards, as the kernel's module tells of them."""
    for bus in ("0000:00:04.0", "0000:00:05.0"):
        write(root / "proc/driver/nvidia/gpus" / bus / "information", f"Model: \t\t {A100}\nIRQ:   \t\t 33\n")
    write(root / "proc/driver/nvidia/version", version)


def test_a_machine_without_cards(root):
    assert look(root, {"PATH": str(root)}).cards == ()


def test_nvidia_smi_names_the_cards(root, tmp_path):
    machine = look(root, smi(tmp_path, LISTED) | {"CUDA_VISIBLE_DEVICES": "1"})
    assert machine == Machine((A100, A100), reachable=True, visible="1")


@pytest.mark.parametrize(("version", "driver"), [(VERSION, "535.104.05"), (OPEN_VERSION, "550.54.15"), ("?", "")])
def test_the_kernel_knows_cards_that_a_container_was_not_given(root, version, driver):
    kernel(root, version)
    machine = look(root, {"PATH": str(root)})
    assert machine == Machine((A100, A100), reachable=False, driver=driver)
    write(root / "dev" / "nvidia0", "")
    assert look(root, {"PATH": str(root)}).reachable


def test_a_device_file_alone_is_a_card(root):
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm"):
        write(root / "dev" / name, "")
    assert look(root, {}) == Machine(("NVIDIA GPU",), reachable=True)


def test_cards_that_a_job_was_not_given(root, tmp_path):
    """Slurm leaves the device files and refuses to have them opened."""
    kernel(root)
    write(root / "dev" / "nvidia0", "")
    machine = look(root, smi(tmp_path, "No devices found.", 6))
    assert not machine.reachable and len(machine.cards) == 2
    assert "not given a card" in why_unseen(machine, "12.5.1", [])


def test_what_nvidia_smi_complains_of_is_passed_on(root, tmp_path):
    kernel(root)
    machine = look(root, smi(tmp_path, "Failed to initialize NVML: Driver/library version mismatch\nmore", 18))
    assert 'nvidia-smi says "Failed to initialize NVML: Driver/library version mismatch"' in why_unseen(machine, "12.5.1", [])


@pytest.mark.parametrize("visible", ["", "-1", " ", "NoDevFiles", "2", "-1,0"])
def test_hidden_cards(visible):
    assert why_unseen(Machine((A100, A100), visible=visible), "12.5.1", []) == (
        f"CUDA_VISIBLE_DEVICES={visible} hides them; unset it"
    )


@pytest.mark.parametrize("visible", [None, "0", "1,0", "GPU-5fa1b3f2", "MIG-1234", "0,-1"])
def test_cards_that_are_not_hidden(visible):
    assert "CUDA_VISIBLE_DEVICES" not in why_unseen(Machine((A100, A100), visible=visible), "12.5.1", [])


REASONS = [
    (Machine((A100,)), "", [], "built without CUDA; in a fresh environment run: pip install 'electra_pretrain[cuda]'"),
    (Machine((A100,)), "12.5.1", ["libcudnn.so.9"], "(libcudnn.so.9); run: pip install 'electra_pretrain[cuda]'"),
    (Machine((A100,), driver="470.82.01"), "12.5.1", [], "470.82.01, is too old for CUDA 12; install 525 or newer"),
    (Machine((A100,), driver="525.60.13"), "12.5.1", [], "--verbose shows"),
    (Machine((A100,), reachable=False), "12.5.1", ["libcudnn.so.9"], "--gpus all"),
]


@pytest.mark.parametrize(("machine", "cuda", "missing", "said"), REASONS)
def test_each_reason_has_its_remedy(machine, cuda, missing, said):
    reason = why_unseen(machine, cuda, missing)
    assert reason.endswith(said) or said in reason
    line = refusal(machine, reason)
    assert line.startswith(f"this machine has 1 x {A100}, and TensorFlow does not see it: ") and "\n" not in line
    assert line.endswith("--device cpu to compute on the CPU on purpose")


def test_mixed_cards_are_refused_and_the_larger_half_is_proposed():
    t4, a100 = Card("Tesla T4", (7, 5)), Card(A100, (8, 0))
    check_equal([a100, a100], None)
    check_equal([], None)
    with pytest.raises(UserError) as error:
        check_equal([a100, t4, a100], None)
    assert f"2 x {A100}, 1 x Tesla T4" in str(error.value) and str(error.value).endswith("CUDA_VISIBLE_DEVICES=0,2")
    with pytest.raises(UserError, match=r"CUDA_VISIBLE_DEVICES=7,3$"):
        check_equal([t4, a100, t4], "7, 5, 3")
    with pytest.raises(UserError, match="several kinds"):  # two of a name that differ in what they compute
        check_equal([a100, a100._replace(capability=(8, 6))], None)


def test_which_cards_compute_in_bfloat16():
    cards = [
        Card("Tesla T4", (7, 5)),
        Card("Tesla V100", (7, 0)),
        Card(A100, (8, 0)),
        Card("NVIDIA L4", (8, 9)),
        Card("?", None),
    ]
    assert without_bfloat16(cards) == ["Tesla T4", "Tesla V100"]


def test_which_cards_are_newer_than_the_compiler():
    blackwell = Card("NVIDIA GeForce RTX 5090", (12, 0))
    assert newer_than_xla([blackwell, Card("NVIDIA H200", (9, 0)), Card("?", None)]) == [blackwell.name]


def test_cards_in_words():
    assert in_words([A100] * 8) == f"8 x {A100}"
