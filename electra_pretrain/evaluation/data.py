"""Whether a task's files can be learnt from and scored: asked once, before what would take hours and fail in every cell."""

from electra_pretrain.finetuning import checks, registry
from electra_pretrain.finetuning.readers.text import ENCODING


def check_data(name: str, folder: str, split: str | None, encoding: str | None) -> None:
    """Read a task's files as every one of its fine-tunings will; warn where scores will tell little.

    Args:
        name: of the task.
        folder: with its files.
        split: that is scored; None: the task's own choice.
        encoding: of the files; None: what publishers write.

    Raises:
        UserError: a file is missing or not as its publisher ships it, or nothing can be learnt from it.
    """
    task = registry.find_task(name)
    scored = split or task.scored
    train = registry.read_split(task, folder, "train", encoding or ENCODING)
    checks.check_learnt(task, train, folder)
    checks.check_scored(task, registry.read_split(task, folder, scored, encoding or ENCODING), train, scored)
