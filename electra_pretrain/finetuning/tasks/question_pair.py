"""Question Pair: do two questions ask the same? (github.com/songys/Question_pair)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import LeftOut, class_of, examples
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

LABELS = ("0", "1")  # the same; another: the column's name, is_duplicate, says the opposite


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs, from the CSV or from the later, reshuffled TSV; in some copies of it a few rows have a tab too many."""
    left_out = LeftOut(path)
    return examples(
        rows(path, encoding, ["question1", "question2"], "is_duplicate", left_out=left_out), class_of(LABELS), left_out
    )


TASK = Task(
    name="question_pair",
    title="Question Pair",
    kind="classification",
    files={  # the reshuffled files first: published scores are theirs, and the CSVs' test is unlike their training set
        "train": ("train.txt", "train.tsv", "kor_pair_train.csv"),
        "dev": ("validation.txt", "dev.tsv"),
        "test": ("test.txt", "test.tsv", "kor_pair_test.csv", "kor_Pair_test.csv"),
    },
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
