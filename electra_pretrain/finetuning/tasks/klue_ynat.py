"""KLUE topic classification (YNAT): what is a headline about? (github.com/KLUE-benchmark/KLUE)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers import json_files
from electra_pretrain.finetuning.readers.rows import class_of, examples
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task, klue_files

LABELS = ("IT과학", "경제", "사회", "생활문화", "세계", "스포츠", "정치")


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read headlines and their topics."""
    return examples(json_files.rows(path, encoding, ["title"], "label"), class_of(LABELS))


TASK = Task(
    name="klue_ynat",
    title="KLUE YNAT",
    kind="classification",
    files=klue_files("ynat", "json"),
    scored="dev",
    read=read,
    labels=LABELS,
    metrics=("macro_f1", "accuracy"),
)
