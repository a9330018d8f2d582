"""The mean of a run's last checkpoints, which often scores a little better than the last of them alone."""

import numpy as np

from electra_pretrain.checkpoint.bundle import read
from electra_pretrain.checkpoint.listing import find, prefix_of, steps
from electra_pretrain.checkpoint.misfits import check_numbers
from electra_pretrain.checkpoint.names import is_optimizer_value
from electra_pretrain.core.errors import FEW, UserError, first_of


def read_mean(folder: str, step: int | None, count: int) -> dict[str, np.ndarray]:
    """Average weights over checkpoints that follow each other; with them goes the last one's `global_step`.

    Args:
        folder: of a run.
        step: the last of them; None: the newest.
        count: how many.

    Raises:
        DamagedCheckpoint: one of them cannot be read in full.
        UserError: there are fewer, or one holds what is no float32 number.
    """
    find(folder, step)
    chosen = [each for each in steps(folder) if step is None or each <= step][-count:]
    if len(chosen) < count:
        found = first_of([str(each) for each in chosen], FEW)
        raise UserError(
            f"{folder}: has {len(chosen)} checkpoints ({found}) where the mean of {count} was asked for; "
            "ask for fewer, or train with a larger training.keep_checkpoint_max"
        )
    sums: dict[str, np.ndarray] = {}
    for each in chosen:
        values = read(prefix_of(folder, each), lambda name: not is_optimizer_value(name))
        check_numbers(prefix_of(folder, each), values)
        for name, value in values.items():
            sums[name] = sums[name] + value if name in sums else value.astype(np.float64)
    means = {name: (value / count).astype(np.float32) for name, value in sums.items()}
    return {**means, "global_step": np.int64(chosen[-1])}
