"""Change a WordPiece vocabulary without learning: add another one's tokens, give `[unusedN]` places to terms.

No token that stays changes its id, so that a trained model's rows keep their meaning.
"""

import re
import unicodedata
from typing import NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX, MAX_WORD_CHARACTERS, WordPieceTokenizer

UNUSED = re.compile(r"\[unused\d+\]")
_LETTER = "가"  # any letter: a continuation needs a word to continue


class Extension(NamedTuple):
    """What another vocabulary brings: tokens to append, and tokens that no text could ever be cut into here."""

    added: list[str]
    left_out: list[str]


def extension(tokenizer: WordPieceTokenizer, other: list[str]) -> Extension:
    """The other vocabulary's tokens that are missing here, in its order; special and unused ones aside."""
    known = {*tokenizer.tokens, *SPECIAL_TOKENS}
    missing = [token for token in other if token not in known and not UNUSED.fullmatch(token)]
    added = [token for token in missing if why_never(tokenizer, token) is None]
    return Extension(added, [token for token in missing if token not in set(added)])


def read_terms(path: str) -> dict[str, int]:
    """Terms, one a line, in order, each with its line's number; composed (NFC), empty lines aside.

    Raises:
        UserError: the file is missing or not UTF-8, or a term stands there twice.
    """
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such file of terms; write one term a line")
    try:
        lines = files.read_text(path).removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 (byte {error.start}); save the terms as UTF-8 text") from error
    terms: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        term = unicodedata.normalize("NFC", line.strip())
        if term in terms:
            raise UserError(f'{path}, line {number}: "{term}" stands on line {terms[term]} already; name each term once')
        if term:
            terms[term] = number
    if not terms:
        raise UserError(f"{path}: holds no term; write one term a line")
    return terms


def with_terms(tokenizer: WordPieceTokenizer, path: str, grow: bool = False) -> list[str]:
    """The vocabulary's tokens, the file's terms in its `[unusedN]` places, lowest id first.

    Args:
        tokenizer: the vocabulary.
        path: a file of terms, one a line.
        grow: append the terms for which there is no place.

    Raises:
        UserError: a term is a token already, or could never be found in text; or there are more terms than places.
    """
    terms = read_terms(path)
    known = {token: index for index, token in enumerate(tokenizer.tokens)}
    for term, number in terms.items():
        if term in known:
            raise UserError(f'{path}, line {number}: "{term}" is a token already (id {known[term]}); take it out')
        if (reason := why_never(tokenizer, term)) is not None:
            raise UserError(f'{path}, line {number}: "{term}" would never be found in text: {reason}; take it out or mend it')
    places = [index for index, token in enumerate(tokenizer.tokens) if UNUSED.fullmatch(token)]
    if len(terms) > len(places) and not grow:
        raise UserError(f"{path}: {len(terms)} terms, but the vocabulary has {len(places)} [unusedN] places; take some out")
    tokens = list(tokenizer.tokens)
    for place, term in zip(places, terms, strict=False):
        tokens[place] = term
    return tokens + list(terms)[len(places) :]


def why_never(tokenizer: WordPieceTokenizer, token: str) -> str | None:
    """Why no text could ever be cut into a token; None where some can."""
    continues = token.startswith(CONTINUATION_PREFIX) and token != CONTINUATION_PREFIX
    word = _LETTER + token.removeprefix(CONTINUATION_PREFIX) if continues else token
    words = tokenizer.words(word)
    if len(words) > 1:
        parts = [word.removeprefix(_LETTER) if continues and not place else word for place, word in enumerate(words)]
        return f"text is cut into {' '.join(filter(None, parts))} before pieces are looked for"
    if words != [word]:
        normalized = tokenizer.normalize(token).strip()
        return (
            f"text is normalised first, which makes it {normalized}"
            if normalized
            else "text is normalised first: nothing stays"
        )
    return f"longer than {MAX_WORD_CHARACTERS} characters" if len(word) > MAX_WORD_CHARACTERS else None
