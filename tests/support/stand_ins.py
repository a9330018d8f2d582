"""Stands in for export_hf and finetune, run as a module: each call leaves a line in a journal and what those would write.

JOURNAL: the journal. FAIL="korsts 1": that task and seed end with an error. VANISH=200: the run removes that checkpoint.
SECONDS: how long a fine-tuning takes.
"""

import json
import os
import sys
import time
from pathlib import Path

given = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
RANDOM = "--random" in sys.argv


def journal(line):
    with open(os.environ["JOURNAL"], "a") as file:
        file.write(line + "\n")


def export():
    step = "-1" if RANDOM else given["--step"]
    journal("export random" if RANDOM else f"export {step}")
    checkpoint = Path(given["--model_dir"]) / f"model.ckpt-{step}.index"
    if step == os.environ.get("VANISH"):
        checkpoint.unlink()
    if not RANDOM and not checkpoint.exists():
        sys.exit(f"export_hf: error: no checkpoint of step {step}")
    for name in ("discriminator", "generator"):
        folder = Path(given["--output"]) / name
        folder.mkdir(parents=True)
        (folder / "step").write_text(step)


def score(step, task, seed):
    return 50 + step / 10 + 10 * (task == "korsts") + 3 * seed**2


def finetune():
    output, task, seed = Path(given["--output"]), given["--task"], int(given["--seed"])
    step = int((Path(given["--model"]) / "step").read_text())
    journal(f"begin {step} {task} {seed}")
    print("a warning", file=sys.stderr)
    time.sleep(float(os.environ.get("SECONDS", 0)))
    if os.environ.get("FAIL") == f"{task} {seed}":
        sys.exit("finetune: error: out of memory")
    output.mkdir()
    value = score(step, task, seed)
    metrics = {"spearman": value, "pearson": 1.0} if task == "korsts" else {"accuracy": value}
    results = {"task": task, "model": given["--model"], "metrics": metrics, "metric": next(iter(metrics)), "seed": seed}
    results |= {"steps": 7, "max_steps": None, "select": "last", "split": "test", "stuck_at_chance": False, "settings": {}}
    (output / "results.json").write_text(json.dumps(results))
    journal(f"end {step} {task} {seed}")


if __name__ == "__main__":
    (export if "--model_dir" in given else finetune)()
