"""Change a WordPiece vocabulary without learning: add another one's tokens, give `[unusedN]` places to terms.

No token that stays changes its id, so that a trained model's rows keep their meaning.
"""

import logging
import re
import unicodedata
from typing import Any, NamedTuple

from electra_pretrain.core import files, plain_text
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.tokenization import provenance
from electra_pretrain.tokenization.tokenizer import find_vocab, load_as_learnt
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX, MAX_WORD_CHARACTERS, WordPieceTokenizer, read_vocab

_log = logging.getLogger(__name__)
UNUSED = re.compile(r"\[unused\d+\]")
_LETTER = "가"  # any letter: a continuation needs a word to continue


class Edits(NamedTuple):
    """Changes to make.

    Attributes:
        extend: a vocabulary whose tokens are appended where they are missing, by its path or name; None: no such change.
        put_terms: a file of terms that take the places of `[unusedN]`; None: no such change.
    """

    extend: str | None = None
    put_terms: str | None = None


def edit_vocabulary(
    path: str, output: str, lower_case: bool, edits: Edits, command: str, tokenizer_json: str | None = None
) -> WordPieceTokenizer:
    """Write a changed vocabulary, and beside it what made it.

    Args:
        path: of the vocabulary to start from.
        output: file to write.
        lower_case: whether text is lower-cased.
        edits: the changes.
        command: to be recorded.
        tokenizer_json: file for the tokeniser as `transformers` reads it.

    Raises:
        UserError: the vocabulary is no WordPiece one, the other one or the terms will not do, or a file cannot be written.
    """
    tokenizer = load_as_learnt(path, lower_case)
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise UserError(f"{path}: is a SentencePiece model; only a WordPiece vocab.txt takes tokens that have no score")
    edited, made = apply_edits(tokenizer, edits)
    record = {
        "type": edited.type,
        "tokens": edited.vocab_size,
        "do_lower_case": lower_case,
        "strip_accents": edited.strip_accents,
        "unicode_normalization": "NFC",
        "command": command,
        "edits": made,
        "made_from": {"path": path, "sha256": tokenizer.sha256, "tokens": tokenizer.vocab_size},
        "made_by": provenance.read(path),
    }
    beside = {tokenizer_json: edited.to_json().encode("utf-8")} if tokenizer_json else {}
    provenance.save(output, edited.file_content, record, beside)
    return edited


def check_edits(edits: Edits, places: int) -> None:
    """Refuse, before hours of learning, what would be refused after them.

    Args:
        edits: what is to be made of the vocabulary that is learnt.
        places: how many `[unusedN]` it will have.

    Raises:
        UserError: the other vocabulary or the terms cannot be read, or there are too many terms.
    """
    if edits.extend:
        read_vocab(find_vocab(edits.extend))
    if edits.put_terms and len(terms := read_terms(edits.put_terms)) > places:
        raise _too_many(edits.put_terms, len(terms), places)


def apply_edits(tokenizer: WordPieceTokenizer, edits: Edits) -> tuple[WordPieceTokenizer, list[dict[str, Any]]]:
    """Return the changed vocabulary, and what was done to it, to be recorded.

    Raises:
        UserError: the other vocabulary or the terms will not do.
    """
    made: list[dict[str, Any]] = []
    if edits.extend:
        other = find_vocab(edits.extend)
        added, left_out = extension(tokenizer, read_vocab(other))
        about = {"path": other, "sha256": files.sha256(other), "first_id": tokenizer.vocab_size, "added": len(added)}
        made.append({"extended_by": {**about, "left_out": left_out}})
        _log.info("%s: %s tokens added, from id %s", other, f"{len(added):,}", f"{tokenizer.vocab_size:,}")
        if left_out:
            reason = "as no text would ever be cut into them here"
            _log.info("%s: %s tokens left out, %s: %s", other, f"{len(left_out):,}", reason, first_of(left_out, 5))
        tokenizer = WordPieceTokenizer([*tokenizer.tokens, *added], tokenizer.do_lower_case, tokenizer.strip_accents)
    if edits.put_terms:
        tokens = with_terms(tokenizer, edits.put_terms)
        ids = {new: index for index, (old, new) in enumerate(zip(tokenizer.tokens, tokens, strict=True)) if old != new}
        made.append({"terms_put": {"path": edits.put_terms, "sha256": files.sha256(edits.put_terms), "ids": ids}})
        unused = sum(UNUSED.fullmatch(token) is not None for token in tokens)
        where = f"ids {min(ids.values()):,} to {max(ids.values()):,}; {unused:,} [unusedN] left"
        _log.info("%s: %s terms put, %s", edits.put_terms, f"{len(ids):,}", where)
        tokenizer = WordPieceTokenizer(tokens, tokenizer.do_lower_case, tokenizer.strip_accents)
    return tokenizer, made


class Extension(NamedTuple):
    """What another vocabulary brings: tokens to append, and tokens that no text could ever be cut into here."""

    added: list[str]
    left_out: list[str]


def extension(tokenizer: WordPieceTokenizer, other: list[str]) -> Extension:
    """Find the other vocabulary's tokens that are missing here, in its order; special and unused ones aside."""
    known = {*tokenizer.tokens, *SPECIAL_TOKENS}
    missing = [token for token in dict.fromkeys(other) if token not in known and not UNUSED.fullmatch(token)]
    added = [token for token in missing if why_never(tokenizer, token) is None]
    return Extension(added, [token for token in missing if token not in set(added)])


def read_terms(path: str) -> dict[str, int]:
    """Read terms, one a line, in order, each with its line's number; composed (NFC), empty lines aside.

    Raises:
        UserError: the file is missing or not UTF-8, or a term stands there twice.
    """
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such file of terms; write one term a line")
    lines = plain_text.decoded(files.read_bytes(path), path, "save the terms as UTF-8 text").split("\n")
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
    """Return the vocabulary's tokens with the file's terms in its `[unusedN]` places, lowest id first.

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
        raise _too_many(path, len(terms), len(places))
    tokens = list(tokenizer.tokens)
    for place, term in zip(places, terms, strict=False):
        tokens[place] = term
    return tokens + list(terms)[len(places) :]


def _too_many(path: str, terms: int, places: int) -> UserError:
    return UserError(f"{path}: {terms} terms, but the vocabulary has {places} [unusedN] places; take some out")


def why_never(tokenizer: WordPieceTokenizer, token: str) -> str | None:
    """Say why no text could ever be cut into a token; None where some can."""
    continues = token.startswith(CONTINUATION_PREFIX) and token != CONTINUATION_PREFIX
    word = _LETTER + token.removeprefix(CONTINUATION_PREFIX) if continues else token
    words = tokenizer.words(word)
    if len(words) > 1:
        cut = [word.removeprefix(_LETTER) if continues and not index else word for index, word in enumerate(words)]
        return f"text is cut into {' '.join(filter(None, cut))} before pieces are looked for"
    if words != [word]:
        normalized = tokenizer.normalize(token).strip()
        return (
            f"text is normalised first, which makes it {normalized}"
            if normalized
            else "text is normalised first: nothing stays"
        )
    return f"longer than {MAX_WORD_CHARACTERS} characters" if len(word) > MAX_WORD_CHARACTERS else None
