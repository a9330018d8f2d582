"""NSMC: is a film review positive? (Naver sentiment movie corpus v1.0, github.com/e9t/nsmc)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("0", "1")  # ratings 1 to 4; 9 and 10


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read rows of `document` and `label`, whatever other columns there are.

    A few reviews are empty and stay: the code behind the published scores learns from them and scores them too.
    """
    return examples(rows(path, encoding, ["document"], "label"), class_of(LABELS), may_be_empty=True)


TASK = Task(
    name="nsmc",
    title="NSMC",
    kind="classification",
    files={
        "train": ("ratings_train.txt", "train.tsv"),
        "dev": ("dev.tsv",),
        "test": ("ratings_test.txt", "test.tsv"),
    },
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
