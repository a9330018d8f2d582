"""Questions about contexts of any length: overlapping windows to learn from, and answers from the windows' logits."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Question
from electra_pretrain.finetuning.features.texts import Columns, require_fast, trimmed, without_special

MODEL_COLUMNS = ("input_ids", "attention_mask", "token_type_ids", "start_positions", "end_positions")
_BATCH = 1024  # questions tokenised at once
_CLS = 0  # position that stands for "no answer here"


class _Frame(NamedTuple):
    """The special tokens around a question and a context: ids, and the token types from one end to the other."""

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[int, int, int, int, int]

    @property
    def size(self) -> int:
        return len(self.before) + len(self.between) + len(self.after)


def question_features(
    questions: Sequence[Question], tokenizer: Any, max_seq_length: int, doc_stride: int, max_query_length: int
) -> Columns:
    """Make one row a window, those of a question together, in the order of its context; NumPy arrays, to save memory.

    `MODEL_COLUMNS`, and for `best_answers`: `question`, index in `questions`; `offsets`, int32 [tokens, 2], each token's
    characters in the context, (-1, -1) outside it; `max_context`, bool [tokens], whether no other window shows more on both
    sides of the token. A position is that of the first and last token, which may hold more than the answer, of the first answer
    that stands in the context; [CLS] where the window does not show all of it or there is none.

    Args:
        questions: what to ask.
        tokenizer: a fast one of Hugging Face.
        max_seq_length: tokens of a window, special ones among them.
        doc_stride: tokens from a window's first context token to the next one's, as in BERT's and KoELECTRA's code (what
            Hugging Face calls stride is the overlap); less where windows would leave gaps.
        max_query_length: tokens of a question; what is longer is cut.

    Raises:
        UserError: the tokenizer is not a fast one, or a window has no room for a context.
    """
    require_fast(tokenizer)
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True  # what spells one stays text
    frame = _frame(backend)
    if max_seq_length <= frame.size + max_query_length or doc_stride < 1 or max_query_length < 1:
        raise UserError(
            f"max_seq_length {max_seq_length}, doc_stride {doc_stride}, max_query_length {max_query_length}: all must be "
            f"positive, and max_seq_length must hold the question, {frame.size} special tokens and some of the context"
        )
    columns: Columns = {name: [] for name in (*MODEL_COLUMNS, "question", "offsets", "max_context")}
    for first in range(0, len(questions), _BATCH):
        batch = questions[first : first + _BATCH]
        asked = backend.encode_batch([question.question for question in batch], add_special_tokens=False)
        encoded = backend.encode_batch([question.context for question in batch], add_special_tokens=False)
        queries, contexts = (without_special(tokenizer, [row.ids for row in rows]) for rows in (asked, encoded))
        for index, question in enumerate(batch):
            query = queries[index][:max_query_length]
            context = np.array(contexts[index], np.int32)
            spans = trimmed(question.context, encoded[index].offsets)
            room = max_seq_length - frame.size - len(query)
            windows = list(_windows(len(context), room, min(doc_stride, room)))
            for window, shown in zip(windows, _max_context(windows, len(context)), strict=True):
                row = _row(frame, query, context[slice(*window)], spans[slice(*window)], shown[slice(*window)])
                start, end = _positions(question, spans, window, len(frame.before) + len(query) + len(frame.between))
                for name, value in (
                    *row.items(),
                    ("start_positions", start),
                    ("end_positions", end),
                    ("question", first + index),
                ):
                    columns[name].append(value)
    return columns


def best_answers(
    questions: Sequence[Question],
    features: Columns,
    start_logits: Sequence[Any],
    end_logits: Sequence[Any],
    n_best: int,
    max_answer_length: int,
    *,
    null_answers: bool | None = None,
) -> dict[str, str]:
    """Find, by question id, the stretch of the context with the highest sum of logits, cut out of the context itself.

    A stretch begins at one of a window's `n_best` likeliest context tokens, of those that no other window shows better, and
    has at most `max_answer_length` tokens. The empty text is the answer where no answer's sum ([CLS]), the lowest over the
    windows, is above the best stretch's (SQuAD 2.0, threshold 0).

    Args:
        questions: as given to `question_features`.
        features: what it gave.
        start_logits: of each window [tokens or more]; what stands behind the tokens is padding.
        end_logits: likewise.
        n_best: beginnings tried in a window.
        max_answer_length: tokens.
        null_answers: whether a question may be without an answer; None: if any of these is.
    """
    if null_answers is None:
        null_answers = any(not question.answers for question in questions)
    best = dict.fromkeys(range(len(questions)), (-np.inf, ""))
    null = dict.fromkeys(best, np.inf)
    columns = (features["question"], features["offsets"], features["max_context"], start_logits, end_logits)
    for index, offsets, max_context, start, end in zip(*columns, strict=True):
        start, end = (np.asarray(logits, np.float64)[: len(offsets)] for logits in (start, end))
        null[index] = min(null[index], start[_CLS] + end[_CLS])
        for total, first, last in _stretches(offsets, max_context, start, end, n_best, max_answer_length):
            if total > best[index][0]:
                best[index] = total, questions[index].context[offsets[first][0] : offsets[last][1]]
    return {
        question.id: "" if null_answers and null[index] > best[index][0] else best[index][1]
        for index, question in enumerate(questions)
    }


def _frame(backend: Any) -> _Frame:
    """Read the tokenizer's own frame around a pair off an example."""
    pair = backend.encode("a", "a")
    sides = pair.sequence_ids
    first, second = sides.index(0), sides.index(1)
    end_of_first, end_of_second = len(sides) - sides[::-1].index(0), len(sides) - sides[::-1].index(1)
    return _Frame(
        before=pair.ids[:first],
        between=pair.ids[end_of_first:second],
        after=pair.ids[end_of_second:],
        types=(pair.type_ids[0], pair.type_ids[first], pair.type_ids[end_of_first], pair.type_ids[second], pair.type_ids[-1]),
    )


