"""Compare vocabularies on text that none of them was learnt from.

    python -m electra_pretrain.inspect_vocab --vocab a/vocab.txt b/spm.model --corpus heldout.txt --html vocabularies.html
"""  # fmt: skip

import argparse
import os

from electra_pretrain.cli.arguments import add_corpus, add_lower_case, chosen_corpus, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.reader import Corpus, no_text
from electra_pretrain.plot.curves import labels
from electra_pretrain.plot.vocabularies import Vocabulary, vocabularies_page
from electra_pretrain.tokenization.measure import Measures

SHOWN_CHARACTERS = 20
LONGEST_SHOWN = 8
_BLOCK_CHARACTERS = 200_000


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("inspect_vocab", __doc__)
    parser.add_argument(
        "--vocab", required=True, nargs="+", metavar="NAME|FILE", help="vocab.txt files, SentencePiece models, shipped names"
    )
    add_corpus(parser, "held-out text: a sentence a line, an empty line between documents")
    parser.add_argument("--html", metavar="FILE", help="also write the table with charts, as a page that stands alone")
    add_lower_case(parser, "lower-case the text for all of them")
    return parser.parse_args(argv)


def inspect_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.tokenization import shipped
    from electra_pretrain.tokenization.provenance import saved_lower_case
    from electra_pretrain.tokenization.tokenizer import load_tokenizer

    if args.html and files.is_dir(args.html):
        raise UserError(f"--html {args.html}: is a folder; name the file to write")
    paths = [shipped.find_vocab(vocab) for vocab in args.vocab]
    measured = []
    for path, label in zip(paths, labels(paths), strict=True):
        lower_case = args.lower_case if args.lower_case is not None else bool(saved_lower_case(path))
        measured.append(Measures(label, load_tokenizer(path, lower_case)))
    corpus = chosen_corpus(args)
    measure(corpus, measured)
    if not measured[0].tokens:
        raise no_text(corpus.paths)
    for row in table(measured):
        print(row)
    if args.html:
        page = vocabularies_page([_drawn(each) for each in measured], rows(measured), ", ".join(corpus.paths))
        files.make_dirs(os.path.dirname(args.html) or ".")
        files.write_text(args.html, page)
        print(f"\n{args.html}: the same with charts")


def measure(corpus: Corpus, measured: list[Measures]) -> None:
    """Count the whole corpus for all vocabularies, some documents at a time."""
    with Progress("measure", corpus.stored_bytes / 1e6, "MB") as progress:
        for block in progress.following(corpus.blocks(_BLOCK_CHARACTERS), lambda: corpus.stored_bytes_read / 1e6):
            lines = [sentence for document in block for sentence in document]
            for measures in measured:
                measures.add(lines)


def rows(measured: list[Measures]) -> list[tuple[str, list[str]]]:
    """The table: for each measure its name, and its value for each vocabulary."""
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


def table(measured: list[Measures]) -> list[str]:
    """Lines for a terminal: the measures, the lengths of pieces, the characters behind [UNK]."""
    shares = [each.piece_lengths(LONGEST_SHOWN) for each in measured]
    lengths = [
        (f"  {length}{' or more' if length == LONGEST_SHOWN else ''}", [f"{share[length]:.2%}" for share in shares])
        for length in range(LONGEST_SHOWN + 1)
    ]
    columns = [
        ("", [each.label for each in measured]),
        *rows(measured),
        ("characters in a piece", [""] * len(measured)),
        *lengths,
    ]
    first = max(len(name) for name, _ in columns)
    widths = [max(len(cells[place]) for _, cells in columns) for place in range(len(measured))]
    lines = [
        f"{name:<{first}}  {'  '.join(f'{cell:>{width}}' for cell, width in zip(cells, widths, strict=True))}".rstrip()
        for name, cells in columns
    ]
    lines += ["", "characters behind [UNK], how often:"]
    return [*lines, *(f"  {each.label}: {unknown_text(each)}" for each in measured)]


def unknown_text(measures: Measures) -> str:
    """The most frequent characters for which there is no piece."""
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
    return Vocabulary(measures.label, bars, measures.piece_lengths(LONGEST_SHOWN), lengths, unknown_text(measures))


def main() -> None:
    run_command("inspect_vocab", parse_args, inspect_vocab)


if __name__ == "__main__":
    main()
