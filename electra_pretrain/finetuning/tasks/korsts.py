"""KorSTS: how alike in meaning are two sentences, from 0 to 5? (github.com/kakaobrain/kor-nlu-datasets)."""

from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import examples, score_between
from electra_pretrain.finetuning.readers.tables import rows
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read pairs and their scores."""
    return examples(rows(path, encoding, ["sentence1", "sentence2"], "score"), score_between(0, 5))


TASK = Task(
    name="korsts",
    title="KorSTS",
    kind="regression",
    files={split: (f"sts-{split}.tsv", f"KorSTS/sts-{split}.tsv") for split in ("train", "dev", "test")},
    scored="test",
    read=read,
    labels=(),
    metrics=("spearman", "pearson"),
)
