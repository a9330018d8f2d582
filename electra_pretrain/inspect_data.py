"""Look into a folder of records: verify it against its manifest, count, and show some examples.

    python -m electra_pretrain.inspect_data data --html data.html
    python -m electra_pretrain.inspect_data elsewhere --adopt --vocab vocab.txt
"""  # fmt: skip

import argparse
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from electra_pretrain.cli.arguments import add_lower_case, add_num_processes, add_seed, check_seed, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.chart import check_installed
from electra_pretrain.plot.data_page import DataFacts, ShownExample, data_page

if TYPE_CHECKING:
    from electra_pretrain.records.inspect.verify import Verified
    from electra_pretrain.records.manifest import Manifest, Shard


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("inspect_data", __doc__)
    parser.add_argument("folder", metavar="DIR", help="folder of records, made by build_data")
    parser.add_argument("--num_examples", type=int, default=5, help="examples to show, chosen by --seed (default %(default)s)")
    parser.add_argument("--num_tokens", type=int, default=20, help="most frequent tokens to show (default %(default)s)")
    parser.add_argument("--num_shards", type=int, metavar="N", help="read N files only, chosen by --seed (default: all)")
    add_num_processes(parser, "worker processes")
    add_seed(parser, "of what is chosen")
    parser.add_argument("--html", metavar="FILE", help="write a page too, with charts, that stands alone")
    adopting = parser.add_argument_group("records that another builder made, of the same schema and without a manifest")
    adopting.add_argument(
        "--adopt", action="store_true", help="check every record and write manifest.json and vocab.txt beside them"
    )
    adopting.add_argument("--vocab", metavar="FILE", help="the vocab.txt that they were built with")
    add_lower_case(adopting, "whether their text was lower-cased")
    adopting.add_argument(
        "--heldout_fraction",
        type=float,
        default=0.01,
        help="share of the files, in whole ones chosen by --seed, kept for evaluation (default %(default)s)",
    )
    return parser.parse_args(argv)


def inspect_data(args: argparse.Namespace) -> None:
    """Print, and with --html draw, what is in the folder.

    Raises:
        UserError: an argument will not do, or something in the folder is wrong: each fault was named on standard error.
    """
    from electra_pretrain.core import tensorflow_startup

    _check(args)
    if args.html is not None:
        check_installed()
    tensorflow_startup.start_tensorflow()
    inspected = _adopt(args) if args.adopt else _verify(args)
    facts = _facts(args, inspected)
    _print(facts)
    if args.html is not None:
        files.make_dirs(os.path.dirname(args.html) or ".")
        files.write_text(args.html, data_page(facts))
        print(f"{args.html}: written")
    if num_faults := inspected.verified.num_faults:
        raise UserError(f"{args.folder}: faults, named above: {num_faults:,}; copy those files again, or build the data anew")


class _Inspected(NamedTuple):
    manifest: "Manifest"
    shards: "list[Shard]"
    verified: "Verified"


def _verify(args: argparse.Namespace) -> _Inspected:
    from electra_pretrain.core import rng
    from electra_pretrain.execution.processes import worker_pool
    from electra_pretrain.records.inspect.verify import verify
    from electra_pretrain.records.manifest import load_manifest

    manifest = load_manifest(args.folder)
    shards = [*manifest.train_shards, *manifest.heldout_shards]
    if args.num_shards is not None:
        chosen = rng.permutation(args.seed, "shards to look at", 0, len(shards))[: args.num_shards]
        shards = [shards[index] for index in sorted(chosen.tolist())]
    with worker_pool(args.num_processes) as run:
        verified = verify(args.folder, manifest, shards, run)
    _name_faults(verified)
    return _Inspected(manifest, shards, verified)


