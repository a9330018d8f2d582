"""Texts whose units carry tags, as text files: shared by the corpora of named entities."""

from collections.abc import Collection, Iterator, Sequence

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import TaggedText
from electra_pretrain.finetuning.readers.text import text_lines

Lines = list[tuple[int, str]]  # each with its number


def iob_labels(entities: Sequence[str]) -> tuple[str, ...]:
    """Return `O`, and for each kind of entity the tag of its first unit and that of the others."""
    return ("O", *(f"{position}-{entity}" for entity in entities for position in "BI"))


def blocks(path: str, encoding: str) -> Iterator[Lines]:
    """Yield lines that stand together, with blank ones between them; a tab alone is blank, spaces are not."""
    block: Lines = []
    for number, line in text_lines(path, encoding):
        if line.strip("\t"):
            block.append((number, line))
        elif block:
            yield block
            block = []
    if block:
        yield block


def words(where: str, given: Sequence[str], tags: Sequence[str], labels: Collection[str]) -> TaggedText:
    """Join words into a tagged text, with a space between them.

    Raises:
        UserError: there are more tags than words, or fewer, or one is none of the task's.
    """
    if len(given) != len(tags) or not given:
        raise UserError(f"{where}: {len(given)} words and {len(tags)} tags; each word needs one, mend or delete it")
    units: list[tuple[int, int]] = []
    start = 0
    for word in given:
        units.append((start, start + len(word)))
        start += len(word) + 1
    check_tags(where, tags, labels)
    return TaggedText(" ".join(given), tuple(units), tuple(tags))


def check_tags(where: str, tags: Sequence[str], labels: Collection[str]) -> None:
    """Refuse tags that are not the task's.

    Raises:
        UserError: one is none of `labels`.
    """
    unknown = next((tag for tag in tags if tag not in labels), None)
    if unknown is not None:
        raise UserError(f'{where}: tag "{unknown}" is none of {", ".join(labels)}; mend it')
