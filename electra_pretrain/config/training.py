"""How long a run is, and how much of it is done at a time: the section `training`, with its rules."""

import dataclasses

from electra_pretrain.config.fields import AT_LEAST_1, ROWS, SEED, STEPS, Rule, at_most, one_of, ruled

COMPUTE_DTYPES = ("float32", "bfloat16", "float16")

# Rules that look at more than one field; `c` is the whole `Config`.
_WHOLE_MICROBATCHES = Rule(
    lambda rows, c: rows % max(1, c.training.gradient_accumulation_steps) == 0,
    "must be divisible by training.gradient_accumulation_steps",
)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long, how much at a time, how often saved."""

    train_batch_size: int = ruled(128, AT_LEAST_1, ROWS, _WHOLE_MICROBATCHES)  # global: all replicas, all accumulated parts
    num_train_steps: int = ruled(1000000, Rule(lambda value, _: 1 <= value < 2**32 - 1, "must lie in 1..4294967294"))
    save_checkpoints_steps: int = ruled(1000, AT_LEAST_1, STEPS)
    keep_checkpoint_max: int = ruled(5, AT_LEAST_1, STEPS)  # the newest ones
    # besides, every checkpoint of a multiple of this is kept for ever; 0: none
    keep_every_steps: int = ruled(
        0, Rule(lambda value, _: value >= 0, "must not be negative; 0 keeps the newest checkpoints only"), STEPS
    )
    iterations_per_loop: int = ruled(
        200, AT_LEAST_1, at_most(2**31 - 1, "the device counts them in 31 bits")
    )  # steps on the device between two looks from the host
    gradient_accumulation_steps: int = ruled(1, AT_LEAST_1)
    remat: bool = False  # each block computes its activations again for its gradient: less memory, a third more work
    max_nonfinite_steps: int = ruled(10, AT_LEAST_1, STEPS)  # so many in a row, none of them applied, end the run
    eval_batch_size: int = ruled(128, AT_LEAST_1, ROWS)
    # held-out batches scored at each checkpoint; 0: none
    num_eval_steps: int = ruled(100, Rule(lambda value, _: value >= 0, "must not be negative; 0 means no evaluation"), STEPS)
    compute_dtype: str = ruled("float32", one_of(COMPUTE_DTYPES))
    init_from: str = ""  # a run's folder or one of its checkpoints, whose weights a new run starts from
    # True: the optimiser's moments of init_from, too, so that a run goes on as another; its steps are counted anew
    init_moments: bool = ruled(
        False, Rule(lambda value, c: not value or bool(c.training.init_from), "needs training.init_from")
    )
    seed: int = ruled(0, SEED)
