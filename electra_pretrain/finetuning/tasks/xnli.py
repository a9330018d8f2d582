"""XNLI, Chinese: does a sentence follow from another, or contradict it? (github.com/facebookresearch/XNLI)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import LeftOut, class_of, examples
from electra_pretrain.finetuning.readers.tables import has_column, rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("contradiction", "entailment", "neutral")
_WRITTEN_IN_TRAINING = {"contradictory": "contradiction"}


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs: of the publisher's dev and test files, which hold fifteen languages, the Chinese ones.

    The copy that is handed round has the columns `text_a`, `text_b` and `label` in every file, of Chinese alone. The training
    file is translated by machine, which may leave a sentence empty: such a pair is left out.
    """
    several = has_column(path, encoding, "language")
    pairs = rows(
        path,
        encoding,
        [("premise", "sentence1", "text_a"), ("hypo", "hypothesis", "sentence2", "text_b")],
        ("label", "gold_label"),
        only=("language", "zh") if several else None,
    )
    return examples(pairs, class_of(LABELS, _WRITTEN_IN_TRAINING), None if several else LeftOut(path))


TASK = Task(
    name="xnli",
    title="XNLI",
    kind="classification",
    files={
        "train": ("multinli.train.zh.tsv", "multinli/multinli.train.zh.tsv", "train.tsv"),
        "dev": ("xnli.dev.tsv", "dev.tsv"),
        "test": ("xnli.test.tsv", "test.tsv"),
    },
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
