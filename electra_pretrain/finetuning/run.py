"""A fine-tuning from its request to its results; killed at any moment and begun again, it goes on from its last checkpoint.

Imports torch, as `trainer` does.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import transformers

from electra_pretrain.core import files, locks
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.finetuning import checkpoints, checks, models, packages, record, trainer
from electra_pretrain.finetuning.batches import Collator, LengthGroupedSampler
from electra_pretrain.finetuning.features import by_kind
from electra_pretrain.finetuning.features.texts import Columns
from electra_pretrain.finetuning.job import Job, Request, prepare
from electra_pretrain.finetuning.metrics import chance
from electra_pretrain.finetuning.scoring import Scorer

StopRequested = Callable[[], bool]
_log = logging.getLogger(__name__)


def finetune(request: Request, stop_requested: StopRequested = lambda: False) -> dict[str, Any]:
    """Fine-tune and score; return what is in `results.json`.

    Raises:
        UserError: bad input, in one line.
        Stopped: asked to, in good order.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    job = prepare(request)
    asked = job.asked()
    new = not os.path.exists(request.output)
    with locks.held(request.output, "finetune"):
        try:
            results = record.finished(request.output, asked)
            if results is None:
                results = _run(job, asked, stop_requested)
        except UserError:
            if new and not os.path.isdir(os.path.join(request.output, record.CHECKPOINTS)):
                files.remove(request.output)  # nothing was learnt: another try shall not find a folder in its way
            raise
        files.remove(os.path.join(request.output, record.CHECKPOINTS))
        return results


def _run(job: Job, asked: dict[str, Any], stop_requested: StopRequested) -> dict[str, Any]:
    """Learn, score, and write down what came out."""
    began = time.monotonic()
    output = job.request.output
    files.remove_temporaries(output, "|".join(map(re.escape, (record.RUN, record.RESULTS, record.MODEL, record.CHECKPOINTS))))
    models.warn_of_generator(job.request.model, job.model_config)
    tokenizer = models.load_tokenizer(job.request.model)
    train, dev = job.examples()
    scored_examples = job.scored_examples(train)  # read before training, so that a fault shows at once
    learner = _Learner(job, tokenizer)
    scored = learner.scorer(scored_examples, stop_requested)
    training = _train(learner, train, dev, stop_requested)
    scores = scored.score(learner.model, f"scoring {job.split}")
    results = {
        **asked,
        "metrics": scores.metrics,
        "metric": job.task.metric,
        "steps": training.steps,
        "examples": len(scored.examples),
        "train_examples": len(train),
        "dev_examples": len(dev),
        "truncated_units": scored.truncated_units,
        "metrics_with_truncated_units": scores.with_truncated,
        "stuck_at_chance": _is_stuck(scored, scores.metrics, job.split),
        "precision_used": learner.precision,
        "resumed_from": training.resumed_from,
        "train_examples_per_second": training.examples / max(training.seconds, 1e-9),
        "seconds": time.monotonic() - began,
        "versions": packages.versions(),
    }
    if job.request.save_model:
        models.save(os.path.join(output, record.MODEL), learner.model, tokenizer, job.request.model)
    record.write_results(output, results)
    return results


class _Learner:
    """The model with its new head, and what it needs to be run: tokenizer, precision, padding.

    Raises:
        UserError: the model cannot be loaded.
    """

    def __init__(self, job: Job, tokenizer: Any) -> None:
        self.job, self.tokenizer = job, tokenizer
        transformers.set_seed(job.request.seed)
        self.model = models.load_model(job.request.model, job.model_config, job.task, len(tokenizer))
        self.precision = trainer.precision(job.request.precision)
        self.collate = Collator(tokenizer, job.config)

    def scorer(self, examples: Sequence[Any], stop_requested: StopRequested) -> Scorer:
        """Make a scorer of these examples, which stops between two batches if asked to."""

        def stop_if_requested() -> None:
            if stop_requested():
                raise Stopped("stopped while scoring; the same command scores again from the last checkpoint")

        return Scorer(
            self.job.task,
            examples,
            self.tokenizer,
            self.job.config,
            self.collate,
            lambda: trainer.autocast(self.model, self.precision),
            stop_if_requested,
        )