def _adopt(args: argparse.Namespace) -> _Inspected:
    from electra_pretrain.execution.processes import worker_pool
    from electra_pretrain.records.inspect.adopt import adopt
    from electra_pretrain.tokenization.provenance import saved_lower_case
    from electra_pretrain.tokenization.shipped import find_vocab
    from electra_pretrain.tokenization.tokenizer import load_tokenizer

    vocab = find_vocab(args.vocab)
    lower_case = args.lower_case if args.lower_case is not None else bool(saved_lower_case(vocab))
    tokenizer = load_tokenizer(vocab, lower_case)
    with worker_pool(args.num_processes) as run:
        manifest, verified = adopt(args.folder, tokenizer, args.heldout_fraction, args.seed, run)
    _name_faults(verified)
    if manifest is None:
        raise UserError(
            f"{args.folder}: faults, named above: {verified.num_faults:,}; nothing was written. Were the records built with "
            f"{args.vocab}? If so, copy or build the files named again"
        )
    if args.heldout_fraction and not manifest.heldout_shards:
        share = f"{args.heldout_fraction} of {len(manifest.train_shards)} files is less than half a file"
        print(f"note: nothing is held out for evaluation: --heldout_fraction {share}", file=sys.stderr)
    return _Inspected(manifest, [*manifest.train_shards, *manifest.heldout_shards], verified)


def _name_faults(verified: "Verified") -> None:
    for fault in verified.faults:
        print(fault, file=sys.stderr)
    if more := verified.num_faults - len(verified.faults):
        print(f"and {more:,} more faults", file=sys.stderr)


def _facts(args: argparse.Namespace, inspected: _Inspected) -> DataFacts:
    from electra_pretrain.records.inspect.decode import choose, decode
    from electra_pretrain.records.inspect.summary import most_frequent, summary
    from electra_pretrain.tokenization.readable import words
    from electra_pretrain.tokenization.tokenizer import load_tokenizer

    manifest, shards, verified = inspected
    tokens = load_tokenizer(files.join(args.folder, manifest.vocabulary.file_name), manifest.vocabulary.do_lower_case).tokens
    chosen = choose(shards, args.num_examples, args.seed)
    return DataFacts(
        folder=args.folder,
        summary=summary(manifest, shards, verified),
        faults=verified.faults,
        lengths=verified.statistics.lengths,
        token_counts=verified.statistics.text_counts(manifest.vocabulary.special_ids),
        frequent=most_frequent(manifest, verified, tokens, args.num_tokens),
        examples=[
            ShownExample(example.title, [words(segment, manifest.vocabulary.type) for segment in example.segments])
            for example in decode(args.folder, chosen, manifest.max_seq_length, tokens)
        ],
    )


def _print(facts: DataFacts) -> None:
    width = max(len(name) for name, _ in facts.summary)
    for name, value in facts.summary:
        print(f"{name:{width}}  {value}")
    if facts.frequent:
        print("most frequent: " + ", ".join(f"{each.token} {each.share:.2%}" for each in facts.frequent))
    for title, segments in facts.examples:
        print(f"\n{title}")
        for name, words in zip("AB", segments, strict=False):
            print(f"  {name}  {' '.join(''.join(word) for word in words)}")


def _check(args: argparse.Namespace) -> None:
    for name, least in (("num_examples", 0), ("num_tokens", 0), ("num_processes", 1)):
        if getattr(args, name) < least:
            raise UserError(f"--{name} {getattr(args, name)}: must be at least {least}")
    if args.num_shards is not None and args.num_shards < 1:
        raise UserError(f"--num_shards {args.num_shards}: must be at least 1")
    check_seed(args)
    if not 0 <= args.heldout_fraction < 1:
        raise UserError(f"--heldout_fraction {args.heldout_fraction}: must be at least 0 and below 1")
    if args.adopt and args.vocab is None:
        raise UserError("--adopt: needs --vocab, the vocab.txt that the records were built with")
    if args.adopt and args.num_shards is not None:
        raise UserError("--num_shards: not with --adopt, which reads every record")
    if not args.adopt and (args.vocab is not None or args.lower_case is not None):
        raise UserError("--vocab and --lower_case: only with --adopt; other folders have a vocabulary of their own")


def main() -> None:
    run_command("inspect_data", parse_args, inspect_data)


if __name__ == "__main__":
    main()
