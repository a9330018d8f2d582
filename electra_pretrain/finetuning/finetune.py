"""A fine-tuning from its request to its results; killed at any moment and begun again, it goes on from its last checkpoint."""

import contextlib
import dataclasses
import importlib.metadata
import math
import os
import random
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from electra_pretrain.core import files
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.finetuning import checkpoints, kinds, models, record, registry
from electra_pretrain.finetuning.batches import LengthGroupedSampler
from electra_pretrain.finetuning.config import FinetuneConfig, load_finetune_config, size_of
from electra_pretrain.finetuning.metrics import chance
from electra_pretrain.finetuning.task import Task

if TYPE_CHECKING:
    from electra_pretrain.finetuning.scoring import Scorer
    from electra_pretrain.finetuning.trainer import FineTuner, Watcher

INSTALL = "'electra_pretrain[finetune]'"
DEV_SHARE = 0.1  # of the training set, set aside by `--select best` where there are no other dev examples to choose by
_PACKAGES = ("torch", "transformers", "accelerate", "datasets", "seqeval", "scipy", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        model: folder, or name on the hub.
        task: its name.
        data: folder of the task's files.
        output: folder for what comes out.
        seed: of the head, the order of examples, dropout, and the dev part.
        max_steps: steps in place of the recipe's epochs; None: those.
        config: a recipe's name or path; None: the task's, of the model's size.
        overrides: `field=value`, over the recipe.
        select: "last" or "best".
        split: which one is scored; None: the task's `scored`.
        precision: of `trainer.PRECISIONS`.
        save_model: whether the fine-tuned model is kept.
    """

    model: str
    task: str
    data: str
    output: str
    seed: int = 0
    max_steps: int | None = None
    config: str | None = None
    overrides: tuple[str, ...] = ()
    select: str = "last"
    split: str | None = None
    precision: str = "auto"
    save_model: bool = True


def finetune(request: Request, stop_requested: Callable[[], bool] = lambda: False) -> dict[str, Any]:
    """Fine-tune and score; what is in `results.json`.

    Raises:
        UserError: bad input, in one line.
        Stopped: asked to, in good order.
    """
    _check(request)
    require_packages()
    task = registry.find_task(request.task)
    known = models.identity(request.model)
    config = models.read_config(request.model)
    settings = _settings(request, task, config)
    split = request.split or task.scored
    data = {name: registry.split_paths(task, request.data, name) for name in _splits(request, task, split)}
    asked = {
        "task": task.name,
        **known,
        "seed": request.seed,
        "split": split,
        "select": request.select,
        "precision": request.precision,
        "max_steps": request.max_steps,
        "settings": dataclasses.asdict(settings),
        "data_sha256": {name: [files.sha256(path) for path in paths] for name, paths in data.items()},
    }
    new = not os.path.exists(request.output)
    try:
        results = record.finished(request.output, asked)
        if results is None:
            results = _run(request, task, config, settings, split, asked, stop_requested)
    except UserError:
        if new and not os.path.isdir(os.path.join(request.output, record.CHECKPOINTS)):
            files.remove(request.output)  # nothing was learnt: another try shall not find a folder in its way
        raise
    files.remove(os.path.join(request.output, record.CHECKPOINTS))
    return results


def require_packages() -> None:
    """Refuse at once if what the extra installs is not there.

    Raises:
        UserError: a package is missing.
    """
    missing = [name for name in _PACKAGES if not _version(name)]
    if missing:
        raise UserError(f"fine-tuning needs {', '.join(missing)}; run: pip install {INSTALL}")
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _run(
    request: Request,
    task: Task,
    config: dict[str, Any],
    settings: FinetuneConfig,
    split: str,
    asked: dict[str, Any],
    stop_requested: Callable[[], bool],
) -> dict[str, Any]:
    from transformers import set_seed

    from electra_pretrain.finetuning import trainer as trainers
    from electra_pretrain.finetuning.scoring import Scorer

    began = time.monotonic()
    files.remove_temporaries(request.output)
    models.warn_of_generator(request.model, config)
    tokenizer = models.load_tokenizer(request.model)
    train, dev = _examples(request, task, split)
    set_seed(request.seed)
    model = models.load_model(request.model, config, task, len(tokenizer))
    dtype = trainers.precision(request.precision)
    collate = trainers.Collator(tokenizer, settings)

    def stop_if_requested() -> None:
        if stop_requested():
            raise Stopped("stopped while scoring; the same command scores again from the last checkpoint")

    def scorer(examples: list[Any]) -> Scorer:
        between: Callable[[], None] = stop_if_requested
        return Scorer(task, examples, tokenizer, settings, collate, lambda: trainers.autocast(model, dtype), between)

    columns = kinds.features(task, train, tokenizer, settings)
    scored = scorer(registry.read_split(task, request.data, split))
    num_steps = request.max_steps or steps(len(columns["input_ids"]), settings)
    guessing = chance.loss_of_guessing([example.label for example in train]) if task.kind == "classification" else None
    watcher = trainers.Watcher(f"fine-tuning {task.name}", guessing, chance.ADVICE, stop_requested)
    lengths = [len(ids) for ids in columns["input_ids"]]
    folder = os.path.join(request.output, record.CHECKPOINTS)
    tuner = trainers.FineTuner(
        settings,
        LengthGroupedSampler(lengths, settings.train_batch_size, request.seed, settings.group_by_length),
        _look(scorer(dev), task) if dev else None,
        model=model,
        args=trainers.arguments(folder, settings, num_steps, request.seed, bool(dev), dtype),
        train_dataset=kinds.model_rows(columns),
        eval_dataset=[] if dev else None,
        data_collator=collate,
        callbacks=[watcher],
    )
    resumed = _train(tuner, watcher)
    metrics = scored.score(model, f"scoring {split}")
    stuck = chance.is_at_chance(task, scored.references, metrics)
    if stuck:
        _warn_at_chance(task, scored, metrics, split)
    results = {
        **asked,
        "metrics": metrics,
        "metric": task.metric,
        "steps": num_steps,
        "examples": len(scored.examples),
        "train_examples": len(train),
        "dev_examples": len(dev),
        "truncated_units": scored.truncated_units,
        "stuck_at_chance": stuck,
        "precision_used": dtype,
        "resumed_from": resumed,
        "train_examples_per_second": settings.train_batch_size * (num_steps - resumed) / max(watcher.seconds, 1e-9),
        "seconds": time.monotonic() - began,
        "versions": {name: _version(name) for name in ("electra_pretrain", *_PACKAGES)},
    }
    if request.save_model:
        _save_model(os.path.join(request.output, record.MODEL), model, tokenizer)
    record.write_results(request.output, results)
    return results


def _warn_at_chance(task: Task, scored: "Scorer", metrics: dict[str, float], split: str) -> None:
    name = chance.lenient_metric(task) if task.kind == "question_answering" else task.metric
    level = chance.chance_level(task, scored.references)
    print(
        f"warning: {task.name}: {name} {metrics[name]:.2f} on {split} is no better than chance ({level:.2f}); {chance.ADVICE}",
        file=sys.stderr,
        flush=True,
    )


def _train(tuner: "FineTuner", watcher: "Watcher") -> int:
    """Train to the end; the step from which an earlier run's work was taken up, 0 if there was none.

    Raises:
        Stopped: asked to stop; a checkpoint is written.
    """
    folder = tuner.args.output_dir
    whole, damaged = checkpoints.newest_whole(folder)
    for path in damaged:
        print(f"{path}: is half-written or damaged, and left out", file=sys.stderr, flush=True)
        files.remove(path)
    resumed = int(whole.rpartition("-")[2]) if whole else 0
    try:
        tuner.train(resume_from_checkpoint=whole)
    finally:
        watcher.close()
    if watcher.stopped:
        raise Stopped(f"stopped at step {tuner.state.global_step:,} and saved; the same command goes on from there")
    return resumed


def steps(rows: int, settings: FinetuneConfig) -> int:
    """How many steps the recipe's epochs come to."""
    micro_batches = math.ceil(rows / (settings.train_batch_size // settings.gradient_accumulation_steps))
    return math.ceil(math.ceil(micro_batches / settings.gradient_accumulation_steps) * settings.num_train_epochs)


def _check(request: Request) -> None:
    if files.is_remote(request.output):
        raise UserError(f"--output {request.output}: must be a local folder; copy it to the bucket when it is done")
    if request.max_steps is not None and request.max_steps < 1:
        raise UserError(f"--max_steps {request.max_steps}: must be at least 1")
    if not 0 <= request.seed < 2**32:
        raise UserError(f"--seed {request.seed}: must lie in 0..4294967295")


def _settings(request: Request, task: Task, config: dict[str, Any]) -> FinetuneConfig:
    """The recipe, with no more tokens than the model has positions."""
    name = request.config or f"{task.name}_{size_of(config['hidden_size'])}"
    settings = load_finetune_config(name, list(request.overrides))
    positions = config.get("max_position_embeddings") or settings.max_seq_length
    if settings.max_seq_length > positions:
        print(
            f"max_seq_length {settings.max_seq_length}: the model has {positions} positions, so {positions} it is",
            file=sys.stderr,
            flush=True,
        )
        settings = dataclasses.replace(settings, max_seq_length=positions)
    return settings


def _splits(request: Request, task: Task, split: str) -> list[str]:
    """Those that are read: to learn from, to score and, if need be, to choose by."""
    if split not in task.files:
        raise UserError(f"--split {split}: {task.name} has {', '.join(task.files)}")
    return list(dict.fromkeys(["train", split, *(["dev"] if _has_own_dev(request, task, split) else [])]))


def _has_own_dev(request: Request, task: Task, split: str) -> bool:
    """Whether `--select best` can choose by a dev split which is not the one that is scored."""
    if request.select == "last" or split == "dev" or "dev" not in task.files:
        return False
    return registry.find_split(task, request.data, "dev") is not None


def _examples(request: Request, task: Task, split: str) -> tuple[list[Any], list[Any]]:
    """What is learnt from, and what `--select best` chooses by: never what is scored."""
    train: list[Any] = list(registry.read_split(task, request.data, "train"))
    if request.select == "last":
        return train, []
    if _has_own_dev(request, task, split):
        return train, list(registry.read_split(task, request.data, "dev"))
    random.Random(f"dev {request.seed}").shuffle(train)
    aside = max(1, round(len(train) * DEV_SHARE))
    print(
        f"the best checkpoint is chosen by {aside:,} examples of the training set, which are not learnt from", file=sys.stderr
    )
    return train[aside:], train[:aside]


def _look(dev: "Scorer", task: Task) -> Callable[[Any], float]:
    def look(model: Any) -> float:
        return dev.score(model, "looking at dev")[task.metric]

    return look


def _save_model(path: str, model: Any, tokenizer: Any) -> None:
    temporary = files.temporary_name(path)
    model.save_pretrained(temporary)
    tokenizer.save_pretrained(temporary)
    files.remove(path)
    files.replace(temporary, path)


def _version(package: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return ""
