"""Which checkpoints a folder holds, told without TensorFlow, also while the run is still going.

A checkpoint is `model.ckpt-STEP.data-00000-of-00001` and `model.ckpt-STEP.index`. The index is moved into place last, and goes
first: without it there is no checkpoint.
"""

import re

from electra_pretrain.core import files

PREFIX = "model.ckpt"
INDEX_SUFFIX, DATA_SUFFIX = ".index", ".data-00000-of-00001"


def steps(folder: str) -> list[int]:
    """Steps of the complete checkpoints in a folder, ascending."""
    if not files.is_dir(folder):
        return []
    pattern = re.compile(rf"{re.escape(PREFIX)}-(\d+){re.escape(INDEX_SUFFIX)}$")
    return sorted(int(match.group(1)) for name in files.list_dir(folder) if (match := pattern.match(name)))
