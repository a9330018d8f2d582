"""Which NVIDIA cards this machine has, and why TensorFlow does not see one that is there. Without TensorFlow."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError, first_of

INSTALL = f"pip install {optional.extra_name('cuda')}"
VARIABLE = "CUDA_VISIBLE_DEVICES"
# The first driver for each CUDA release: NVIDIA, "CUDA Compatibility", minor version compatibility on Linux.
FIRST_DRIVERS = {11: 450, 12: 525, 13: 580}
BFLOAT16_SINCE = (8, 0)  # compute capability: Ampere; older cards have float16 alone
BLACKWELL = (10, 0)
_SMI_SECONDS = 60.0  # it wakes sleeping cards


class Card(NamedTuple):
    """A GPU that TensorFlow sees: its name, and its compute capability where that is known."""

    name: str
    capability: tuple[int, int] | None


class Machine(NamedTuple):
    """What this machine tells of NVIDIA cards, TensorFlow aside.

    Attributes:
        cards: names of the cards.
        reachable: whether this process may use them: a container or a job may not have been given what the kernel knows.
        driver: the driver's version, such as "535.104.05"; "" if it is not known.
        complaint: first line of what nvidia-smi said where it failed.
        visible: value of CUDA_VISIBLE_DEVICES; None where it is not set.
    """

    cards: tuple[str, ...]
    reachable: bool = True
    driver: str = ""
    complaint: str = ""
    visible: str | None = None


def look(root: Path, environment: Mapping[str, str]) -> Machine:
    """Look for NVIDIA cards, by nvidia-smi, in /proc and in /dev.

    Args:
        root: of the file system.
        environment: variables, of which `PATH` finds nvidia-smi.
    """
    listed, complaint = _ask_smi(environment)
    devices = sorted(root.glob("dev/nvidia[0-9]*"))
    known = tuple(map(_model, sorted(root.glob("proc/driver/nvidia/gpus/*/information"))))
    opens = any(os.access(device, os.R_OK | os.W_OK) for device in devices)
    return Machine(
        cards=listed or known or ("NVIDIA GPU",) * len(devices),
        reachable=bool(listed) or (opens and not complaint),
        driver=_driver(root / "proc/driver/nvidia/version"),
        complaint=complaint,
        visible=environment.get(VARIABLE),
    )


def _ask_smi(environment: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Return the cards' names by nvidia-smi, and what it complains of; nothing of either where there is no nvidia-smi."""
    program = shutil.which("nvidia-smi", path=environment.get("PATH", ""))
    if program is None:
        return (), ""
    try:
        asked = subprocess.run([program, "-L"], capture_output=True, encoding="utf-8", errors="replace", timeout=_SMI_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return (), f"nvidia-smi failed ({type(error).__name__})"
    names = tuple(re.findall(r"^GPU \d+: (.+?) \(UUID", asked.stdout, re.MULTILINE))
    said = (asked.stdout + asked.stderr).strip().splitlines()
    return names, "" if names or not said else said[0].strip()


def _model(path: Path) -> str:
    """Return a card's name, by its file in /proc."""
    found = re.search(r"^Model:\s*(.+?)\s*$", path.read_text(errors="replace"), re.MULTILINE)
    return found[1] if found else "NVIDIA GPU"


def _driver(path: Path) -> str:
    found = re.search(r"Kernel Module.*?\s(\d+\.\d+(?:\.\d+)?)\s", path.read_text(errors="replace")) if path.exists() else None
    return found[1] if found else ""


def why_unseen(machine: Machine, cuda_version: str, missing: Sequence[str]) -> str:
    """Say why TensorFlow sees none of the machine's cards, and what to do.

    Args:
        machine: what it has.
        cuda_version: the CUDA that TensorFlow was built with, such as "12.5.1"; "" if without.
        missing: CUDA's libraries that are not found.
    """
    if _hides_all(machine):
        return f"{VARIABLE}={machine.visible} hides {_them(machine)}; unset it"
    if not cuda_version:
        return f"the installed TensorFlow is built without CUDA; in a fresh environment run: {INSTALL}"
    if machine.complaint and not machine.complaint.startswith("No devices"):
        return f'nvidia-smi says "{machine.complaint}"; mend the driver, or start the machine again'
    if not machine.reachable:
        return "this process was not given a card; of a container ask --gpus all, of Slurm --gpus-per-node"
    major = int(cuda_version.split(".")[0])
    if machine.driver and int(machine.driver.split(".")[0]) < FIRST_DRIVERS.get(major, 0):
        return f"the driver, {machine.driver}, is too old for CUDA {major}; install {FIRST_DRIVERS[major]} or newer"
    if missing:
        return f"CUDA's libraries are missing ({first_of(missing, 2)}); run: {INSTALL}"
    return "the reason is not known; --verbose shows what TensorFlow says of it"


def _hides_all(machine: Machine) -> bool:
    """Whether CUDA_VISIBLE_DEVICES leaves nothing: CUDA reads its list up to the first entry that names no card."""
    if machine.visible is None:
        return False
    first = machine.visible.split(",")[0].strip()
    if re.fullmatch(r"\d+", first):
        return int(first) >= len(machine.cards)
    return not first.startswith(("GPU-", "MIG-"))


def _them(machine: Machine) -> str:
    return "it" if len(machine.cards) == 1 else "them"


def in_words(names: Sequence[str]) -> str:
    """Return cards in words, such as "8 x NVIDIA A100-SXM4-40GB", each kind once."""
    return ", ".join(f"{count} x {name}" for name, count in Counter(names).items())


def refusal(machine: Machine, reason: str) -> str:
    """Return the line that refuses to train on the CPU of a machine that has cards."""
    return (
        f"this machine has {in_words(machine.cards)}, and TensorFlow does not see {_them(machine)}: {reason}, "
        "or add --device cpu to compute on the CPU on purpose"
    )


def check_equal(cards: Sequence[Card], visible: str | None) -> None:
    """Refuse cards of several kinds: each step would wait for the slowest, and the smallest memory bounds the batch.

    Args:
        cards: in TensorFlow's order.
        visible: value of CUDA_VISIBLE_DEVICES, whose entries stand in the same order.

    Raises:
        UserError: the cards differ.
    """
    kinds = Counter(cards)
    if len(kinds) < 2:
        return
    wanted, _ = kinds.most_common(1)[0]
    entries = visible.split(",") if visible else [str(number) for number in range(len(cards))]
    chosen = ",".join(entry.strip() for entry, card in zip(entries, cards, strict=False) if card == wanted)
    raise UserError(
        f"cards of several kinds ({in_words([card.name for card in cards])}): a step would wait for the slowest; choose those "
        f"of one kind, for example {VARIABLE}={chosen}"
    )


def without_bfloat16(cards: Sequence[Card]) -> list[str]:
    """Name the kinds of cards that do not compute in bfloat16."""
    return sorted({card.name for card in cards if card.capability is not None and card.capability < BFLOAT16_SINCE})


def newer_than_xla(cards: Sequence[Card]) -> list[str]:
    """Name the kinds of cards that the XLA in the pinned TensorFlow is reported to end the process on (docs/gpu.md)."""
    return sorted({card.name for card in cards if card.capability is not None and card.capability >= BLACKWELL})
