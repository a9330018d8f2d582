"""Vocabularies side by side on text that none of them was learnt from: as a table, and as a page with charts."""

from collections.abc import Sequence

from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.reader import Corpus, no_text
from electra_pretrain.plot.curves import labels
from electra_pretrain.plot.vocabularies import Vocabulary, vocabularies_page
from electra_pretrain.tokenization.measure import Measures
from electra_pretrain.tokenization.provenance import resolve_lower_case
from electra_pretrain.tokenization.tokenizer import find_vocab, load_as_learnt

SHOWN_CHARACTERS = 20
LONGEST_SHOWN = 8
_BATCH_CHARACTERS = 200_000


def measure(vocabularies: Sequence[str], lower_case: bool | None, corpus: Corpus) -> list[Measures]:
    """Measure vocabularies on a corpus, some documents at a time.

    Args:
        vocabularies: their paths, or names of those that ship with the package.
        lower_case: whether text is lower-cased for all of them; None: for each as it was learnt.
        corpus: text to measure on.

    Raises:
        UserError: a vocabulary is missing, damaged, or given more than once; or the corpus holds no text.
    """
    paths = [find_vocab(vocabulary) for vocabulary in vocabularies]
    measured = [
        Measures(label, load_as_learnt(path, resolve_lower_case(lower_case, path)))
        for path, label in zip(paths, labels(paths), strict=True)
    ]
    with Progress("measure", corpus.stored_bytes / 1e6, "MB") as progress:
        for batch in progress.following(corpus.blocks(_BATCH_CHARACTERS), lambda: corpus.stored_bytes_read / 1e6):
            lines = [sentence for document in batch for sentence in document]
            for measures in measured:
                measures.add(lines)
    if not measured[0].tokens:
        raise no_text(corpus.paths)
    return measured


def table(measured: Sequence[Measures]) -> list[str]:
    """Return lines for a terminal: the measures, the lengths of pieces, the characters behind [UNK]."""
    shares = [each.piece_lengths(LONGEST_SHOWN) for each in measured]
    lengths = [
        (f"  {length}{' or more' if length == LONGEST_SHOWN else ''}", [f"{share[length]:.2%}" for share in shares])
        for length in range(LONGEST_SHOWN + 1)
    ]
    columns = [
        ("", [each.label for each in measured]),
        *_rows(measured),
        ("characters in a piece", [""] * len(measured)),
        *lengths,
    ]
    first = max(len(name) for name, _ in columns)
    widths = [max(len(cells[index]) for _, cells in columns) for index in range(len(measured))]
    lines = [
        f"{name:<{first}}  {'  '.join(f'{cell:>{width}}' for cell, width in zip(cells, widths, strict=True))}".rstrip()
        for name, cells in columns
    ]
    lines += ["", "characters behind [UNK], how often:"]
    return [*lines, *(f"  {each.label}: {_unknown_text(each)}" for each in measured)]


def page(measured: Sequence[Measures], corpus: Corpus) -> str:
    """Return the same with charts, as one HTML page that stands alone.

    Raises:
        UserError: matplotlib is not installed.
    """
    return vocabularies_page([_drawn(each) for each in measured], _rows(measured), ", ".join(corpus.paths))


def _rows(measured: Sequence[Measures]) -> list[tuple[str, list[str]]]:
    """Return the measures: of each its name, and its value for each vocabulary."""
    return [
        ("type", [each.tokenizer.type + (", lower case" if each.tokenizer.do_lower_case else "") for each in measured]),
        ("tokens in the vocabulary", [f"{each.tokenizer.vocab_size:,}" for each in measured]),
        ("of them met in this text", [f"{each.used:.1%}" for each in measured]),
        ("[UNK], of the tokens", [f"{each.unk_rate:.4%}" for each in measured]),
        ("characters lost in [UNK]", [f"{each.lost_characters:.4%}" for each in measured]),
        ("tokens per word", [f"{each.tokens_per_word:.4f}" for each in measured]),
        ("tokens per character", [f"{each.tokens_per_character:.4f}" for each in measured]),
        ("single syllables, of the tokens", [f"{each.single_syllables:.2%}" for each in measured]),
        ("tokens a line: median", [f"{each.line_length(0.5):,}" for each in measured]),
        ("tokens a line: 95% have no more", [f"{each.line_length(0.95):,}" for each in measured]),
        ("lines", [f"{each.text.lines:,}" for each in measured]),
        ("words", [f"{each.text.words:,}" for each in measured]),
        ("tokens", [f"{each.tokens:,}" for each in measured]),
    ]


def _unknown_text(measures: Measures) -> str:
    """Name the most frequent characters for which there is no piece."""
    common = sorted(measures.unknown.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{character} {count:,}" for character, count in common[:SHOWN_CHARACTERS])
    more = len(common) - SHOWN_CHARACTERS
    return (shown or "none") + (f", and {more:,} more" if more > 0 else "")


def _drawn(measures: Measures) -> Vocabulary:
    bars = {
        "Tokens per word": measures.tokens_per_word,
        "Characters lost in [UNK]": measures.lost_characters,
        "[UNK], of the tokens": measures.unk_rate,
        "Single syllables, of the tokens": measures.single_syllables,
    }
    lengths = dict(measures.line_lengths)
    return Vocabulary(measures.label, bars, measures.piece_lengths(LONGEST_SHOWN), lengths, _unknown_text(measures))