def _windows(tokens: int, room: int, stride: int) -> Iterator[tuple[int, int]]:
    """Yield each window's first context token, and the one after its last; a context without tokens has one empty window."""
    start = 0
    while True:
        yield start, min(start + room, tokens)
        if start + room >= tokens:
            return
        start += stride


def _max_context(windows: Sequence[tuple[int, int]], tokens: int) -> np.ndarray:
    """Tell which window shows a token best, bool [windows, tokens], by the rule of BERT's code.

    That is: the larger of the smaller sides counts, then the longer window, then the earlier one.
    """
    at = np.arange(tokens)
    scores = np.full((len(windows), tokens), -np.inf)
    for row, (start, end) in enumerate(windows):
        sides = np.minimum(at - start, end - 1 - at) + 0.01 * (end - start)
        scores[row, start:end] = sides[start:end]
    shown = np.zeros(scores.shape, bool)
    if tokens:
        shown[scores.argmax(0), at] = True
    return shown


def _row(frame: _Frame, query: list[int], context: np.ndarray, spans: np.ndarray, shown: np.ndarray) -> dict[str, np.ndarray]:
    ids = [*frame.before, *query, *frame.between, *context.tolist(), *frame.after]
    lengths = (len(frame.before), len(query), len(frame.between), len(context), len(frame.after))
    start = sum(lengths[:3])
    offsets, max_context = np.full((len(ids), 2), -1, np.int32), np.zeros(len(ids), bool)
    offsets[start : start + len(context)] = spans
    max_context[start : start + len(context)] = shown
    return {
        "input_ids": np.array(ids, np.int32),
        "attention_mask": np.ones(len(ids), np.int8),
        "token_type_ids": np.repeat(np.array(frame.types, np.int8), lengths),
        "offsets": offsets,
        "max_context": max_context,
    }


def _positions(question: Question, spans: np.ndarray, window: tuple[int, int], shift: int) -> tuple[int, int]:
    """Place the first and last token of the first answer that stands in the context; the row's context begins at `shift`."""
    placed = [(answer.start, answer.text) for answer in question.answers if answer.start is not None]
    if not placed:
        return _CLS, _CLS
    first, text = placed[0]
    held = np.flatnonzero((spans[:, 1] > first) & (spans[:, 0] < first + len(text)))
    start, end = window
    if not len(held) or held[0] < start or held[-1] >= end:
        return _CLS, _CLS
    return int(held[0]) - start + shift, int(held[-1]) - start + shift


def _stretches(
    offsets: np.ndarray, max_context: np.ndarray, start: np.ndarray, end: np.ndarray, n_best: int, max_answer_length: int
) -> Iterator[tuple[float, int, int]]:
    """Yield the best stretch of each beginning: sum of logits, first token, last token."""
    beginnings = np.flatnonzero(max_context)
    last = int(np.flatnonzero(offsets[:, 0] >= 0)[-1]) + 1 if len(beginnings) else 0
    for first in beginnings[np.argsort(-start[beginnings], kind="stable")[:n_best]]:
        until = int(first) + int(end[first : min(first + max_answer_length, last)].argmax())
        yield float(start[first] + end[until]), int(first), until
