"""KLUE natural language inference: does a sentence follow from another? (github.com/KLUE-benchmark/KLUE)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers import json_files
from electra_pretrain.finetuning.readers.rows import class_of, examples
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task, klue_files

LABELS = ("contradiction", "entailment", "neutral")


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read premises, hypotheses, and how they stand to each other."""
    return examples(json_files.rows(path, encoding, ["premise", "hypothesis"], "gold_label"), class_of(LABELS))


TASK = Task(
    name="klue_nli",
    title="KLUE NLI",
    kind="classification",
    files=klue_files("klue-nli", "json"),
    scored="dev",
    read=read,
    labels=LABELS,
    metrics=("accuracy",),
)
