"""WordPiece by `tensorflow_text` where its ids are Hugging Face's, and by Hugging Face's engine where they might not be.

`FastWordpieceTokenizer` cuts words as `tokenizers` does, more than ten times faster, but its rules for characters differ in
places: it knows no NFC and no control characters, it has another Unicode version's punctuation, and it counts a word's bytes
where Hugging Face counts characters. So a line goes to it only if every character is of a block on which both agree (tests
hold them against each other, character by character) and no word can be of more than 100 characters.
"""

import logging
import sys
from collections.abc import Callable

import numpy as np

from electra_pretrain.core import optional, tensorflow_startup
from electra_pretrain.tokenization.tokenizer import Tokenizer
from electra_pretrain.tokenization.wordpiece import MAX_WORD_CHARACTERS, WordPieceTokenizer, idle_lines

_log = logging.getLogger(__name__)

# Unchanged by NFC whatever stands beside them, and to both engines alike a space, a sign of its own, or a part of a word.
# Not among them, besides rare scripts: controls, joiners, conjoining jamo, combining marks, compatibility ideographs.
PLAIN_RANGES = (
    (0x20, 0x7E),  # ASCII
    (0xA0, 0xAC),  # Latin-1, without the soft hyphen
    (0xAE, 0x17F),  # and Latin Extended-A
    (0x391, 0x3A1), (0x3A3, 0x3CE),  # Greek
    (0x400, 0x45F),  # Cyrillic
    (0x2010, 0x2027), (0x2030, 0x205E), (0x20A0, 0x20BF),  # dashes, quotation marks, ellipses, currencies
    (0x2100, 0x2125), (0x2127, 0x2129), (0x212C, 0x214F),  # letterlike signs, without Ohm, Kelvin and Angstrom
    (0x2150, 0x2328), (0x232B, 0x27BF),  # numbers, arrows, mathematics, enclosed letters, shapes, dingbats
    (0x3000, 0x3029), (0x3030, 0x303F),  # ideographic space and punctuation
    (0x3041, 0x3096), (0x309B, 0x30FF),  # kana
    (0x3131, 0x318E),  # compatibility jamo, as in ㅋㅋㅋ
    (0x3200, 0x33FF),  # enclosed Hangul, units
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF),  # Hanja
    (0xAC00, 0xD7A3),  # Hangul syllables
    (0xFE0F, 0xFE0F),  # what makes a sign an emoji
    (0xFF01, 0xFF9F), (0xFFE0, 0xFFE6),  # full and half width
    (0x1F000, 0x1FAFF),  # emoji
)  # fmt: skip
_FOREIGN, _PLAIN, _SPACE = 0, 1, 2
_MAX_BYTES_A_CHARACTER = 4
_NEWLINE = ord("\n")


# From lines of UTF-8 text to their ids, int32 [total], and row_splits, int64 [lines + 1].
Encoder = Callable[[list[bytes]], tuple[np.ndarray, np.ndarray]]


