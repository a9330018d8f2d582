"""KLUE named entity recognition: which characters of a sentence name what? (github.com/KLUE-benchmark/KLUE)."""

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Example, TaggedText
from electra_pretrain.finetuning.readers.rows import Unlabelled
from electra_pretrain.finetuning.readers.tagged import Lines, blocks, check_tags, iob_labels
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task, klue_files

LABELS = iob_labels(("PS", "LC", "OG", "DT", "TI", "QT"))


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read sentences: a character and its tag a line, a blank line between sentences; `##` begins a remark.

    Spaces are characters of the text, but no units: KLUE's own evaluation does not count them.
    """
    sentences = [[line for line in block if not line[1].startswith("##")] for block in blocks(path, encoding)]
    if any(sentences) and not any("\t" in line for sentence in sentences for _, line in sentence):
        raise Unlabelled(path, "its characters have no tags")
    found = (_sentence(path, sentence) for sentence in sentences)
    return [sentence for sentence in found if sentence is not None]


def _sentence(path: str, block: Lines) -> Example | None:
    text = ""
    units: list[tuple[int, int]] = []
    tags: list[str] = []
    for number, line in block:
        character, tab, tag = line.rpartition("\t")
        if not tab or not character:
            raise UserError(f"{path}, line {number}: a character, a tab and its tag are expected; mend it")
        check_tags(f"{path}, line {number}", [tag], LABELS)
        if character != " ":
            units.append((len(text), len(text) + len(character)))
            tags.append(tag)
        text += character
    return TaggedText(text, tuple(units), tuple(tags)) if units else None


TASK = Task(
    name="klue_ner",
    title="KLUE NER",
    kind="tagging",
    files=klue_files("klue-ner", "tsv"),
    scored="dev",
    read=read,
    labels=LABELS,
    metrics=("entity_macro_f1", "character_macro_f1"),
)
