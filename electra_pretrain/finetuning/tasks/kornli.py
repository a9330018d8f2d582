"""KorNLI: does a sentence follow from another, or contradict it? (github.com/kakaobrain/kor-nlu-datasets)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import LeftOut, class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("contradiction", "entailment", "neutral")


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs; of the training files, translated by machine, what has no two sentences and a label is left out."""
    left_out = LeftOut(path) if "train" in path.rsplit("/", 1)[-1] else None
    return examples(
        rows(path, encoding, ["sentence1", "sentence2"], "gold_label", left_out=left_out), class_of(LABELS), left_out
    )


TASK = Task(
    name="kornli",
    title="KorNLI",
    kind="classification",
    files={
        "train": ("multinli.train.ko.tsv", "KorNLI/multinli.train.ko.tsv"),
        "dev": ("xnli.dev.ko.tsv", "KorNLI/xnli.dev.ko.tsv"),
        "test": ("xnli.test.ko.tsv", "KorNLI/xnli.test.ko.tsv"),
    },
    further_files={"train": ("snli_1.0_train.ko.tsv",)},
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
