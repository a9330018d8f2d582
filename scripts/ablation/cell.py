"""One cell from its pretraining to its line: each part a command in a process of its own, and none of them done twice.

A kill at any moment costs what the command that ran then cannot resume; what is finished says so by files of its own.
"""

import dataclasses
import os
import resource
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from ablation import results, runs
from ablation.plan import HELDOUT_BATCHES, Plan
from ablation.results import Cell, Look, Result
from ablation.studies import BASELINE
from electra_pretrain.checkpoint.listing import prefix_of, remove_old, steps
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.typed import Place
from electra_pretrain.evaluation.results import read_result
from electra_pretrain.execution.child import last_line, run_logged
from electra_pretrain.execution.resume import Marker
from electra_pretrain.train.metrics_log import read_rows

SCRIPTS = str(Path(__file__).resolve().parent.parent)
TASK = "nsmc"


class Failed(Exception):
    """A command ended with an error: the message says which, and where its log is."""


class _Score(NamedTuple):
    """What `score.py` wrote."""

    step: int
    masked_lm_loss: float
    disc_loss: float
    disc_auc: float


class _Scores(NamedTuple):
    looks: tuple[_Score, ...]
    shared_auc: Annotated[float | None, typed.Check(lambda value: value is None or 0 <= value <= 1, "must lie in 0..1")]


def parts_left(plan: Plan, cell: Cell, done: dict[Cell, Result]) -> list[str]:
    """List what is still to be done for a cell, and can be now: "run", "shared", "task"."""
    if cell not in done:
        return ["run"]
    left = []
    if done[cell].shared_auc is None and _can_share(plan, cell):
        left.append("shared")
    if plan.nsmc is not None and not done[cell].task_scores and steps(plan.run(cell)):
        left.append("task")
    return left


def work(plan: Plan, cell: Cell) -> None:
    """Do what is left of a cell and write its line; its folder must be held.

    Raises:
        Failed: a command did not do its part.
        UserError: what lies there is of another run.
    """
    clock, begun = time.monotonic(), Marker(os.path.join(plan.cell_folder(cell), "begun.json"))
    known, is_new = results.read(plan.results).get(cell), begun.result() is None
    begun.save(True)
    result = known or _ran(plan, cell, is_new)
    if result.shared_auc is None and _can_share(plan, cell):
        result = dataclasses.replace(result, shared_auc=_score(plan, cell, [], "shared.json").shared_auc)
    if plan.nsmc is not None and not result.task_scores:
        metric, scores = _finetuned(plan, cell)
        result = dataclasses.replace(result, task_metric=metric, task_scores=scores)
    if is_new:
        result = dataclasses.replace(result, wall_seconds=round(time.monotonic() - clock, 1))
    results.put(plan.results, result)
    if plan.discard:
        _discard(plan, cell, result)


def _ran(plan: Plan, cell: Cell, is_new: bool) -> Result:
    """Pretrain, and score the checkpoints."""
    pretrained = Marker(os.path.join(plan.cell_folder(cell), "pretrained.json"), plan.key(cell))
    if pretrained.result() is None:
        seconds = _pretrain(plan, cell)
        pretrained.save({"cpu_seconds": seconds if is_new else None})
    rows, wanted = read_rows(plan.run(cell)), steps(plan.run(cell))
    scores = _score(plan, cell, wanted, "scores.json")
    batch = plan.config(cell).training.train_batch_size
    tokens = runs.tokens_until(rows, wanted, batch)
    about = json_files.read_object(os.path.join(plan.run(cell), "run.json"))
    return Result(
        **dataclasses.asdict(cell),
        overrides=tuple(plan.overrides(cell)),
        looks=tuple(Look(**each._asdict(), tokens=read) for each, read in zip(scores.looks, tokens, strict=True)),
        step_seconds=float(f"{runs.step_seconds(rows, batch):.6g}"),
        cpu_seconds=pretrained.result()["cpu_seconds"],
        wall_seconds=None,
        hardware=str(about["hardware"]),
        # Of the baseline it is its own AUC.
        shared_auc=scores.looks[-1].disc_auc if cell.variant == BASELINE else scores.shared_auc,
        versions=dict(about["versions"]),
    )


