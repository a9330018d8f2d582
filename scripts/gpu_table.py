"""A table of what configs cost on cards, by gpu_check: published batch on one card, accumulated as far as it takes to fit.

    python scripts/gpu_table.py --configs small_v3.json base_v3.json --gpus t4 a100-40gb h100 --folder cells

Writes one JSON file a cell into the folder and goes on where it was stopped: a cell takes some minutes. Prints a Markdown
table. On cards without bfloat16 the step is float16's.
"""  # fmt: skip

import argparse
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from electra_pretrain.config.load import load_config
from electra_pretrain.core import files
from electra_pretrain.core.progress import duration
from electra_pretrain.gpu.cards import CARDS, find_card

_TOO_LARGE = re.compile(r"out of memory: the step needs ([\d.]+) GB of the ([\d.]+) GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", required=True, metavar="FILE", help="configs, by their path or shipped name")
    parser.add_argument("--gpus", nargs="+", default=list(CARDS), metavar="NAME", help="cards (default: all)")
    parser.add_argument("--folder", required=True, metavar="FOLDER", help="where finished cells lie")
    args = parser.parse_args()
    rows = [
        row(config, gpu, cell(config, gpu, Path(args.folder)))
        for config in args.configs
        for gpu in (find_card(name).name for name in args.gpus)
    ]
    print(
        "| config | card | type | accumulation | memory, of | GB moved | TFLOP | estimated step | all steps, by the estimate |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    print("\n".join(rows))


def cell(config: str, gpu: str, folder: Path) -> dict[str, Any]:
    """Return a cell, from its file if it is there: gpu_check's figures, "accumulation", "dtype"; or an "error"."""
    path = folder / f"{Path(config).stem}-{gpu}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        files.write_text(str(path), json.dumps(check(config, gpu)))
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def check(config: str, gpu: str) -> dict[str, Any]:
    """Ask gpu_check, accumulating over ever smaller microbatches until a step fits."""
    dtype = "bfloat16" if find_card(gpu).has_bfloat16 else "float16"
    training = load_config(config, []).training
    accumulation = training.gradient_accumulation_steps
    while True:
        sets = [f"training.compute_dtype={dtype}", f"training.gradient_accumulation_steps={accumulation}"]
        command = [sys.executable, "-m", "electra_pretrain.gpu_check", "--config", config, "--gpu", gpu, "--json"]
        done = subprocess.run([*command, *(part for each in sets for part in ("--set", each))], capture_output=True, text=True)
        if not done.returncode:
            return {"accumulation": accumulation, "dtype": dtype, **json.loads(done.stdout)}
        line = done.stderr.strip().splitlines()[-1]
        too_large = _TOO_LARGE.search(line)
        if too_large is None:
            raise SystemExit(f"{config} on {gpu}: {line}")
        factor = _next(too_large, accumulation, training.train_batch_size)
        if factor is None:
            return {"accumulation": accumulation, "dtype": dtype, "error": line}
        print(f"{config} on {gpu}: accumulation {accumulation} needs {too_large[1]} GB", file=sys.stderr)
        accumulation *= factor


def _next(too_large: re.Match[str], accumulation: int, batch: int) -> int | None:
    """Return the power of two that memory must shrink by at least; None where the batch cannot be cut further."""
    factor = 2 ** max(1, math.ceil(math.log2(float(too_large[1]) / float(too_large[2]))))
    while factor > 1 and batch % (accumulation * factor):
        factor //= 2
    return factor if factor > 1 else None


def row(config: str, gpu: str, found: dict[str, Any]) -> str:
    """Return a cell as a line of the table."""
    begin = f"| `{Path(config).name}` | {gpu} | {found['dtype']} | {found['accumulation']} |"
    if "error" in found:
        return f"{begin} {found['error'].split(';')[0]} | – | – | – | – |"
    memory = f"{found['memory_gb']:.1f} GB / {found['memory_of_device_gb']} GB"
    return (
        f"{begin} {memory} | {found['gb_moved']:.0f} | {found['tflop']:.1f} | {found['estimated_step_s']:.3f} s "
        f"| {duration(found['hours'] * 3600)} |"
    )


if __name__ == "__main__":
    main()
