"""F1 of tagged entities: whole entities by seqeval, and single units as KLUE counts them."""

from collections.abc import Sequence

Tags = Sequence[Sequence[str]]


def iob2(tag: str) -> str:
    """Spell a tag `B-PER`, be it that or (NAVER's) `PER-B`; `O` and the bare `-` are `O`."""
    if tag in ("O", "-"):
        return "O"
    head, _, tail = tag.rpartition("-")
    return f"{tail}-{head}" if tail in ("B", "I") else tag


def entity_f1(references: Tags, predictions: Tags) -> float:
    """Take the micro F1 of entities, 0 to 1; an entity may begin with `I-`, as in conlleval."""
    from seqeval.metrics import f1_score

    return float(f1_score(_spelled(references), _spelled(predictions), average="micro", zero_division=0))


def entity_macro_f1(references: Tags, predictions: Tags) -> float:
    """Take the mean over types of the F1 of entities, 0 to 1; only what begins with `B-` is one (KLUE: strict IOB2)."""
    from seqeval.metrics import f1_score
    from seqeval.scheme import IOB2

    tags, predicted = _spelled(references), _spelled(predictions)
    if all(tag == "O" for text in (*tags, *predicted) for tag in text):
        return 0.0
    return float(f1_score(tags, predicted, average="macro", mode="strict", scheme=IOB2, zero_division=0))


def character_macro_f1(references: Tags, predictions: Tags, labels: Sequence[str]) -> float:
    """Take the mean over all labels, `O` among them, of the F1 of units, 0 to 1; a label that nobody uses counts 1.

    KLUE's baseline code, unlike its own comment, has `O` among the labels. It also counts [CLS] and [SEP] of each text as
    units tagged `O`; we do not.
    """
    from sklearn.metrics import f1_score

    right, predicted = ([tag for text in tags for tag in text] for tags in (_spelled(references), _spelled(predictions)))
    return float(f1_score(right, predicted, labels=[iob2(label) for label in labels], average="macro", zero_division=1.0))


def _spelled(tags: Tags) -> list[list[str]]:
    return [[iob2(tag) for tag in text] for text in tags]