class _Training(NamedTuple):
    """What came of a training.

    Attributes:
        steps: made in all.
        resumed_from: the step from which an earlier run's work was taken up, 0 if there was none.
        examples: that this run has learnt from.
        seconds: that this took.
    """

    steps: int
    resumed_from: int
    examples: int
    seconds: float


def _train(learner: _Learner, train: Sequence[Any], dev: Sequence[Any], stop_requested: StopRequested) -> _Training:
    """Train the model to the end, or go on with what an earlier run has left.

    Raises:
        UserError: an example will not do.
        Stopped: asked to stop; a checkpoint is written.
    """
    job = learner.job
    columns = by_kind.features(job.task, train, learner.tokenizer, job.config)
    checks.check_known(columns["input_ids"], learner.tokenizer.unk_token_id)
    steps = job.request.max_steps or job.config.num_steps(len(columns["input_ids"]))
    guessing = chance.loss_of_guessing([example.label for example in train]) if job.task.kind == "classification" else None
    watcher = trainer.Watcher(f"fine-tuning {job.task.name}", guessing, chance.ADVICE, stop_requested)
    dev_scorer = learner.scorer(dev, stop_requested) if dev else None
    tuner = _tuner(learner, columns, steps, dev_scorer, watcher)
    _log.info("training on %s, %s", trainer.in_words(tuner.args.device), learner.precision)
    whole = _newest_checkpoint(tuner.args.output_dir)
    try:
        tuner.train(resume_from_checkpoint=whole)
    finally:
        watcher.close()
    if watcher.stopped:
        raise Stopped(f"stopped at step {tuner.state.global_step:,} and saved; the same command goes on from there")
    resumed_from = checkpoints.step_of(whole) if whole else 0
    return _Training(steps, resumed_from, job.config.train_batch_size * (steps - resumed_from), watcher.seconds)


def _tuner(
    learner: _Learner, columns: Columns, steps: int, dev_scorer: Scorer | None, watcher: trainer.Watcher
) -> trainer.FineTuner:
    request, config = learner.job.request, learner.job.config
    lengths = [len(ids) for ids in columns["input_ids"]]
    folder = os.path.join(request.output, record.CHECKPOINTS)
    return trainer.FineTuner(
        config,
        LengthGroupedSampler(lengths, config.train_batch_size, request.seed, config.group_by_length),
        _look(dev_scorer) if dev_scorer else None,
        model=learner.model,
        args=trainer.arguments(folder, config, steps, request.seed, dev_scorer is not None, learner.precision),
        train_dataset=by_kind.model_rows(columns),
        eval_dataset=[] if dev_scorer else None,
        data_collator=learner.collate,
        callbacks=[watcher],
    )


def _look(dev_scorer: Scorer) -> Callable[[Any], float]:
    def look(model: Any) -> float:
        return dev_scorer.score(model, "looking at dev").metrics[dev_scorer.task.metric]

    return look


def _newest_checkpoint(folder: str) -> str | None:
    """Find the newest whole checkpoint, and remove the damaged ones after it."""
    whole, damaged = checkpoints.newest_whole(folder)
    for path in damaged:
        _log.warning(f"{path}: is half-written or damaged, and left out")
        files.remove(path)
    return whole


def _is_stuck(scored: Scorer, metrics: dict[str, float], split: str) -> bool:
    """Tell whether the model does no better than one that has learnt nothing, and warn if so."""
    task = scored.task
    name, level = chance.judged_metric(task), chance.chance_level(task, scored.references)
    if level >= 100:
        count = len(scored.examples)
        _log.warning(
            f"{task.name}: {count:,} examples of {split}, too few or too alike, cannot tell what was learnt from chance"
        )
        return False
    if not chance.is_at_chance(task, scored.references, metrics):
        return False
    _log.warning(f"{task.name}: {name} {metrics[name]:.2f} on {split} is no better than chance ({level:.2f}); {chance.ADVICE}")
    return True
