"""Learn a vocabulary from a corpus: WordPiece, or SentencePiece (unigram or BPE).

    python -m electra_pretrain.train_vocab --corpus 'corpus/*.txt' --output vocab.txt --vocab_size 32200
"""  # fmt: skip

import argparse
import os
import re
import shlex
import sys
from collections.abc import Iterator
from typing import Any

from electra_pretrain.cli.arguments import add_corpus, add_seed, check_seed, chosen_corpus, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.reader import Corpus, Document, no_text
from electra_pretrain.edit_vocab import add_edits, edited

ENGINES = ("wordpiece", "sentencepiece_unigram", "sentencepiece_bpe")
MIN_FREQUENCY = 2
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("train_vocab", __doc__)
    add_corpus(parser, "text files: a sentence a line, an empty line between documents")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="vocab.txt (or spm.model) to write; its settings go to FILE.json"
    )
    parser.add_argument("--engine", choices=ENGINES, default=ENGINES[0], help="default: %(default)s")
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
    args.command = shlex.join(["python", "-m", "electra_pretrain.train_vocab", *(sys.argv[1:] if argv is None else argv)])
    return args


def train_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.corpus.provenance import read_steps
    from electra_pretrain.execution import resume
    from electra_pretrain.tokenization import provenance
    from electra_pretrain.tokenization.sentencepiece import SentencePieceTokenizer
    from electra_pretrain.tokenization.tokenizer import Tokenizer
    from electra_pretrain.tokenization.train import VocabSettings, training_text
    from electra_pretrain.tokenization.train_sentencepiece import train_sentencepiece
    from electra_pretrain.tokenization.train_wordpiece import train_wordpiece
    from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer

    _check(args)
    corpus = chosen_corpus(args)
    if next(corpus.documents(), None) is None:
        raise no_text(corpus.paths)
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
    files.make_dirs(os.path.dirname(args.output) or ".")
    edits: list[dict[str, Any]] = []
    tokenizer: Tokenizer
    with training_text(lambda stage: _shown(corpus, stage), settings) as text:
        if args.engine == ENGINES[0]:
            learnt = WordPieceTokenizer(train_wordpiece(text, settings), args.lower_case)
            tokenizer, edits = edited(learnt, args.extend, args.put_terms)
        else:
            tokenizer = SentencePieceTokenizer(train_sentencepiece(text, settings), args.lower_case)
    record = {
        "type": tokenizer.type,
        "tokens": tokenizer.vocab_size,
        **settings._asdict(),
        "strip_accents": False,
        "unicode_normalization": "NFC",
        "command": args.command,
        "learnt_from": {"documents": text.documents, "bytes": text.bytes},
        "sources": resume.sources(corpus.paths),
        "corpus_steps": read_steps(corpus.paths),
        "edits": edits,
        "versions": provenance.versions(),
    }
    provenance.save(args.output, tokenizer.file_content, record)
    print(
        f"{args.output}: {tokenizer.vocab_size:,} tokens, learnt from {text.documents:,} documents, {text.bytes / 1e6:,.1f} MB"
    )
    if tokenizer.vocab_size < args.vocab_size:
        why = (
            f"no more pieces occur {settings.min_frequency} times" if args.engine == ENGINES[0] else "no more pieces are found"
        )
        print(f"note: fewer than the {args.vocab_size:,} asked for: {why} in this corpus")


def _check(args: argparse.Namespace) -> None:
    if not 0 < args.sample_fraction <= 1:
        raise UserError(f"--sample_fraction {args.sample_fraction}: must be above 0 and at most 1")
    parse_bytes(args.sample_bytes)
    check_seed(args)
    if files.is_dir(args.output):
        raise UserError(f"--output {args.output}: is a folder; name the file to write, for example {args.output}/vocab.txt")
    for name in ("vocab_size", "limit_alphabet", "min_frequency"):
        if getattr(args, name) is not None and getattr(args, name) < 1:
            raise UserError(f"--{name} {getattr(args, name)}: must be at least 1")
    if args.unused < 0:
        raise UserError(f"--unused {args.unused}: must not be negative")
    if args.unused >= args.vocab_size:
        raise UserError(f"--unused {args.unused}: leaves nothing of --vocab_size {args.vocab_size} to learn; lower it")
    for name in ("extend", "put_terms", "min_frequency"):
        if args.engine != ENGINES[0] and getattr(args, name) is not None:
            raise UserError(f"--{name} is for WordPiece only: SentencePiece ranks its pieces by scores; leave it out")


def parse_bytes(text: str) -> int:
    """A number of bytes as people write it: 500000, 200M, 1G.

    Raises:
        UserError: it is none, or zero.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMG]?)B?", text.strip().upper())
    value = int(float(match[1]) * _UNITS[match[2]]) if match else 0
    if value < 1:
        raise UserError(f"--sample_bytes {text}: must be a number of bytes above 0, for example 200M or 1G")
    return value


def _shown(corpus: Corpus, stage: str) -> Iterator[Document]:
    with Progress(stage, corpus.stored_bytes / 1e6, "MB") as progress:
        yield from progress.following(corpus.documents(), lambda: corpus.stored_bytes_read / 1e6)


def main() -> None:
    run_command("train_vocab", parse_args, train_vocab)


if __name__ == "__main__":
    main()
