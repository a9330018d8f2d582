"""Examples a second of fine-tuning: dynamic padding and batches of like length, against every batch padded to max_seq_length.

    python scripts/bench_finetune.py --model model/discriminator --task nsmc --data data/nsmc --max_steps 200

Same model, data and steps, taking turns; the best turn of each counts. Prints a line for a table of Markdown.
"""  # fmt: skip

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

VARIANTS = {
    "ours": ["pad_to_max_length=false", "group_by_length=true"],
    "dynamic padding alone": ["pad_to_max_length=false", "group_by_length=false"],
    "padded": ["pad_to_max_length=true", "group_by_length=false"],
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, metavar="DIR|NAME")
    parser.add_argument("--task", required=True, metavar="NAME")
    parser.add_argument("--data", required=True, metavar="DIR")
    parser.add_argument("--split", metavar="NAME", help="scored, but not timed")
    parser.add_argument("--max_steps", type=int, default=200)
    parser.add_argument("--turns", type=int, default=3, help="runs of each (default %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="field=value")
    return parser.parse_args()


def examples_per_second(args: argparse.Namespace, overrides: list[str]) -> float:
    """Fine-tune once, in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "electra_pretrain.finetune", "--model", args.model, "--task", args.task]
        command += ["--data", args.data, "--output", f"{folder}/run", "--max_steps", str(args.max_steps), "--no-save_model"]
        command += ["--split", args.split] if args.split else []
        for override in [*args.set, *overrides]:
            command += ["--set", override]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        results = json.loads(Path(folder, "run", "results.json").read_text())
    return float(results["train_examples_per_second"])


def main() -> None:
    args = parse_args()
    best = dict.fromkeys(VARIANTS, 0.0)
    for _ in range(args.turns):
        for name, overrides in VARIANTS.items():
            best[name] = max(best[name], examples_per_second(args, overrides))
    rates = " | ".join(f"{rate:.0f}" for rate in best.values())
    print(f"| task | {' | '.join(f'{name}, examples/s' for name in best)} | ours / padded |")
    print(f"| {args.task} | {rates} | {best['ours'] / best['padded']:.2f} |")


if __name__ == "__main__":
    main()
