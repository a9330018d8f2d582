"""Facts that ruin a run and show in what it starts from, config and records and weights together: the table, and the sentences.

Those of the config alone are in `config/ruin.py`, of the records alone in `records/ruin.py`. Of a config that ships
nothing is told, on as much text as its model had.
"""

from collections.abc import Iterator
from typing import NamedTuple

from electra_pretrain.checkpoint.listing import steps
from electra_pretrain.config import ruin as config_ruin
from electra_pretrain.config.ruin import BASE_RATE, MAX_RATE, SMALL_HIDDEN_SIZE, SMALL_RATE, peak_rates, told_rates
from electra_pretrain.config.schema import Phase
from electra_pretrain.core.finding import Fact, Finding, Level, tell
from electra_pretrain.records.input_pipeline import too_few_shards
from electra_pretrain.records.ruin import check_records
from electra_pretrain.train.input import Source
from electra_pretrain.train.run_folder import is_import
from electra_pretrain.train.start import Start

MAX_PASSES = 200
MAX_EVALUATION = 1 / 3


class Plan(NamedTuple):
    """A phase of a run, as far as it is known before.

    Attributes:
        phase: with its own config.
        source: its records.
        imported: whether it begins with trained weights of others, and moments of zero.
        hosts: how many read records.
    """

    phase: Phase
    source: Source
    imported: bool
    hosts: int


def check_plan(start: Start, hosts: int) -> Iterator[Finding]:
    """Yield what would ruin a run: in its records, in its config, and in both together.

    Args:
        start: the run.
        hosts: of the TPU, or workers.
    """
    for source in start.sources:
        yield from check_records(*source)
    given = start.pretrained is not None and not start.config.training.init_moments
    imported = given or (is_import(start.model_dir) and steps(start.model_dir) == [0])
    for phase, source in zip(start.config.all_phases(), start.sources, strict=True):
        yield from tell(config_ruin.FACTS, phase.config)
        yield from tell(FACTS, Plan(phase, source, imported, hosts))


def passes(phase: Phase, source: Source) -> float:
    """Return how often a phase reads each training example; there must be one."""
    return (phase.last_step - phase.first_step) * phase.config.training.train_batch_size / source.manifest.train_examples


def _high_rate_on_trained_weights(plan: Plan) -> str | None:
    config = plan.phase.config
    released = SMALL_RATE if config.model.hidden_size <= SMALL_HIDDEN_SIZE else BASE_RATE
    high = {field: rate for field, rate in peak_rates(config).items() if released / 2 < rate <= MAX_RATE}
    if not plan.imported or not high:
        return None
    return (
        f"{told_rates(high)} on trained weights: pretraining from nothing has {released:g} for this size; so "
        f"much moves them as far again, and undoes what they have learnt; begin with {released / 4:g}"
    )


def _many_passes(plan: Plan) -> str | None:
    manifest = plan.source.manifest
    if not manifest.train_examples or (read := passes(plan.phase, plan.source) * (manifest.dupe_factor or 1)) <= MAX_PASSES:
        return None
    return f"{plan.source.folder}: the text is read {read:,.0f} times; take more text, or fewer training.num_train_steps"


def _less_than_a_batch(plan: Plan) -> str | None:
    rows, batch = plan.source.manifest.train_examples, plan.phase.config.training.train_batch_size
    if not 0 < rows < batch:
        return None
    return (
        f"{plan.source.folder}: training rows: {rows:,} for batches of {batch:,}, so that each batch holds some several "
        "times; build from more text, or lower training.train_batch_size"
    )


def _nothing_held_out(plan: Plan) -> str | None:
    manifest = plan.source.manifest  # of what was to be held out and was not, the records themselves tell
    if manifest.heldout_examples or manifest.heldout_fraction or not plan.phase.config.training.num_eval_steps:
        return None
    return (
        f"{plan.source.folder}: no held-out records, so nothing will tell whether the run overfits; build them with "
        "--heldout_fraction above 0, or set training.num_eval_steps=0"
    )


def _costly_evaluation(plan: Plan) -> str | None:
    training = plan.phase.config.training
    rows, saved = training.eval_batch_size, min(training.save_checkpoints_steps, training.num_train_steps)
    scored = rows * min(training.num_eval_steps, -(-plan.source.manifest.heldout_examples // rows))
    cost = scored / 3  # in rows trained on, which go forward and twice as much back
    if cost <= MAX_EVALUATION * (cost + saved * training.train_batch_size):
        return None
    return (
        f"training.save_checkpoints_steps = {training.save_checkpoints_steps:,}: {scored:,} held-out rows are scored after so "
        "few steps, which takes more than a third of the time; raise it, or lower training.num_eval_steps"
    )


def _too_few_shards(plan: Plan) -> str | None:
    text = too_few_shards(len(plan.source.manifest.train_shards), plan.hosts)
    return f"{plan.source.folder}: {text}" if text and plan.source.manifest.train_examples else None


FACTS: tuple[Fact[Plan], ...] = (
    Fact(
        f"trained weights without `init_moments`, and a peak learning rate above half of the released one: {BASE_RATE / 2:g}, "
        f"with at most {SMALL_HIDDEN_SIZE} units {SMALL_RATE / 2:g}",
        "the published run itself was at half of its peak when half of it was over",
        _high_rate_on_trained_weights,
    ),
    Fact(
        f"more than {MAX_PASSES} passes over the text, those that `--dupe_factor` made counted",
        "published models had 19 to 97, BERT about 40",
        _many_passes,
    ),
    Fact("fewer rows than a batch", "steps differ in their masks alone", _less_than_a_batch),
    Fact(
        "nothing held out, and `num_eval_steps` above 0", "only the training loss tells, and it falls anyway", _nothing_held_out
    ),
    Fact("more than a third of the time for evaluation", "a scored row costs a third of a trained one", _costly_evaluation),
    Fact("fewer training shards than hosts or workers", "each reads shards of its own", _too_few_shards, Level.FAILURE),
)