def fastest_encoder(tokenizer: Tokenizer, say: bool) -> Encoder:
    """Return the fastest way to the ids that `tokenizer` gives: that tokeniser itself if there is no faster.

    Args:
        tokenizer: whose ids are wanted.
        say: warn where there is no faster way.
    """

    def exact(lines: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        return tokenizer.encode_lines([line.decode("utf-8") for line in lines])

    if not isinstance(tokenizer, WordPieceTokenizer) or tokenizer.strip_accents:
        return exact
    try:
        return FastWordPiece(tokenizer).encode
    except ImportError:
        reason = "tensorflow-text is not installed"
    except RuntimeError as error:  # for instance a token with a control character
        reason = f"tensorflow-text does not take this vocabulary ({error})"
    if say:
        _log.warning("%s: tokenising several times slower, with the same ids", reason)
    return exact


class FastWordPiece:
    """A tokeniser's ids, most of them computed by `tensorflow_text`.

    Args:
        tokenizer: whose ids are the truth, and who encodes the lines that the fast engine might see differently.

    Raises:
        ImportError: `tensorflow_text` is not installed.
        RuntimeError: it cannot hold the vocabulary.
    """

    def __init__(self, tokenizer: WordPieceTokenizer) -> None:
        # Looked for first: TensorFlow alone would be imported, which takes seconds, for nothing.
        if optional.missing("tensorflow_text"):
            raise ImportError("tensorflow_text")
        tensorflow_startup.import_tensorflow()
        with tensorflow_startup.stderr_aside():
            import tensorflow as tf
            import tensorflow_text

            tf.constant(0)  # TensorFlow speaks when it first computes, too

        self._exact = tokenizer
        self._classes = _character_classes(tokenizer.do_lower_case)
        self._fast = tensorflow_text.FastWordpieceTokenizer(
            vocab=_told_apart(tokenizer.tokens),
            max_bytes_per_word=MAX_WORD_CHARACTERS * _MAX_BYTES_A_CHARACTER,
            token_out_type=tf.int32,
            unknown_token="[UNK]",
        )

    def encode(self, lines: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and row splits of lines of text, as `Encoder`, and as `WordPieceTokenizer.encode_lines` gives them.

        Raises:
            UnicodeDecodeError: a line is not UTF-8.
        """
        text = b"\n".join(lines).decode("utf-8")
        slow = np.flatnonzero(self.needs_exact(text))
        slow_lines = [lines[index].decode("utf-8") for index in slow.tolist()]
        plain = text.lower().encode("utf-8").split(b"\n") if self._exact.do_lower_case else list(lines)
        for index in slow.tolist():
            plain[index] = b""
        ids, row_splits = self._encode_plain(plain)
        if not slow_lines:
            return ids, row_splits
        slow_ids, slow_splits = self._exact.encode_lines(slow_lines)
        slow_lengths = np.diff(slow_splits)
        ids = np.insert(ids, np.repeat(row_splits[slow], slow_lengths), slow_ids)
        row_splits[1:] += np.cumsum(np.bincount(slow, slow_lengths, len(plain)).astype(np.int64))
        return ids, row_splits

    def needs_exact(self, text: str) -> np.ndarray:
        """Tell, bool [lines], which have a character that the engines may see differently, or perhaps too long a word."""
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        classes = self._classes.take(codes)
        line_ends = np.flatnonzero(codes == _NEWLINE)
        foreign = np.flatnonzero(classes == _FOREIGN)
        # A run without spaces may be many words, by its punctuation; few lines have such a run, whatever is in it.
        spaces = np.concatenate([[-1], np.flatnonzero(classes == _SPACE), [len(classes)]])
        long_runs = spaces[:-1][np.diff(spaces) > MAX_WORD_CHARACTERS + 1] + 1
        slow = np.zeros(len(line_ends) + 1, bool)
        slow[np.searchsorted(line_ends, np.concatenate([foreign, long_runs]))] = True
        return slow

    def _encode_plain(self, lines: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        import tensorflow as tf

        rows = self._fast.tokenize(tf.constant(lines))
        return rows.values.numpy(), rows.row_splits.numpy().copy()


def _told_apart(tokens: list[str]) -> list[str]:
    """Name lines that no text is cut into, of which some are alike, so that none is and no text is cut into them."""
    idle = idle_lines(tokens)
    return [f"[line {index}]" if index in idle else token for index, token in enumerate(tokens)] if idle else tokens


def _character_classes(do_lower_case: bool) -> np.ndarray:
    """Return, uint8 [0x110000], which code points are foreign, plain or a space."""
    classes = np.full(sys.maxunicode + 1, _FOREIGN, np.uint8)
    for first, last in PLAIN_RANGES:
        classes[first : last + 1] = _PLAIN
    classes[[ord(" "), _NEWLINE]] = _SPACE
    if do_lower_case:
        # Python lower-cases a final sigma by its neighbours, and some letters to two characters.
        odd = [code for code in np.flatnonzero(classes).tolist() if len(chr(code).lower()) != 1]
        classes[[*odd, ord("Σ")]] = _FOREIGN
    return classes
