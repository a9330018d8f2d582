"""Learn a WordPiece vocabulary from a corpus.

    python -m electra_pretrain.train_vocab --corpus 'corpus/*.txt' --output vocab.txt --vocab_size 32200
"""  # fmt: skip

import argparse
import os
from collections.abc import Iterator

from electra_pretrain import files
from electra_pretrain.command import run_command
from electra_pretrain.errors import UserError
from electra_pretrain.progress import Progress
from electra_pretrain.text.corpus import Corpus, Document


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="train_vocab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--corpus",
        required=True,
        metavar="GLOB[,GLOB…]",
        help="text files: a sentence a line, an empty line between documents",
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="vocab.txt to write; its settings go to FILE.json")
    parser.add_argument("--vocab_size", type=int, default=32200, help="tokens in all (default %(default)s)")
    parser.add_argument("--limit_alphabet", type=int, default=6000, help="characters kept at most (default %(default)s)")
    parser.add_argument(
        "--unused",
        type=int,
        default=200,
        help="[unusedN] tokens at the end, for terms of a later domain (default %(default)s)",
    )
    parser.add_argument("--min_frequency", type=int, default=2, help="occurrences that a piece needs (default %(default)s)")
    parser.add_argument("--lower_case", action="store_true", help="lower-case the text; accents are kept (default: cased)")
    parser.add_argument(
        "--sample_fraction",
        type=float,
        default=1.0,
        help="share of the documents to read, chosen by --seed (default: all)",
    )
    parser.add_argument("--text_field", default="text", help="where .jsonl objects hold their text (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (default %(default)s)")
    return parser.parse_args(argv)


def train_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.tokenization.train import VocabSettings, save_vocab, train_wordpiece

    if not 0 < args.sample_fraction <= 1:
        raise UserError(f"--sample_fraction {args.sample_fraction}: must be above 0 and at most 1")
    if not 0 <= args.seed < 2**32:
        raise UserError(f"--seed {args.seed}: must lie in 0..4294967295")
    if files.is_dir(args.output):
        raise UserError(f"--output {args.output}: is a folder; name the file to write, for example {args.output}/vocab.txt")
    for name in ("vocab_size", "limit_alphabet", "min_frequency"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} {getattr(args, name)}: must be at least 1")
    if args.unused < 0:
        raise UserError(f"--unused {args.unused}: must not be negative")
    corpus = Corpus(files.expand_globs(args.corpus), args.text_field)
    settings = VocabSettings(
        vocab_size=args.vocab_size,
        limit_alphabet=args.limit_alphabet,
        unused=args.unused,
        min_frequency=args.min_frequency,
        do_lower_case=args.lower_case,
        sample_fraction=args.sample_fraction,
        seed=args.seed,
    )
    folder = os.path.dirname(args.output)
    if folder:
        files.make_dirs(folder)
    stages = iter(("count characters", "learn pieces"))
    tokens = train_wordpiece(lambda: _shown(corpus, next(stages)), settings)
    save_vocab(args.output, tokens, settings, corpus.paths)
    print(f"{args.output}: {len(tokens):,} tokens")
    if len(tokens) < args.vocab_size:
        why = f"no more pieces occur {args.min_frequency} times"
        print(f"note: fewer than the {args.vocab_size:,} asked for: {why} in this corpus")


def _shown(corpus: Corpus, stage: str) -> Iterator[Document]:
    with Progress(stage, corpus.stored_bytes / 1e6, "MB") as progress:
        yield from progress.following(corpus.documents(), lambda: corpus.stored_bytes_read / 1e6)


def main() -> None:
    run_command("train_vocab", lambda: train_vocab(parse_args()))


if __name__ == "__main__":
    main()
