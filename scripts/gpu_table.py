"""A table of how long configs take on each card, at least: one step compiled for each config, its kernels timed for every card.

    python scripts/gpu_table.py --folder cells --configs small_v3.json base_v3.json

The published batch on one card, in so many parts (gradient_accumulation_steps) that a step fits the smallest of the cards. It
is compiled for an A100 in bfloat16; the program of another card that knows bfloat16 differs little. Writes one JSON file a
config into the folder and goes on where it was stopped: a config takes some minutes. Prints Markdown.
"""  # fmt: skip

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.progress import duration
from electra_pretrain.gpu.cards import CARDS
from electra_pretrain.gpu.kernels import program_kernels
from electra_pretrain.gpu.roofline import summary
from electra_pretrain.xla.program import Program

COMPILED_FOR = "a100-40gb"
# For older ones XLA has no kernel that does softmax at once: their programs are others.
SHOWN = [card.name for card in CARDS.values() if card.has_bfloat16]
# What a first part holds at most, in tokens times hidden size: base_v3's 32 rows. Of some configs a part must be smaller.
FIRST_PART = 32 * 512 * 768
_TOO_LARGE = re.compile(r"out of memory: the step needs ([\d.]+) GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", required=True, metavar="FILE", help="configs, by their path or shipped name")
    parser.add_argument("--folder", required=True, metavar="FOLDER", help="where finished rows lie")
    args = parser.parse_args()
    rows = [row(config, measured(config, Path(args.folder))) for config in args.configs]
    print(f"| config | batch, in parts | memory | {' | '.join(SHOWN)} |")
    print(f"|{'---|' * (3 + len(SHOWN))}")
    print("\n".join(rows))


def measured(config: str, folder: Path) -> dict[str, Any]:
    """Return what is known of a config, from its file if it is there: "parts", "memory_gb", "seconds" for each card."""
    path = folder / f"{Path(config).stem}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        files.write_text(str(path), json.dumps(compiled(config)))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def compiled(name: str) -> dict[str, Any]:
    """Compile a config's step in as few parts as fit the smallest card, and time its kernels for every card."""
    config, usable = load_config(name, []), min(card.usable_memory for card in CARDS.values()) / 1e9
    parts = first_parts(config)
    with tempfile.NamedTemporaryFile(suffix=".txt") as text:
        while True:
            found = ask(name, parts, text.name)
            memory = found["memory_gb"]
            print(f"{name} in {parts} parts: {memory:.1f} GB", file=sys.stderr)
            if memory <= usable:
                break
            parts = more_parts(config, parts, memory / usable)
        kernels = program_kernels(Program(Path(text.name).read_text()))
    seconds = {card.name: summary(kernels, card)["seconds"] for card in CARDS.values()}
    return {**found, "parts": parts, "seconds": seconds}


def ask(name: str, parts: int, text_path: str) -> dict[str, Any]:
    """Return gpu_check's figures, or the memory alone where the step does not even fit the card that it is compiled for."""
    sets = ["training.compute_dtype=bfloat16", f"training.gradient_accumulation_steps={parts}"]
    command = [sys.executable, "-m", "electra_pretrain.gpu_check", "--config", name, "--gpu", COMPILED_FOR, "--json"]
    command += ["--compiled", text_path, *(part for each in sets for part in ("--set", each))]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.returncode:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    line = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if too_large := _TOO_LARGE.search(line):
        return {"memory_gb": float(too_large[1])}
    raise SystemExit(line)


def first_parts(config: Config) -> int:
    """Return into how many parts a batch is divided at first."""
    tokens = config.training.train_batch_size * config.data.max_seq_length
    return more_parts(config, 1, tokens * config.model.hidden_size / FIRST_PART)


def more_parts(config: Config, parts: int, factor: float) -> int:
    """Return the parts times the power of two that the factor asks for, as far as the batch can be divided."""
    batch, wanted = config.training.train_batch_size, parts * int(2 ** max(0, math.ceil(math.log2(factor))))
    if wanted > parts and batch % wanted == 0:
        return wanted
    if factor <= 1:
        return parts
    raise SystemExit(f"{batch} rows cannot be divided into {wanted} parts")


def row(config: str, found: dict[str, Any]) -> str:
    """Return what was found as a line of the table."""
    loaded = load_config(config, [])
    batch = loaded.training.train_batch_size // found["parts"]
    steps = loaded.training.num_train_steps
    times = (duration(found["seconds"][card] * steps) for card in SHOWN)
    return f"| `{Path(config).name}` | {found['parts']} × {batch} | {found['memory_gb']:.1f} GB | {' | '.join(times)} |"


if __name__ == "__main__":
    main()
