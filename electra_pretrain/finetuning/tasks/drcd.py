"""DRCD, traditional Chinese: where in an article of Wikipedia is the answer? (github.com/DRCKnowledgeTeam/DRCD)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers import squad
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read questions; some answers do not stand where the file says."""
    return squad.read(path, encoding, move_answers=True)


TASK = Task(
    name="drcd",
    title="DRCD",
    kind="question_answering",
    files={
        "train": ("DRCD_training.json", "train.json"),
        "dev": ("DRCD_dev.json", "dev.json"),
        "test": ("DRCD_test.json", "test.json"),
    },
    scored="test",
    read=read,
    labels=(),
    metrics=("exact_match", "f1"),
)
