"""Learn a vocabulary from a corpus, and write it with what made it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.provenance import read_steps
from electra_pretrain.corpus.reader import Corpus, Document, no_text
from electra_pretrain.execution import resume
from electra_pretrain.tokenization import provenance, wordpiece
from electra_pretrain.tokenization.edit import Edits, apply_edits
from electra_pretrain.tokenization.sentencepiece import SentencePieceTokenizer
from electra_pretrain.tokenization.tokenizer import Tokenizer
from electra_pretrain.tokenization.train_sentencepiece import train_sentencepiece
from electra_pretrain.tokenization.train_wordpiece import train_wordpiece
from electra_pretrain.tokenization.training_text import TrainingText, VocabSettings, training_text
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer


class Learnt(NamedTuple):
    """A vocabulary, and how much text it was learnt from."""

    tokenizer: Tokenizer
    documents: int
    bytes: int


def train_vocabulary(corpus: Corpus, output: str, settings: VocabSettings, edits: Edits, command: str) -> Learnt:
    """Write a vocabulary, and beside it what made it.

    Args:
        corpus: what to learn from.
        output: file to write.
        settings: of the vocabulary.
        edits: changes to make afterwards, to a WordPiece vocabulary.
        command: to be recorded.

    Raises:
        UserError: there is no text in the corpus or in the sample, no room for the alphabet, or the edits will not do.
    """
    if next(corpus.documents(), None) is None:
        raise no_text(corpus.paths)
    with training_text(lambda step: _shown(corpus, step), settings) as text:
        tokenizer, made = _learn(text, settings, edits)
    record = {
        "type": tokenizer.type,
        "tokens": tokenizer.vocab_size,
        **settings._asdict(),
        "strip_accents": False,
        "unicode_normalization": "NFC",
        "command": command,
        "learnt_from": {"documents": text.documents, "bytes": text.bytes},
        "sources": resume.sources(corpus.paths),
        "corpus_steps": read_steps(corpus.paths),
        "edits": made,
        "versions": provenance.versions(),
    }
    provenance.save(output, tokenizer.file_content, record)
    return Learnt(tokenizer, text.documents, text.bytes)


def _learn(text: TrainingText, settings: VocabSettings, edits: Edits) -> tuple[Tokenizer, list[dict[str, Any]]]:
    """Return the vocabulary, and the edits that were made to it."""
    if settings.engine == wordpiece.TYPE:
        return apply_edits(WordPieceTokenizer(train_wordpiece(text, settings), settings.do_lower_case), edits)
    return SentencePieceTokenizer(train_sentencepiece(text, settings), settings.do_lower_case), []


def _shown(corpus: Corpus, step: str) -> Iterator[Document]:
    """Read the documents, and show how far that has come."""
    with Progress(step, corpus.stored_bytes / 1e6, "MB") as progress:
        yield from progress.following(corpus.documents(), lambda: corpus.stored_bytes_read / 1e6)
