"""Questions about contexts, in the JSON of SQuAD: `data`, in it `paragraphs`, in each a `context` and its `qas`."""

from collections.abc import Iterator
from typing import Any

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Answer, Example, Question
from electra_pretrain.finetuning.readers.json_files import field, load
from electra_pretrain.finetuning.readers.rows import LeftOut, Unlabelled
from electra_pretrain.finetuning.readers.text import ENCODING


def read(path: str, encoding: str = ENCODING, move_answers: bool = False) -> list[Example]:
    """Read the questions of a file.

    An answer must stand in its context where its `answer_start` says, in characters. Only a question marked `is_impossible`
    has none; the `plausible_answers` of such a one are no answers.

    Args:
        path: of the file.
        encoding: of it.
        move_answers: the publisher's file is known to hold some answers whose `answer_start` is off; each is looked for in
            its context, and the nearest place counts. Those found nowhere have no `start`: its evaluation, which compares
            texts alone, counts them as it does the others.

    Raises:
        UserError: a field is missing, an id comes twice, an answer is not where it should be; the question's id is named.
        Unlabelled: no question has an answer.
    """
    moved = LeftOut(path, "answers moved to where they stand in their context", share=0.1) if move_answers else None
    nowhere = LeftOut(
        path, "answers that stand nowhere in their context, which count when scored and are not learnt", share=0.5
    )
    asked = list(_questions(path, encoding))
    if asked and not any(qa.get("answers") or qa.get("is_impossible", False) for _, _, qa in asked):
        raise Unlabelled(path, "no question has an answer")
    questions: dict[str, Example] = {}
    count = 0
    for number, context, qa in asked:
        name = "guid" if "guid" in qa else "id"
        key = field(f"{path}, question {number}", qa, name, str)
        where = f"{path}, question {key}"
        if key in questions:
            raise UserError(f"{where}: an earlier question has this id; rename or delete one")
        question = field(where, qa, "question", str)
        if not question.strip():
            raise UserError(f"{where}: the question is empty; fill it in or delete it")
        if qa.get("is_impossible", False):
            questions[key] = Question(key, question, context, ())
            continue
        given = field(where, qa, "answers", list)
        if not given:
            raise UserError(f"{where}: has no answer; add one, or mark the question with is_impossible")
        count += len(given)
        answers = tuple(_answer(where, context, answer, moved, nowhere) for answer in given)
        questions[key] = Question(key, question, context, answers)
    nowhere.check(count - nowhere.count)
    if moved is not None:
        moved.check(count - moved.count)
    return list(questions.values())


def _questions(path: str, encoding: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield each question's number, from 1, its context, and what the file holds of it."""
    content = load(path, encoding)
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise UserError(f'{path}: no list "data"; the JSON of SQuAD is expected (for CMRC 2018 the one in squad-style-data)')
    number = 0
    for article_number, article in enumerate(content["data"], start=1):
        where = f"{path}, article {article_number}"
        for paragraph in field(where, article, "paragraphs", list):
            context = field(where, paragraph, "context", str)
            for qa in field(where, paragraph, "qas", list):
                number += 1
                if not isinstance(qa, dict):
                    raise UserError(f"{path}, question {number}: is no object; mend or delete it")
                yield number, context, qa


def _answer(where: str, context: str, given: Any, moved: LeftOut | None, nowhere: LeftOut) -> Answer:
    text = field(where, given, "text", str)
    start = field(where, given, "answer_start", int)
    if not text.strip():
        raise UserError(f"{where}: an answer is empty; fill it in or delete it")
    if start >= 0 and context.startswith(text, start):
        return Answer(text, start)
    rule = f'the answer "{_short(text)}" does not stand at character {start} of its context'
    if moved is None:
        there = f', where "{_short(context[start : start + len(text)])}" does' if 0 <= start < len(context) else ""
        raise UserError(f"{where}: {rule}{there}; mend answer_start")
    starts = _occurrences(text, context)
    if not starts:
        nowhere.add(where, f'the answer "{_short(text)}" stands nowhere in its context')
        return Answer(text, None)
    moved.add(where, rule)
    return Answer(text, min(starts, key=lambda found: abs(found - start)))


def _occurrences(text: str, context: str) -> list[int]:
    return [start for start in range(len(context) - len(text) + 1) if context.startswith(text, start)]


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:29] + "…"
