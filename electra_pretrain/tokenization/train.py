"""Learn a WordPiece vocabulary from a corpus."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from electra_pretrain import files, rng
from electra_pretrain.batch import SPECIAL_TOKENS
from electra_pretrain.errors import UserError
from electra_pretrain.text.corpus import Document
from electra_pretrain.tokenization.tokenizer import CONTINUATION_PREFIX, normalizer, vocab_text

SETTINGS_SUFFIX = ".json"  # vocab.txt's settings stand in vocab.txt.json


class VocabSettings(NamedTuple):
    """What makes a vocabulary.

    Attributes:
        vocab_size: tokens in all, special and unused ones included.
        limit_alphabet: characters kept in the alphabet at most, the most frequent first.
        unused: number of `[unusedN]` tokens appended.
        min_frequency: occurrences that a merged piece needs.
        do_lower_case: whether text is lower-cased (accents are kept in any case).
        sample_fraction: share of the documents that is read, chosen by `seed`.
        seed: of the sample.
    """

    vocab_size: int
    limit_alphabet: int = 6000
    unused: int = 200
    min_frequency: int = 2
    do_lower_case: bool = False
    sample_fraction: float = 1.0
    seed: int = 0


def train_wordpiece(documents: Callable[[], Iterable[Document]], settings: VocabSettings) -> list[str]:
    """Tokens in the order of their ids: special tokens, alphabet, pieces, `[unusedN]`; the same for the same text and settings.

    Fewer than `vocab_size` tokens come back if the text has no more pieces that occur `min_frequency` times.

    Args:
        documents: gives the documents; called twice.
        settings: see `VocabSettings`.

    Raises:
        UserError: no text at all, or `vocab_size` leaves no room for the alphabet.
    """
    counts: Counter[str] = Counter()
    singles = _train(_normalized(sample(documents(), settings), settings, counts), list(SPECIAL_TOKENS), 1, 1)
    by_frequency = sorted((char for char in counts if not char.isspace()), key=lambda char: (-counts[char], char))
    kept = set(by_frequency[: settings.limit_alphabet])
    alphabet = sorted(token for token in singles if token.removeprefix(CONTINUATION_PREFIX) in kept)
    if not alphabet:
        raise UserError("the corpus holds no text to learn from; check the files, or raise --sample_fraction")
    # The library numbers single characters in an order that differs from run to run, and breaks ties between pieces by
    # these numbers; given as known tokens they keep their places.
    first = [*SPECIAL_TOKENS, *alphabet]
    learnt_size = settings.vocab_size - settings.unused
    if learnt_size < len(first):
        raise UserError(
            f"--vocab_size {settings.vocab_size} with --unused {settings.unused}: too small for {len(first)} special tokens "
            "and single characters; raise it or lower --limit_alphabet"
        )
    # A word with a character outside the alphabet will be [UNK]; its rest teaches nothing.
    rare = str.maketrans(dict.fromkeys(counts.keys() - kept, " "))
    texts = (text.translate(rare) for text in _normalized(sample(documents(), settings), settings, Counter()))
    tokens = _train(texts, first, learnt_size, settings.min_frequency)
    return tokens + [f"[unused{number}]" for number in range(settings.unused)]


def _train(texts: Iterable[str], first: list[str], vocab_size: int, min_frequency: int) -> list[str]:
    """Tokens in the order of their ids, `first` at the head."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    engine = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=first,
        continuing_subword_prefix=CONTINUATION_PREFIX,
        show_progress=False,
    )
    engine.train_from_iterator(texts, trainer)
    vocab = engine.get_vocab()
    return sorted(vocab, key=lambda token: vocab[token])


def _normalized(documents: Iterable[Document], settings: VocabSettings, counts: "Counter[str]") -> Iterator[str]:
    """Normalised sentences; their characters are counted on the way."""
    normalize = normalizer(settings.do_lower_case).normalize_str
    for document in documents:
        for sentence in document:
            text = normalize(sentence)
            counts.update(text)
            yield text


def sample(documents: Iterable[Document], settings: VocabSettings) -> Iterator[Document]:
    """Every document with probability `sample_fraction`, the same ones for the same seed."""
    if settings.sample_fraction >= 1:
        yield from documents
        return
    draws = rng.Stream(settings.seed, "vocabulary sample", 0)
    for document in documents:
        if draws.uniform() < settings.sample_fraction:
            yield document


def save_vocab(path: str, tokens: list[str], settings: VocabSettings, sources: list[str]) -> None:
    """Write the vocabulary, and beside it its settings as JSON.

    Raises:
        UserError: the files cannot be written.
    """
    record = {
        "type": "wordpiece",
        "tokens": len(tokens),
        **settings._asdict(),
        "strip_accents": False,
        "unicode_normalization": "NFC",
        "sources": [{"path": source, "bytes": files.size(source)} for source in sources],
    }
    files.write_text(path + SETTINGS_SUFFIX, json.dumps(record, ensure_ascii=False, indent=2) + "\n")
    files.write_text(path, vocab_text(tokens))


def saved_lower_case(vocab_path: str) -> bool | None:
    """Whether the vocabulary was learnt from lower-cased text, if its settings lie beside it.

    Raises:
        UserError: the settings file is damaged.
    """
    path = vocab_path + SETTINGS_SUFFIX
    if not files.exists(path):
        return None
    try:
        return bool(json.loads(files.read_text(path))["do_lower_case"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the settings of a vocabulary ({error}); mend or delete it") from error
