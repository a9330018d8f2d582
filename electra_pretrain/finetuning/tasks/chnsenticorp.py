"""ChnSentiCorp: is a review of a hotel, a book or a computer positive? (github.com/pengming617/bert_classification)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("0", "1")


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read reviews and whether they are positive."""
    return examples(rows(path, encoding, [("text_a", "review", "text")], "label"), class_of(LABELS))


TASK = Task(
    name="chnsenticorp",
    title="ChnSentiCorp",
    kind="classification",
    files={split: (f"{split}.tsv",) for split in ("train", "dev", "test")},
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