def _pretrain(plan: Plan, cell: Cell) -> float:
    """Run run_pretraining; return the CPU seconds that it took."""
    study, before = plan.about, _cpu_seconds()
    words = ["--config", study.config, "--data", plan.records(plan.config(cell).data.short_documents)]
    words += ["--model_dir", plan.run(cell), *(word for each in plan.overrides(cell) for word in ("--set", each))]
    _run(plan, cell, "electra_pretrain.run_pretraining", words + _devices(plan))
    return round(_cpu_seconds() - before, 1)


def _score(plan: Plan, cell: Cell, wanted: list[int], name: str) -> _Scores:
    """Score checkpoints, and the last one on the baseline's replacements where there are any yet."""
    path = os.path.join(plan.cell_folder(cell), name)
    shares = _can_share(plan, cell)
    marker = Marker(f"{path}.done", plan.key(cell, *map(str, wanted), str(shares)))
    if marker.result() is None:
        words = ["--run", plan.run(cell), "--data", plan.records("apart"), "--steps", ",".join(map(str, wanted))]
        words += ["--batches", str(HELDOUT_BATCHES), "--output", path]
        words += ["--generator", plan.run(_baseline(cell))] if shares else []
        _run(plan, cell, "ablation.score", words + _devices(plan))
        marker.save(True)
    return typed.read(_Scores, json_files.read(path), Place(path))


def _finetuned(plan: Plan, cell: Cell) -> tuple[str, tuple[float, ...]]:
    """Fine-tune the last checkpoint's discriminator with each seed; return the metric and its values."""
    study, folder = plan.about, plan.cell_folder(cell)
    exported = os.path.join(folder, "exported")
    model = os.path.join(exported, "discriminator")
    seeds = [cell.seed * study.finetune_seeds + number for number in range(study.finetune_seeds)]
    outputs = [os.path.join(folder, f"{TASK}-{seed}") for seed in seeds]
    paths = [os.path.join(output, "results.json") for output in outputs]
    if not all(map(files.exists, paths)):
        _run(plan, cell, "electra_pretrain.export_hf", ["--model_dir", plan.run(cell), "--output", exported])
    for seed, output in zip(seeds, outputs, strict=True):
        words = ["--model", model, "--task", TASK, "--data", str(plan.nsmc), "--output", output, "--seed", str(seed)]
        words += ["--no-save_model", *(word for each in study.finetune for word in ("--set", each))]
        words += ["--max_steps", str(study.finetune_steps)] if study.finetune_steps else []
        words += ["--split", plan.split] if plan.split else []
        if not files.exists(os.path.join(output, "results.json")):
            _run(plan, cell, "electra_pretrain.finetune", words)
    found = [read_result(path) for path in paths]
    return found[0].metric, tuple(each.metrics[each.metric] for each in found)


def _can_share(plan: Plan, cell: Cell) -> bool:
    """Tell whether a variant and the baseline of its seed have their last checkpoints."""
    last = plan.config(cell).training.num_train_steps
    return cell.variant != BASELINE and all(steps(plan.run(each))[-1:] == [last] for each in (cell, _baseline(cell)))


def _baseline(cell: Cell) -> Cell:
    return dataclasses.replace(cell, variant=BASELINE)


def _discard(plan: Plan, cell: Cell, result: Result) -> None:
    """Remove checkpoints that nothing needs any more; the baseline's last one others are still scored with."""
    files.remove(os.path.join(plan.cell_folder(cell), "exported"))
    if cell.variant == BASELINE or result.shared_auc is None:
        remove_old(plan.run(cell), 1, 0)
    elif steps(plan.run(cell)):
        for step in steps(plan.run(cell)):
            for suffix in (".index", ".data-00000-of-00001"):
                files.remove(prefix_of(plan.run(cell), step) + suffix)


def _devices(plan: Plan) -> list[str]:
    return [] if plan.tpu is None else ["--tpu", plan.tpu]


def _run(plan: Plan, cell: Cell, module: str, words: list[str]) -> None:
    log = plan.log(cell)
    paths = os.pathsep.join(filter(None, [SCRIPTS, os.environ.get("PYTHONPATH")]))
    if code := run_logged(module, words, log, {"PYTHONPATH": paths}):
        raise Failed(f"{cell}: {module} ended with code {code}: {last_line(log)} (see {log})")


def _cpu_seconds() -> float:
    """Return what this process's children have taken, those that ended."""
    used: Any = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(used.ru_utime + used.ru_stime)
