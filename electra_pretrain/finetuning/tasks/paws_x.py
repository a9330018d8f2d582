"""PAWS-X, Korean: do two sentences of much the same words mean the same? (github.com/google-research-datasets/paws)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import LeftOut, class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("0", "1")  # no; yes


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs; where the translation failed a sentence is empty, and the pair is left out.

    In the dev and test files such a sentence is `NS` instead. Those pairs stay: the published Korean scores count them.
    """
    return examples(rows(path, encoding, ["sentence1", "sentence2"], "label"), class_of(LABELS), LeftOut(path))


TASK = Task(
    name="paws_x",
    title="PAWS",
    kind="classification",
    files={
        "train": ("translated_train.tsv", "ko/translated_train.tsv"),
        "dev": ("dev_2k.tsv", "ko/dev_2k.tsv"),
        "test": ("test_2k.tsv", "ko/test_2k.tsv"),
    },
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
