"""KLUE semantic textual similarity: how alike in meaning are two sentences, from 0 to 5? (github.com/KLUE-benchmark/KLUE)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers import json_files
from electra_pretrain.finetuning.readers.rows import examples, score_between
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task, klue_files


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs and the mean of their annotators' scores, unrounded, as KLUE's own evaluation takes it."""
    rows = json_files.rows(path, encoding, ["sentence1", "sentence2"], "labels.real-label", float)
    return examples(rows, score_between(0, 5))


TASK = Task(
    name="klue_sts",
    title="KLUE STS",
    kind="regression",
    files=klue_files("klue-sts", "json"),
    scored="dev",
    read=read,
    labels=(),
    metrics=("pearson", "binary_f1"),
)
