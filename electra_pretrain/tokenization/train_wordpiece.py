"""Learn WordPiece tokens with `tokenizers`' trainer, so that the same text gives the same tokens."""

from collections.abc import Iterable

from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.tokenization.morphemes import BOUNDARY
from electra_pretrain.tokenization.training_text import HANGUL_SYLLABLES, TrainingText, VocabSettings, too_small
from electra_pretrain.tokenization.wordpiece import CONTINUATION_PREFIX


def train_wordpiece(text: TrainingText, settings: VocabSettings) -> list[str]:
    """Learn tokens and return them in the order of their ids: special tokens, alphabet, pieces, `[unusedN]`.

    The same text and settings give the same tokens. Fewer than `vocab_size` come back if the text has no more pieces that
    occur `min_frequency` times.

    Raises:
        UserError: `vocab_size` leaves no room for the alphabet.
    """
    alphabet = _alphabet(text, settings)
    # The library numbers single characters in an order that differs from run to run, and breaks ties between pieces by
    # these numbers; given as known tokens they keep their places.
    first = [*SPECIAL_TOKENS, *alphabet]
    learnt_size = settings.vocab_size - settings.unused
    if learnt_size < len(first):
        raise too_small(settings, len(first))
    # A word with a character outside the alphabet will be [UNK]; its rest teaches nothing.
    rare = str.maketrans(dict.fromkeys(text.characters.keys() - text.alphabet(settings), " "))
    texts = (_as_words(sentence.translate(rare)) for sentence in text.sentences())
    if settings.morphs == "none":
        tokens = _train(texts, first, learnt_size, settings.min_frequency)
    else:
        # A piece may be learnt twice: at the start of a morpheme that continues a word, and further within one.
        learnt = _train(texts, [*first, BOUNDARY], 2 * learnt_size + 1, settings.min_frequency)
        tokens = list(dict.fromkeys(map(_plain, filter(BOUNDARY.__ne__, learnt))))[:learnt_size]
    return tokens + [f"[unused{number}]" for number in range(settings.unused)]


def _alphabet(text: TrainingText, settings: VocabSettings) -> list[str]:
    """Return single characters, in the forms in which they occur: at a word's start, within a word."""
    alphabet = text.alphabet(settings)
    singles = _train(map(_as_words, text.sentences("count characters")), list(SPECIAL_TOKENS), 1, 1)
    forms = {token for token in singles if token.removeprefix(CONTINUATION_PREFIX) in alphabet}
    if settings.hangul_alphabet:
        # Both forms of every syllable: one that is missing where it stands makes the whole word [UNK].
        forms.update(prefix + syllable for syllable in HANGUL_SYLLABLES for prefix in ("", CONTINUATION_PREFIX))
    return sorted(forms)


def _as_words(sentence: str) -> str:
    """Set morphemes apart like words, those that continue a word still marked: the trainer knows no other boundary."""
    return sentence.replace(BOUNDARY, f" {BOUNDARY}")


def _plain(token: str) -> str:
    """Write a token as plain WordPiece does: what follows a marked boundary continues a word."""
    return CONTINUATION_PREFIX + token.removeprefix(BOUNDARY) if token.startswith(BOUNDARY) else token


def _train(texts: Iterable[str], first: list[str], vocab_size: int, min_frequency: int) -> list[str]:
    """Train and return the tokens in the order of their ids, `first` at the head."""
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
