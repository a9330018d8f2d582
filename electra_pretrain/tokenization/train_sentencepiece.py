"""Learn a SentencePiece model: unigram or BPE, with the ids and the normalisation that WordPiece has here."""

import io

from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.morphemes import BOUNDARY
from electra_pretrain.tokenization.sentencepiece import UNIGRAM, parse_model
from electra_pretrain.tokenization.training_text import HANGUL_SYLLABLES, TrainingText, VocabSettings, too_small

# Part sums of floats depend on how many threads there are, not on how many cores: one number, the same bytes everywhere.
THREADS = 4
# Scores in steps of 1/1024, so that sums over a word are exact in float32 and float64 alike. Otherwise rounding alone decides
# between "ㅋㅋ ㅋ" and "ㅋ ㅋㅋ", and `sentencepiece` and `tokenizers` decide differently.
SCORE_STEPS = 1024


def train_sentencepiece(text: TrainingText, settings: VocabSettings) -> bytes:
    """Learn a model and return its file's bytes: special tokens at 0..4, pieces, `[unusedN]`.

    The same text and settings give the same bytes. Fewer than `vocab_size` pieces come back if the text has no more.

    Raises:
        UserError: `vocab_size` leaves no room for the alphabet, or SentencePiece refuses the text.
    """
    import sentencepiece

    alphabet = text.alphabet(settings)
    required = sorted({*alphabet, *(HANGUL_SYLLABLES if settings.hangul_alphabet else [])})
    learnt_size = settings.vocab_size - settings.unused
    fixed = len(SPECIAL_TOKENS) + 1 + len(required)  # 1: the sign of a space
    if learnt_size <= fixed:
        raise too_small(settings, fixed)
    rare = str.maketrans(dict.fromkeys(text.characters.keys() - alphabet, " "))
    pad, unk, cls, sep, mask = SPECIAL_TOKENS
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(sentence.translate(rare) for sentence in text.sentences()),
            model_writer=model,
            model_type="unigram" if settings.engine == UNIGRAM else "bpe",
            vocab_size=learnt_size,
            hard_vocab_limit=False,
            normalization_rule_name="identity",
            character_coverage=1.0,
            required_chars="".join(required),
            pretokenization_delimiter=BOUNDARY,
            max_sentence_length=2**30,
            num_threads=THREADS,
            pad_id=0, unk_id=1, bos_id=2, eos_id=3,
            pad_piece=pad, unk_piece=unk, bos_piece=cls, eos_piece=sep,
            control_symbols=[mask],
            minloglevel=2,
        )  # fmt: skip
    except RuntimeError as error:
        raise UserError(f"SentencePiece cannot learn from this corpus: {' '.join(str(error).split())}") from error
    return _finished(model.getvalue(), settings.unused)


def _finished(model: bytes, unused: int) -> bytes:
    """Return the model with exact scores and `[unusedN]` at its end."""
    proto = parse_model(model)
    # Releases before 0.2.3 keep the mark as a piece; no text holds it.
    pieces = [piece for piece in proto.pieces if piece.piece != BOUNDARY]
    del proto.pieces[:]
    proto.pieces.extend(pieces)
    for piece in proto.pieces:
        piece.score = round(piece.score * SCORE_STEPS) / SCORE_STEPS
    for number in range(unused):
        proto.pieces.add(piece=f"[unused{number}]", score=0.0, type=proto.SentencePiece.CONTROL)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    content: bytes = proto.SerializeToString(deterministic=True)
    return content
