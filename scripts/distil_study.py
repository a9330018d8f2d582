"""Does distillation pay? A teacher, and students of a third of its layers in three ways, for the same minutes, several seeds.

    python scripts/distil_study.py teacher --folder study --data data --nsmc tasks/nsmc --split dev
    python scripts/distil_study.py time --folder study --data data --nsmc tasks/nsmc --split dev
    python scripts/distil_study.py students --folder study --data data --nsmc tasks/nsmc --split dev
    python scripts/distil_study.py report --folder study --data data --nsmc tasks/nsmc --split dev --page docs/distillation.md

In that order. `teacher` pretrains a masked language model and fine-tunes it. `time` measures a step of each way, in turns, on
a machine that does nothing else, and says how many steps the minutes are. `students` trains, exports and fine-tunes the
students; started twice at once, each on cores of its own (taskset), the two share the work. All go on after a kill, and do
nothing twice. `report` takes the exported models' sizes and speed, and writes a table between the page's two marks.
"""  # fmt: skip

import argparse
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ablation.turns import Run, seconds_in_turns
from ablation.workers import held

from electra_pretrain.checkpoint.listing import steps
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import load_config
from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import UserError
from electra_pretrain.evaluation.markdown import aligned
from electra_pretrain.evaluation.results import read_result
from electra_pretrain.execution.child import last_line, run_logged
from electra_pretrain.execution.resume import Marker
from electra_pretrain.train.metrics_log import read_rows

