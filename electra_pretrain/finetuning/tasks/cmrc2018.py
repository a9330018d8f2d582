"""CMRC 2018, simplified Chinese: where in an article of Wikipedia is the answer? (github.com/ymcui/cmrc2018)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers import squad
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read questions; some answers do not stand where the file says."""
    return squad.read(path, encoding, move_answers=True)


TASK = Task(
    name="cmrc2018",
    title="CMRC 2018",
    kind="question_answering",
    files={
        split: (f"cmrc2018_{split}.json", f"squad-style-data/cmrc2018_{split}.json", f"{split}.json")
        for split in ("train", "dev")
    },
    scored="dev",  # the test set is not published
    read=read,
    labels=(),
    metrics=("exact_match", "f1"),
)
