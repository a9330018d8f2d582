"""What was measured, as one JSON object; all numbers, no words."""

from typing import Any

from electra_pretrain.corpus.stats.encodings import MAX_BAD_SHARE
from electra_pretrain.corpus.stats.kinds import LANGUAGES, VISIBLE, Kind
from electra_pretrain.corpus.stats.lengths import padding
from electra_pretrain.corpus.stats.measure import Measured
from electra_pretrain.corpus.stats.pipeline import CorpusStats
from electra_pretrain.corpus.stats.repetition import Repetition
from electra_pretrain.corpus.stats.worst import Worst

# Tokens of a visible character: WordPiece vocabularies of about 32,000, on their own kind of text and on another.
TOKENS_PER_CHARACTER = (0.45, 0.7)
ROWS = (128, 512)
_SHARES = ("HANGUL", "LATIN", "HANJA", "KANA", "DIGIT", "SIGN", "EMOJI")
_ODD = ("CONTROL", "INVISIBLE", "REPLACEMENT", "PRIVATE")


def report(stats: CorpusStats) -> dict[str, Any]:
    """Write everything as a JSON object; shares lie in 0..1, lengths are characters."""
    measured = stats.measured
    visible = int(measured.kinds[list(VISIBLE)].sum())
    shares = {name.lower(): int(measured.kinds[Kind[name]]) / max(visible, 1) for name in _SHARES}
    return {
        "files": len(stats.files),
        "bytes": sum(file.bytes for file in stats.files),
        "documents": measured.documents,
        "lines": measured.lines,
        "characters": measured.characters,
        "visible_characters": visible,
        "document_lengths": measured.document_lengths.as_json(),
        "line_lengths": measured.line_lengths.as_json(),
        "padding": {str(length): _padding(measured, length) for length in ROWS},
        "scripts": shares | {"other": max(0.0, 1 - sum(shares.values()))},
        "languages": dict(zip(LANGUAGES, measured.languages.tolist(), strict=True)),
        "repeated": {"lines": _repeated(stats.lines), "documents": _repeated(stats.documents)},
        "frequent_lines": [line._asdict() for line in stats.frequent],
        "encodings": [file._asdict() for file in stats.files],
        "max_bad_share": MAX_BAD_SHARE,
        "odd": {
            name.lower(): {"characters": int(measured.kinds[Kind[name]]), "lines": int(measured.lines_with[Kind[name]])}
            for name in _ODD
        }
        | {"not_nfc": {"lines": measured.not_nfc}, "mojibake": {"lines": measured.mojibake}},
        "worst": _worst(measured.worst),
    }


def _padding(measured: Measured, length: int) -> list[float]:
    """Bound the share of padding in rows of so many tokens, from the least to the most."""
    return sorted(padding(tokens, measured.document_visible, length) for tokens in TOKENS_PER_CHARACTER)


def _repeated(repetition: Repetition) -> dict[str, Any]:
    return {
        "share": repetition.share,
        "error": repetition.error,
        "distinct": repetition.distinct,
        "exact": repetition.level == 0,
    }


def _worst(worst: Worst) -> dict[str, list[dict[str, Any]]]:
    return {
        kind: [{"path": line.path, "line": line.line, "number": line.number, "text": line.text} for line in lines]
        for kind, lines in worst.items()
    }
