"""LCQMC, Chinese: do two questions ask the same? (given out on application by Harbin Institute of Technology, Shenzhen)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("0", "1")  # no; yes


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs, with or without a header row."""
    texts = [("text_a", "sentence1"), ("text_b", "sentence2")]
    return examples(rows(path, encoding, texts, "label", header_optional=True), class_of(LABELS))


TASK = Task(
    name="lcqmc",
    title="LCQMC",
    kind="classification",
    files={split: (f"{split}.tsv", f"{split}.txt") for split in ("train", "dev", "test")},
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