COMMANDS = ("teacher", "time", "students", "report")
TEACHER = "teacher"
# Masked language models, as DistilKoBERT and its teacher are; the student a third as deep, without token types.
_MASKED_LM = ("objective.electra_objective=false", "objective.mask_token_prob=0.8", "objective.random_token_prob=0.1")
_SAVED = ("training.keep_checkpoint_max=1", "training.iterations_per_loop=100", "training.save_checkpoints_steps=1000")
_TEACHER = (*_MASKED_LM, *_SAVED, "model.num_hidden_layers=6")
_STUDENT = (*_MASKED_LM, *_SAVED, "model.num_hidden_layers=2", "model.type_vocab_size=0")
_FROM = "distillation.teacher={teacher}"
WAYS: Mapping[str, tuple[str, ...]] = {
    "random weights": (),
    "the teacher's layers": (_FROM, "distillation.alpha_ce=0", "distillation.alpha_cos=0", "distillation.alpha_mlm=1"),
    "the teacher's layers, distilled": (_FROM,),
}
FINETUNE = ("learning_rate=5e-4", "warmup_proportion=0.1", "max_seq_length=32")
FINETUNE_STEPS = 400
SENTENCES, ROUNDS = 500, 5  # of NSMC, one at a time; times that each model reads them, of which the median counts


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(quiet=False, verbose=False)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--folder", required=True, metavar="DIR", help="for all that is made")
    parser.add_argument("--data", required=True, metavar="DIR", help="records, as tiny.json wants them")
    parser.add_argument("--nsmc", required=True, metavar="DIR", help="NSMC's files")
    parser.add_argument("--split", default="test", metavar="NAME", help="of NSMC that is scored (default %(default)s)")
    parser.add_argument("--teacher_steps", type=int, default=14000, metavar="N", help="(default %(default)s)")
    parser.add_argument("--minutes", type=float, default=5.0, metavar="M", help="of a student's training (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="students of each way (default %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="in all runs")
    parser.add_argument("--page", metavar="FILE", help="with the lines <!-- distil_study --> and <!-- end of distil_study -->")
    return parser.parse_args()


def study(args: argparse.Namespace) -> None:
    """Do what the command says.

    Raises:
        UserError: what it stands on was not done, or a command failed.
    """
    os.makedirs(args.folder, exist_ok=True)
    if args.command == "teacher":
        _train(args, TEACHER, [*_TEACHER, f"training.num_train_steps={args.teacher_steps}"])
        for seed in range(args.seeds):
            _finetune(args, TEACHER, seed)
        return
    if not steps(_run_of(args, TEACHER)):
        raise UserError(f"{args.folder}: holds no teacher; run the command teacher first")
    if args.command == "time":
        measure_steps(args)
    elif args.command == "students":
        _students(args)
    else:
        report(args)


def measure_steps(args: argparse.Namespace) -> None:
    """Measure a step of each way, and write down how many of them the minutes are, in whole hundreds."""
    runs = {way: Run(load_config("tiny.json", [*_overrides(args, way), *args.set]), args.data) for way in WAYS}
    seconds = seconds_in_turns(runs, rounds=10)
    planned = {way: {"seconds": each, "steps": max(1, round(args.minutes * 0.6 / each)) * 100} for way, each in seconds.items()}
    files.write_text(_path(args, "steps.json"), json.dumps(planned, indent=2) + "\n")
    for way, plan in planned.items():
        print(f"{way}: {1000 * plan['seconds']:.1f} ms a step, {plan['steps']:.0f} steps in {args.minutes:g} minutes")


def _students(args: argparse.Namespace) -> None:
    planned = json_files.read_object(_path(args, "steps.json"))
    for seed in range(args.seeds):
        for number, way in enumerate(WAYS):
            name = _name(number, seed)
            with held(_path(args, name), "distil_study") as is_held:
                if is_held:  # else the other process is at it
                    words = [f"training.num_train_steps={planned[way]['steps']}", f"training.seed={seed}"]
                    _train(args, name, [*_overrides(args, way), *words])
                    _finetune(args, name, seed)


def report(args: argparse.Namespace) -> None:
    """Write the table of all that is done, and print it."""
    planned = json_files.read_object(_path(args, "steps.json"))
    names = [[TEACHER], *[[_name(number, seed) for seed in range(args.seeds)] for number in range(len(WAYS))]]
    rates = _sentences_per_second(args, {name: _exported(args, name) for name in (group[0] for group in names)})
    rows = []
    for group, way in zip(names, (TEACHER, *WAYS), strict=True):
        seeds = [(group[0] if way == TEACHER else group[seed], seed) for seed in range(args.seeds)]
        rows.append(
            [
                way,
                f"{_size(args, group[0]) / 1e6:.1f} MB",
                f"{rates[group[0]]:.0f}",
                f"{args.teacher_steps:,}" if way == TEACHER else f"{planned[way]['steps']:,}",
                _spread([_heldout(args, name) for name in group], 3),
                _spread([_score(args, name, seed) for name, seed in seeds], 2),
            ]
        )
    head = ["model", "size", "sentences/s", "steps", "held-out masked-LM loss", "NSMC"]
    table = aligned(head, rows)
    print(table)
    if args.page:
        text = files.read_text(args.page)
        marked = re.compile(r"(<!-- distil_study -->\n).*?(<!-- end of distil_study -->)", re.DOTALL)
        if not marked.search(text):
            raise UserError(f"{args.page}: lacks the lines <!-- distil_study --> and <!-- end of distil_study -->")
        files.write_text(args.page, marked.sub(lambda found: f"{found[1]}{table}{found[2]}", text))


def _overrides(args: argparse.Namespace, way: str) -> list[str]:
    teacher = os.path.abspath(_run_of(args, TEACHER))
    return [*_STUDENT, *(each.format(teacher=teacher) for each in WAYS[way])]


def _name(number: int, seed: int) -> str:
    return f"student-{number}-{seed}"


def _path(args: argparse.Namespace, *names: str) -> str:
    return os.path.join(args.folder, *names)


def _run_of(args: argparse.Namespace, name: str) -> str:
    return _path(args, name, "run")


def _exported(args: argparse.Namespace, name: str) -> str:
    return _path(args, name, "exported", "masked_lm")


def _train(args: argparse.Namespace, name: str, overrides: Sequence[str]) -> None:
    """Pretrain and export, once."""
    os.makedirs(_path(args, name), exist_ok=True)
    overrides = [*overrides, *args.set]
    done = Marker(_path(args, name, "trained.json"), json.dumps(overrides))
    if done.result() is not None:
        return
    settings = [word for each in overrides for word in ("--set", each)]
    words = ["--config", "tiny.json", "--data", args.data, "--model_dir", _run_of(args, name), *settings]
    _command(args, name, "run_pretraining", words)
    _command(args, name, "export_hf", ["--model_dir", _run_of(args, name), "--output", _path(args, name, "exported")])
    done.save(True)


def _finetune(args: argparse.Namespace, name: str, seed: int) -> None:
    output = _path(args, name, f"nsmc-{seed}")
    if files.exists(os.path.join(output, "results.json")):
        return
    words = ["--model", _exported(args, name), "--task", "nsmc", "--data", args.nsmc, "--split", args.split, "--output", output]
    words += ["--seed", str(seed), "--max_steps", str(FINETUNE_STEPS), "--no-save_model"]
    _command(args, name, "finetune", [*words, *(word for each in FINETUNE for word in ("--set", each))])


def _command(args: argparse.Namespace, name: str, command: str, words: Sequence[str]) -> None:
    log = _path(args, name, "log.txt")
    print(f"{name}: {command}", flush=True)
    if code := run_logged(f"electra_pretrain.{command}", words, log):
        raise UserError(f"{name}: {command} ended with code {code}: {last_line(log)} (see {log})")


def _score(args: argparse.Namespace, name: str, seed: int) -> float:
    result = read_result(_path(args, name, f"nsmc-{seed}", "results.json"))
    return result.metrics[result.metric]


def _heldout(args: argparse.Namespace, name: str) -> float:
    """Return the masked-LM loss of the last evaluation, all on the same rows and masks but for the seed."""
    rows = [row for row in read_rows(_run_of(args, name)) if row["kind"] == "heldout"]
    return float(rows[-1]["masked_lm_loss"])


def _size(args: argparse.Namespace, name: str) -> int:
    return os.path.getsize(os.path.join(_exported(args, name), "model.safetensors"))


def _spread(values: Sequence[float], digits: int) -> str:
    """Write mean ± sample standard deviation; of a single value no deviation."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def _sentences_per_second(args: argparse.Namespace, folders: Mapping[str, str]) -> dict[str, float]:
    """Read NSMC's sentences with each model, one at a time on one thread; the models take turns."""
    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    (path,) = [path for path in Path(args.nsmc).iterdir() if path.stem.endswith(args.split)]
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    column = lines[0].index("document")
    texts = [line[column] for line in lines[1 : SENTENCES + 1]]
    models = {name: transformers.AutoModel.from_pretrained(folder).eval() for name, folder in folders.items()}
    tokenizer = transformers.AutoTokenizer.from_pretrained(next(iter(folders.values())))
    encoded = [tokenizer(text, return_tensors="pt", truncation=True, max_length=32)["input_ids"] for text in texts]
    seconds: dict[str, list[float]] = {name: [] for name in models}
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for name, model in models.items():
                began = time.perf_counter()
                for input_ids in encoded:
                    model(input_ids=input_ids)
                seconds[name].append(time.perf_counter() - began)
    return {name: len(texts) / float(np.median(taken)) for name, taken in seconds.items()}


def main() -> None:
    args = parse_args()
    run_command("distil_study", lambda: args, study)


if __name__ == "__main__":
    main()
