"""Leave out of a corpus the lines or documents that occurred before, or nearly so: the first stays, the order is kept.

    python -m electra_pretrain.dedup_corpus --corpus 'corpus/*.txt' --output deduplicated --by line

How it works, what it costs: docs/deduplication.md.
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import add_num_processes, add_seed, command_parser
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus
from electra_pretrain.cli.outputs import add_overwrite, shared_folder
from electra_pretrain.cli.run import run_command
from electra_pretrain.cli.runner_arguments import add_runner, check_runner, chosen_runner
from electra_pretrain.core import locks
from electra_pretrain.core.marks import json_lines
from electra_pretrain.core.outputs import Output, OutputFile, OutputFolder


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("dedup_corpus", __doc__)
    add_corpus(parser)
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the text that stays and corpus.json")
    parser.add_argument("--by", required=True, choices=("line", "document"), help="what is compared and dropped")
    parser.add_argument(
        "--near",
        type=float,
        metavar="SHARE",
        help="drop also what shares so much of its runs of five characters with an earlier one (for example 0.8)",
    )
    parser.add_argument(
        "--dropped", metavar="FILE", help="keep what is dropped, with its reason, as JSON lines (.gz, .xz, .zst compress it)"
    )
    add_overwrite(parser, "--dropped")
    parser.add_argument(
        "--memory_gb",
        type=float,
        default=4.0,
        help="memory of all processes together; with --runner of each worker process (default %(default)s)",
    )
    add_num_processes(parser)
    add_runner(parser)
    add_seed(parser, "of the signatures behind --near")
    return parser.parse_args(argv)


def dedup_corpus(args: argparse.Namespace) -> None:
    from electra_pretrain.corpus.dedup.memory import Memory
    from electra_pretrain.corpus.dedup.pipeline import COMMAND, OWN_NAMES, dedup
    from electra_pretrain.corpus.dedup.tasks import DedupSettings

    check_runner(args)
    outputs: list[Output] = [
        OutputFolder("--output", args.output, OWN_NAMES),
        OutputFile("--dropped", args.dropped, json_lines("number", "reason")),
        shared_folder(args, COMMAND),
    ]
    corpus = chosen_corpus(args, outputs)
    settings = DedupSettings(args.by, args.near, args.seed, args.dropped is not None)
    memory = Memory(int(args.memory_gb * 1e9), args.num_processes if args.runner is None else None)
    with locks.held(args.output, "dedup_corpus", OWN_NAMES), chosen_runner(args) as (run, shared_dir):
        counts = dedup(corpus, args.output, args.dropped, settings, memory, run, shared_dir)
    near = f" and {counts.near:,} near-duplicate" if args.near is not None else ""
    print(
        f"{args.output}: {counts.kept_lines:,} of {counts.lines:,} lines in {counts.kept_documents:,} of "
        f"{counts.documents:,} documents stay; {counts.repeated:,} repeated{near} {args.by}s dropped"
    )


def main() -> None:
    run_command("dedup_corpus", parse_args, dedup_corpus)


if __name__ == "__main__":
    main()
