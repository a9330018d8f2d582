"""KLUE machine reading comprehension: where in an article is the answer, if it has one? (github.com/KLUE-benchmark/KLUE)."""

from electra_pretrain.finetuning.readers import squad
from electra_pretrain.finetuning.task import Task, klue_files

TASK = Task(
    name="klue_mrc",
    title="KLUE MRC",
    kind="question_answering",
    files=klue_files("klue-mrc", "json"),
    scored="dev",
    read=squad.read,
    labels=(),
    metrics=("exact_match", "rouge_w"),
)
