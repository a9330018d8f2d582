"""Look into a folder of records: verify it against its manifest, count, and show some examples.

    python -m electra_pretrain.inspect_data data --html data.html
    python -m electra_pretrain.inspect_data elsewhere --adopt --vocab vocab.txt
"""  # fmt: skip

import argparse
import contextlib

from electra_pretrain.cli.arguments import add_lower_case, add_num_processes, add_seed, command_parser
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files, locks
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import heed
from electra_pretrain.core.marks import made_by
from electra_pretrain.core.outputs import Input, OutputFile, check
from electra_pretrain.plot.chart import check_installed
from electra_pretrain.plot.data_page import DataFacts, data_page


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("inspect_data", __doc__)
    parser.add_argument("folder", metavar="DIR", help="folder of records, made by build_data")
    parser.add_argument("--num_examples", type=int, default=5, help="examples to show, chosen by --seed (default %(default)s)")
    parser.add_argument("--num_tokens", type=int, default=20, help="most frequent tokens to show (default %(default)s)")
    parser.add_argument("--num_shards", type=int, metavar="N", help="read N files only, chosen by --seed (default: all)")
    add_num_processes(parser, "worker processes")
    add_seed(parser, "of what is chosen")
    parser.add_argument("--html", metavar="FILE", help="write a page too, with charts, that stands alone")
    add_overwrite(parser, "--html")
    parser.add_argument(
        "--token_counts",
        action="store_true",
        help="count tokens into token_counts.json beside the records, which distillation.mlm_smoothing goes by",
    )
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
        help="share of the files, in whole ones chosen by --seed, held out for evaluation (default %(default)s)",
    )
    return parser.parse_args(argv)


def inspect_data(args: argparse.Namespace) -> None:
    """Print, and with --html draw, what is in the folder.

    Raises:
        UserError: an argument will not do, something in the folder is wrong (each fault was named on standard error), or
            nothing can come of it.
    """
    from electra_pretrain.core import tensorflow_startup
    from electra_pretrain.execution.processes import worker_pool
    from electra_pretrain.records import token_counts
    from electra_pretrain.records.inspect.facts import Adoption, Shown, inspect_folder
    from electra_pretrain.records.manifest import load_manifest
    from electra_pretrain.records.ruin import check_records

    _check(args)
    if args.html is not None:
        check_installed()
    read = [Input("the records", args.folder), Input("--vocab", args.vocab)]
    check([OutputFile("--html", args.html, made_by("inspect_data"))], read, args.overwrite)
    tensorflow_startup.start_tensorflow()
    shown = Shown(args.num_shards, args.num_examples, args.num_tokens, args.seed)
    adoption = Adoption(args.vocab, args.lower_case, args.heldout_fraction) if args.adopt else None
    adopts = args.adopt and files.is_dir(args.folder)
    watched = locks.held(args.folder, "inspect_data --adopt") if adopts else contextlib.nullcontext()
    with watched, worker_pool(args.num_processes) as run:
        facts, num_faults = inspect_folder(args.folder, shown, adoption, run)
    _print(facts)
    if args.html is not None:
        files.make_parent(args.html)
        files.write_text(args.html, data_page(facts))
        print(f"{args.html}: written")
    if num_faults:
        raise UserError(f"{args.folder}: faults, named above: {num_faults:,}; copy those files again, or build the data anew")
    manifest = load_manifest(args.folder)
    if args.token_counts:
        print(f"{token_counts.save(args.folder, manifest, facts.token_counts)}: written")
    heed(check_records(args.folder, manifest))


def _check(args: argparse.Namespace) -> None:
    if args.token_counts and args.num_shards is not None:
        raise UserError("--token_counts: are of all records; leave out --num_shards")
    if args.adopt and args.vocab is None:
        raise UserError("--adopt: needs --vocab, the vocab.txt that the records were built with")
    if args.adopt and args.num_shards is not None:
        raise UserError("--num_shards: not with --adopt, which reads every record")
    if not args.adopt and (args.vocab is not None or args.lower_case is not None):
        raise UserError("--vocab and --lower_case: only with --adopt; other folders have a vocabulary of their own")


def _print(facts: DataFacts) -> None:
    width = max(len(name) for name, _ in facts.summary)
    for name, value in facts.summary:
        print(f"{name:{width}}  {value}")
    if facts.frequent:
        print("most frequent: " + ", ".join(f"{each.token} {each.share:.2%}" for each in facts.frequent))
    for example in facts.examples:
        print(f"\n{example.title}")
        for name, words in example.named_segments():
            print(f"  {name}  {' '.join(''.join(word) for word in words)}")


def main() -> None:
    run_command("inspect_data", parse_args, inspect_data)


if __name__ == "__main__":
    main()
