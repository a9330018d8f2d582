"""Naver NER: which words of a sentence name what? (github.com/naver/nlp-challenge, and KoELECTRA's division of it)."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Example
from electra_pretrain.finetuning.readers.rows import Unlabelled
from electra_pretrain.finetuning.readers.tagged import Lines, blocks, iob_labels, words
from electra_pretrain.finetuning.readers.text import ENCODING, text_lines
from electra_pretrain.finetuning.task import Task

LABELS = iob_labels(("PER", "FLD", "AFW", "ORG", "LOC", "CVL", "DAT", "TIM", "NUM", "EVT", "ANM", "PLT", "MAT", "TRM"))
_TAG = re.compile(r"([A-Z]{3})[-_]([BI])")


def read(path: str, encoding: str = ENCODING) -> list[Example]:
    """Read sentences, in either of the two ways in which they are published.

    Naver writes a word a line (its number, the word, and a tag such as `PER_B`, or `-`) and a blank line between sentences;
    KoELECTRA a sentence a line: its words, a tab, their tags, such as `PER-B`, or `O`.
    """
    first = next((line for _, line in text_lines(path, encoding) if line.strip()), "")
    cells = first.split("\t")
    if first and (len(cells) == 1 or (len(cells) == 2 and cells[0].isdigit() and _tag(cells[1]) not in LABELS)):
        raise Unlabelled(path, "its words have no tags")
    if len(cells) == 3:
        return [_sentence(path, block) for block in blocks(path, encoding)]
    return [_line(path, number, line) for number, line in text_lines(path, encoding) if line.strip()]


def _sentence(path: str, block: Lines) -> Example:
    given: list[str] = []
    tags: list[str] = []
    for number, line in block:
        cells = line.split("\t")
        if len(cells) != 3 or not cells[1]:
            raise UserError(
                f"{path}, line {number}: a number, a word and its tag, with tabs between them, are expected; mend it"
            )
        given.append(cells[1])
        tags.append(_tag(cells[2]))
    return words(f"{path}, line {block[0][0]}", given, tags, LABELS)


def _line(path: str, number: int, line: str) -> Example:
    where = f"{path}, line {number}"
    cells = line.split("\t")
    if len(cells) != 2:
        raise UserError(f"{where}: {len(cells)} columns where words and their tags, 2, are expected; mend or delete this row")
    return words(where, cells[0].split(), [_tag(tag) for tag in cells[1].split()], LABELS)


def _tag(written: str) -> str:
    """Write a tag as the rest of the world does: what it is of stands behind."""
    written = written.strip()
    return "O" if written == "-" else _TAG.sub(r"\2-\1", written)


TASK = Task(
    name="naver_ner",
    title="Naver NER",
    kind="tagging",
    files={"train": ("train.tsv", "train/train_data", "train_data"), "test": ("test.tsv",)},
    scored="test",
    read=read,
    labels=LABELS,
    metrics=("entity_f1",),
)
