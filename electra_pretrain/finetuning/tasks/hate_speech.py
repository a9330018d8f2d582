"""Korean hate speech: is a comment on the news offensive, or hateful? (github.com/kocohub/korean-hate-speech)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("none", "offensive", "hate")


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read comments and the column `hate`."""
    return examples(rows(path, encoding, [("comments", "comment")], "hate"), class_of(LABELS))


TASK = Task(
    name="hate_speech",
    title="Korean Hate Speech",
    kind="classification",
    files={"train": ("train.tsv", "labeled/train.tsv"), "dev": ("dev.tsv", "labeled/dev.tsv", "val.tsv")},
    scored="dev",
    read=read,
    labels=LABELS,
    metrics=("macro_f1", "accuracy"),
)
