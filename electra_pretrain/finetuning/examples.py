"""What a task's reader makes of its files: one kind of example for each kind of task."""

from typing import NamedTuple


class TextExample(NamedTuple):
    """One text, or two, to classify or to score.

    Attributes:
        text: the first, or the only one.
        text_pair: the second; None where the task has but one.
        label: index of a class, or, of a regression, a score.
    """

    text: str
    text_pair: str | None
    label: int | float


class TaggedText(NamedTuple):
    """A text whose units (words; in some corpora characters) carry tags.

    Attributes:
        text: the whole, units and what stands between them.
        units: of each unit the first character, and the one after its last; ascending, without overlap.
        tags: of each unit, in the task's labels, such as `B-PER`, `I-PER` and `O`.
    """

    text: str
    units: tuple[tuple[int, int], ...]
    tags: tuple[str, ...]


class Answer(NamedTuple):
    """A stretch of a context, as a rule.

    Attributes:
        text: its characters.
        start: where its first one stands in the context; None where the publisher's text stands nowhere in it: it counts when
            scored, and cannot be learnt.
    """

    text: str
    start: int | None


class Question(NamedTuple):
    """A question about a context.

    Attributes:
        id: of the question, unique within a file.
        question: its text.
        context: where the answer stands.
        answers: those that count as right; none where the context has no answer.
    """

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...]


Example = TextExample | TaggedText | Question


def can_be_learnt(example: Example) -> bool:
    """Tell whether an example shows what is right: not so a question whose answers all stand nowhere in its context."""
    if not isinstance(example, Question) or not example.answers:
        return True
    return any(answer.start is not None for answer in example.answers)
