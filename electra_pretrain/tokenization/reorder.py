"""A SentencePiece model whose ids another file decides, made into one that decides them itself: KoBERT's layout.

There the model cuts text into pieces, and a `vocab.txt` beside it says by its order which id each piece has.
"""

import logging
import os
from collections.abc import Sequence

from electra_pretrain.core import files
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.tokenization import provenance
from electra_pretrain.tokenization.identity import first_difference, told
from electra_pretrain.tokenization.sentencepiece import (
    FILE_NAME,
    NO_ACCENTS,
    NORMALIZED,
    SentencePieceTokenizer,
    are_pieces,
    check_model,
    looks_like_model,
    whole_model,
)
from electra_pretrain.tokenization.wordpiece import FILE_NAME as VOCAB_NAME
from electra_pretrain.tokenization.wordpiece import split_vocab

_log = logging.getLogger(__name__)
_UNK = "[UNK]"


def reorder(path: str, order: str, output: str, keep_accents: bool, command: str) -> SentencePieceTokenizer:
    """Write a model whose pieces stand in the order of a `vocab.txt`, and beside it what made it.

    Args:
        path: of the model.
        order: file of tokens, one a line, in the order of their ids.
        output: file to write.
        keep_accents: leave accents in the text; KoBERT's tokeniser takes them off.
        command: to be recorded.

    Raises:
        UserError: a file cannot be read, the two are not of one vocabulary, or the model is of no kind that is run here.
    """
    content = files.read_bytes(path)
    if not looks_like_model(content):
        raise UserError(f"{path}: is no SentencePiece model; --order is for those, a vocab.txt has its own order")
    tokens = split_vocab(order, files.read_bytes(order))
    reordered = in_order(path, content, order, tokens, keep_accents)
    check_model(output, reordered)
    tokenizer = SentencePieceTokenizer(reordered, do_lower_case=False)
    record = {
        "type": tokenizer.type,
        "tokens": tokenizer.vocab_size,
        "do_lower_case": False,
        "unicode_normalization": tokenizer.unicode_normalization,
        "command": command,
        "made_from": {"path": path, "order": order, "tokens": tokenizer.vocab_size},
    }
    provenance.save(output, tokenizer.file_content, record, {})
    return tokenizer


def check_one_file(path: str, tokens: Sequence[str], is_wordpiece: bool) -> None:
    """Refuse one of the two files by itself, whose ids would not be those of the model that they belong to.

    Args:
        path: of the vocabulary that was given.
        tokens: its own, in the order of their ids.
        is_wordpiece: it is a `vocab.txt`.

    Raises:
        UserError: the command that makes one file of both is named.
    """
    if is_wordpiece:
        if are_pieces(tokens):
            raise UserError(
                f"{path}: lists the pieces of a SentencePiece model, no WordPiece vocabulary; make one file of it and of that "
                f"model: python -m electra_pretrain.edit_vocab --vocab MODEL --order {path} --output {FILE_NAME}"
            )
        return
    order = files.join(os.path.dirname(path), VOCAB_NAME)
    if not files.exists(order) or files.is_dir(order):
        return
    other = split_vocab(order, files.read_bytes(order))
    if are_pieces(other) and (difference := first_difference(tokens, other)) is not None:
        raise UserError(
            f"{path}: {order} beside it gives the pieces other ids: {told(difference, 'here', 'there')}; make "
            f"one file of both: python -m electra_pretrain.edit_vocab --vocab {path} --order {order} --output {FILE_NAME}"
        )


def in_order(path: str, content: bytes, order: str, tokens: list[str], keep_accents: bool) -> bytes:
    """Return the model with its pieces in the order of the tokens; a token that it lacks no text is cut into.

    Raises:
        UserError: a piece has no place in the order, or a token stands there twice.
    """
    proto = whole_model(path, content)
    kinds = proto.SentencePiece
    pieces = {_UNK if piece.type == kinds.UNKNOWN else piece.piece: piece for piece in proto.pieces}
    known = set(tokens)
    if len(known) != len(tokens):
        twice = next(token for number, token in enumerate(tokens) if token in tokens[:number])
        raise UserError(f"{order}: {twice!r} stands there twice; each id needs a token of its own")
    if lost := [token for token in SPECIAL_TOKENS if token not in known]:
        raise UserError(f"{order}: lacks {', '.join(lost)}, which every vocabulary here needs; give the model's own vocab.txt")
    if missing := [name for name, piece in pieces.items() if piece.type == kinds.NORMAL and name not in known]:
        raise UserError(
            f"{order}: lacks {first_of(missing, FEW)}, pieces of {path}; give the vocab.txt that belongs to this model"
        )
    if proto.normalizer_spec.name in NORMALIZED and not keep_accents:
        proto.normalizer_spec.name = NO_ACCENTS
    lowest = min(piece.score for piece in pieces.values())
    found = [pieces.get(token) for token in tokens]
    made = []
    for token, piece in zip(tokens, found, strict=True):
        kind = kinds.UNKNOWN if token == _UNK else kinds.CONTROL if piece is None else piece.type
        made.append(kinds(piece=token, score=lowest if piece is None else piece.score, type=kind))
    if strange := [token for token, piece in zip(tokens, found, strict=True) if piece is None and not token.startswith("[")]:
        _log.warning("%s: the model has no %s: no text is cut into them", order, first_of(strange, FEW))
    del proto.pieces[:]
    proto.pieces.extend(made)
    proto.trainer_spec.unk_id, proto.trainer_spec.vocab_size = tokens.index(_UNK), len(tokens)
    reordered: bytes = proto.SerializeToString(deterministic=True)
    return reordered
