"""Every number that an option takes, by the option's name, with the rules that it must satisfy, whichever command takes it."""

import argparse

from electra_pretrain.config.fields import (
    AT_LEAST_1,
    FRACTION,
    HELD,
    LENGTH,
    SEED,
    SHARE,
    STEPS,
    TOKENS,
    Rule,
    at_least,
    at_most,
)
from electra_pretrain.core.errors import UserError

_COUNT = (at_least(0), HELD)
_PROBABILITY = Rule(lambda value, _: 0 <= value <= 1, "must lie in 0..1")
_DEVICES = at_most(4096, "no machine of one run has more")
RULES: dict[str, tuple[Rule, ...]] = {
    "average": (AT_LEAST_1, STEPS),
    "cpu_replicas": (AT_LEAST_1, at_most(1024, "each is a device with threads of its own")),
    "dupe_factor": (AT_LEAST_1, at_most(10_000, "each is a pass over the whole corpus")),
    "every": (AT_LEAST_1, STEPS),
    "from_step": (at_least(0), STEPS),
    "gpus": (AT_LEAST_1, _DEVICES),
    "heldout_fraction": (SHARE,),
    "limit_alphabet": (AT_LEAST_1, at_most(0x110000, "Unicode has no more characters")),
    "max_position_embeddings": (at_least(8), LENGTH),
    "max_seq_length": (at_least(8), LENGTH),
    "max_steps": (AT_LEAST_1, STEPS),
    "memory_gb": (Rule(lambda value, _: 0 < value <= 1e6, "must be a number of gigabytes, above 0 and at most 1000000"),),
    "min_frequency": (AT_LEAST_1, at_most(2**63 - 1, "occurrences are counted in 64 bits")),
    "near": (Rule(lambda value, _: 0.1 <= value <= 1, "must lie in 0.1..1"),),
    "num_eval_steps": (AT_LEAST_1, STEPS),
    "num_examples": _COUNT,
    "num_lines": _COUNT,
    "num_processes": (AT_LEAST_1, at_most(1024, "more than any machine has cores")),
    "num_shards": (AT_LEAST_1, HELD),
    "num_tokens": _COUNT,
    "phase": (AT_LEAST_1, STEPS),
    "sample_fraction": (FRACTION,),
    "seed": (SEED,),
    "seeds": (AT_LEAST_1, at_most(10_000, "each is a fine-tuning")),
    "short_example_prob": (_PROBABILITY,),
    "single_segment_prob": (_PROBABILITY,),
    "smoothing": (SHARE,),
    "step": (at_least(0), STEPS),
    "unused": (at_least(0), TOKENS),
    "vocab_size": (AT_LEAST_1, TOKENS),
    "worker_timeout": (AT_LEAST_1, at_most(7 * 86_400, "a week")),
    "workers": (AT_LEAST_1, at_most(1024, "each is a connection")),
}


def check_numbers(args: argparse.Namespace) -> None:
    """Hold the numbers that were given against their rules.

    Raises:
        UserError: the first rule that is broken.
    """
    for name, value in vars(args).items():
        for rule in RULES.get(name, ()) if value is not None else ():
            if not rule.holds(value, None):
                raise UserError(f"--{name} {value}: {rule.text}")
