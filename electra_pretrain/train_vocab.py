"""Learn a vocabulary from a corpus: WordPiece, or SentencePiece (unigram or BPE).

    python -m electra_pretrain.train_vocab --corpus 'corpus/*.txt' --output vocab.txt --vocab_size 32200
"""  # fmt: skip

import argparse
import re

from electra_pretrain.cli.arguments import add_edits, add_seed, command_line, command_parser
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import Input
from electra_pretrain.tokenization import wordpiece
from electra_pretrain.tokenization.tokenizer import TYPES, find_vocab
from electra_pretrain.tokenization.training_text import MIN_FREQUENCY, VocabSettings

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_MOST_BYTES = 10**15


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("train_vocab", __doc__)
    add_corpus(parser, "text files: a sentence a line, an empty line between documents")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="vocab.txt (or spm.model) to write; its settings go to FILE.json"
    )
    add_overwrite(parser)
    parser.add_argument("--engine", choices=TYPES, default=wordpiece.TYPE, help="default: %(default)s")
    parser.add_argument("--vocab_size", type=int, default=32200, help="tokens in all (default %(default)s)")
    parser.add_argument("--limit_alphabet", type=int, default=6000, help="characters kept at most (default %(default)s)")
    parser.add_argument(
        "--hangul_alphabet",
        action="store_true",
        help="keep all 11,172 Hangul syllables, seen or not; WordPiece needs each twice, at a word's start and within one",
    )
    parser.add_argument(
        "--unused",
        type=int,
        default=200,
        help="[unusedN] tokens at the end, for terms of a later domain (default %(default)s)",
    )
    parser.add_argument(
        "--min_frequency", type=int, help=f"occurrences that a piece needs, WordPiece only (default {MIN_FREQUENCY})"
    )
    parser.add_argument("--lower_case", action="store_true", help="lower-case the text; accents are kept (default: cased)")
    parser.add_argument(
        "--morphs",
        choices=("none", "mecab"),
        default="none",
        help="cut the text into morphemes first, so that no piece lies across two of them (default %(default)s)",
    )
    add_edits(parser)
    parser.add_argument(
        "--sample_fraction",
        type=float,
        default=1.0,
        help="share of the documents to read, chosen by --seed (default: all)",
    )
    parser.add_argument(
        "--sample_bytes",
        default="300M",
        metavar="N[K|M|G]",
        help="text to learn from at most; of a larger corpus, documents chosen by --seed (default %(default)s)",
    )
    add_seed(parser, "of the sample")
    args = parser.parse_args(argv)
    args.command = command_line("train_vocab", argv)
    return args


def train_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.tokenization.edit import Edits, check_edits
    from electra_pretrain.tokenization.own_files import outputs
    from electra_pretrain.tokenization.train import train_vocabulary

    _check(args)
    settings = VocabSettings(
        vocab_size=args.vocab_size,
        engine=args.engine,
        limit_alphabet=args.limit_alphabet,
        hangul_alphabet=args.hangul_alphabet,
        unused=args.unused,
        min_frequency=MIN_FREQUENCY if args.min_frequency is None else args.min_frequency,
        do_lower_case=args.lower_case,
        morphs=args.morphs,
        sample_fraction=args.sample_fraction,
        sample_bytes=parse_bytes(args.sample_bytes),
        seed=args.seed,
    )
    edits = Edits(args.extend and find_vocab(args.extend), args.put_terms)
    check_edits(edits, args.unused)
    read = [Input("--extend", edits.extend), Input("--put_terms", edits.put_terms)]
    corpus = chosen_corpus(args, outputs(args.output, "train_vocab"), read)
    tokenizer, documents, size = train_vocabulary(corpus, args.output, settings, edits, args.command)
    print(f"{args.output}: {tokenizer.vocab_size:,} tokens, learnt from {documents:,} documents, {size / 1e6:,.1f} MB")
    if tokenizer.vocab_size < args.vocab_size:
        why = f"occur {settings.min_frequency} times" if args.engine == wordpiece.TYPE else "are found"
        print(f"note: fewer than the {args.vocab_size:,} asked for: no more pieces {why} in this corpus")


def _check(args: argparse.Namespace) -> None:
    parse_bytes(args.sample_bytes)
    if args.unused >= args.vocab_size:
        raise UserError(f"--unused {args.unused}: leaves nothing of --vocab_size {args.vocab_size} to learn; lower it")
    for name in ("extend", "put_terms", "min_frequency"):
        if args.engine != wordpiece.TYPE and getattr(args, name) is not None:
            raise UserError(f"--{name} is for WordPiece only: SentencePiece ranks its pieces by scores; leave it out")


def parse_bytes(text: str) -> int:
    """Read a number of bytes as people write it: 500000, 200M, 1G.

    Raises:
        UserError: it is none, or zero.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)B?", text.strip().upper())
    value = float(match[1]) * _UNITS[match[2]] if match else 0
    if not 1 <= value <= _MOST_BYTES:
        raise UserError(f"--sample_bytes {text}: must be a number of bytes above 0, for example 200M or 1G, at most 1000000G")
    return int(value)


def main() -> None:
    run_command("train_vocab", parse_args, train_vocab)


if __name__ == "__main__":
    main()
