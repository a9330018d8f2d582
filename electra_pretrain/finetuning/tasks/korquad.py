"""KorQuAD 1.0: where in an article of Wikipedia is the answer? (korquad.github.io)."""

from electra_pretrain.finetuning.readers import squad
from electra_pretrain.finetuning.task import Task

TASK = Task(
    name="korquad",
    title="KorQuAD",
    kind="question_answering",
    files={split: (f"KorQuAD_v1.0_{split}.json",) for split in ("train", "dev")},
    scored="dev",
    read=squad.read,
    labels=(),
    metrics=("exact_match", "f1"),
)
