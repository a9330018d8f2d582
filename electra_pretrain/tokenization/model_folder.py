"""The vocabulary in a model's folder: `vocab.txt`, a SentencePiece model, `tokenizer.json`; where there are two, they agree."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.json_files import shown
from electra_pretrain.tokenization import hf_file, sentencepiece, wordpiece
from electra_pretrain.tokenization.identity import first_difference, told

LIST_OF_PIECES = "list_of_pieces"  # KoBERT's vocab.txt, beside a SentencePiece model; `reorder` makes one file of both
NAMES = (wordpiece.FILE_NAME, sentencepiece.FILE_NAME, hf_file.FILE_NAME)


class ModelVocabulary(NamedTuple):
    """A model's tokens, and how they are kept.

    Attributes:
        path: of the file that they were read from.
        type: one of `tokenizer.TYPES`, or another kind's name.
        tokens: in the order of their ids.
        content: of the file that keeps them beside records and checkpoints; None where there is none: a SentencePiece model
            cannot be made of a `tokenizer.json`, nor of a list of its pieces.
    """

    path: str
    type: str
    tokens: tuple[str, ...]
    content: bytes | None

    @property
    def sha256(self) -> str | None:
        """Return the content's hash, by which records and runs know it."""
        return None if self.content is None else hashlib.sha256(self.content).hexdigest()


def of_wordpiece(path: str, tokens: Sequence[str]) -> ModelVocabulary:
    """Return WordPiece's tokens as what a `vocab.txt` of them would be read to."""
    return ModelVocabulary(path, wordpiece.TYPE, tuple(tokens), wordpiece.vocab_text(tokens).encode("utf-8"))


def read_vocabulary(folder: str) -> ModelVocabulary | None:
    """Read the vocabulary in the folder of a model; None where there is none in a form that is known here.

    Raises:
        UserError: a file of it is damaged or of no use, or two of them are not the same vocabulary.
    """
    vocab, model, of_hugging_face = (files.join(folder, name) for name in NAMES)
    path = next((path for path in (vocab, model) if files.exists(path)), None)
    if path is None:
        return _read_json(of_hugging_face) if files.exists(of_hugging_face) else None
    found = read_file(path)
    if found.type == LIST_OF_PIECES and files.exists(model):
        found = _with_its_ids(found, read_file(model))
    if files.exists(of_hugging_face):
        _check_same(path, found.tokens, of_hugging_face, hf_file.read_tokenizer_json(of_hugging_face))
    return found


def check_agree(folder: str) -> None:
    """Refuse a model of any kind whose `vocab.txt` and `tokenizer.json` are not the same vocabulary.

    Which of the two `transformers` goes by depends on its release and on the class that is asked for.

    Raises:
        UserError: they differ, or one is damaged.
    """
    vocab, of_hugging_face = files.join(folder, wordpiece.FILE_NAME), files.join(folder, hf_file.FILE_NAME)
    if not files.exists(vocab) or not files.exists(of_hugging_face):
        return
    other = hf_file.read_tokenizer_json(of_hugging_face)
    if other.type == wordpiece.TYPE:  # beside another one, a file of this name may hold anything
        _check_same(vocab, wordpiece.split_vocab(vocab, files.read_bytes(vocab)), of_hugging_face, other)


def read_shared(discriminator: str, generator: str | None) -> ModelVocabulary | None:
    """Read the vocabulary of two networks, which have the same ids, from the folders of both; None where neither has one.

    Raises:
        UserError: the two are not the same; or as `read_vocabulary`.
    """
    one, other = read_vocabulary(discriminator), None if generator is None else read_vocabulary(generator)
    if one is None or other is None:
        return one or other
    difference = first_difference(other.tokens, one.tokens)
    if difference is not None:
        raise UserError(
            f"{other.path}: is not the vocabulary of {one.path}: {told(difference, 'here', 'there')}; give two networks that "
            "were trained together, each with its own files"
        )
    return one


def read_file(path: str) -> ModelVocabulary:
    """Read a `vocab.txt` or a SentencePiece model; raises as `read_vocabulary`."""
    content = files.read_bytes(path)
    if not sentencepiece.looks_like_model(content):
        found = of_wordpiece(path, wordpiece.parse_vocab(path, content))
        return found._replace(type=LIST_OF_PIECES, content=None) if sentencepiece.are_pieces(found.tokens) else found
    sentencepiece.check_model(path, content)
    tokenizer = sentencepiece.SentencePieceTokenizer(content, do_lower_case=False)
    return ModelVocabulary(path, tokenizer.type, tuple(tokenizer.tokens), content)


def _with_its_ids(listed: ModelVocabulary, model: ModelVocabulary) -> ModelVocabulary:
    """Return the SentencePiece model beside a list of pieces if its ids are the list's, else the list."""
    return model if first_difference(listed.tokens, model.tokens) is None else listed


def _read_json(path: str) -> ModelVocabulary:
    found = hf_file.read_tokenizer_json(path)
    if found.type != wordpiece.TYPE:
        return ModelVocabulary(path, found.type, found.tokens, None)
    if found.prefix not in (None, wordpiece.CONTINUATION_PREFIX):
        raise UserError(
            f"{path}: model.continuing_subword_prefix = {shown(found.prefix)}: must be "
            f'"{wordpiece.CONTINUATION_PREFIX}", the mark of what continues a word in every WordPiece vocabulary here'
        )
    vocabulary = of_wordpiece(path, found.tokens)
    assert vocabulary.content is not None
    # Of each token a line is made: it must be read again as what it was.
    if tuple(wordpiece.parse_vocab(path, vocabulary.content, say=False)) != found.tokens:
        raise UserError(f"{path}: a token holds a line break, for which a vocab.txt has no place; delete that token")
    return vocabulary


def _check_same(path: str, tokens: Sequence[str], other_path: str, other: hf_file.HuggingFaceFile) -> None:
    """Refuse two files of which each gives other ids; tokens that were added to the second alone are no contradiction."""
    own = ["" if index in other.added else token for index, token in enumerate(other.tokens)]
    difference = first_difference(tokens, other.tokens)
    if difference is not None and first_difference(tokens, own) is not None:
        raise UserError(
            f"{path}: is not the vocabulary of {other_path}: {told(difference, 'here', 'there')}; keep the one that the "
            "weights were trained with, and move the other away"
        )
