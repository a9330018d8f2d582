"""Leave out of a corpus the lines or documents that occurred before, or nearly so: the first stays, the order is kept.

    python -m electra_pretrain.dedup_corpus --corpus 'corpus/*.txt' --output deduplicated --by line

How it works, what it costs: docs/deduplication.md.
"""  # fmt: skip

import argparse
import math

from electra_pretrain.cli.run import add_runner_arguments, check_runner_arguments, chosen_runner, run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.reader import Corpus


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dedup_corpus", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--corpus",
        required=True,
        metavar="GLOB[,GLOB…]",
        help="text files (.txt, .jsonl; also .gz, .xz, .zst): a sentence a line, an empty line between documents",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the text that stays and corpus.json")
    parser.add_argument("--by", required=True, choices=("line", "document"), help="what is compared and dropped")
    parser.add_argument(
        "--near",
        type=float,
        metavar="SHARE",
        help="drop also what shares so much of its runs of five characters with an earlier one (for example 0.8)",
    )
    parser.add_argument("--dropped", metavar="FILE", help="keep what was dropped, with the reason, a JSON object a line")
    parser.add_argument(
        "--memory_gb",
        type=float,
        default=4.0,
        help="memory of all processes together; with --runner of each worker process (default %(default)s)",
    )
    parser.add_argument(
        "--num_processes",
        type=int,
        default=2,
        help="worker processes; the output does not depend on it (default %(default)s)",
    )
    add_runner_arguments(parser)
    parser.add_argument("--text_field", default="text", help="where .jsonl objects hold their text (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the signatures behind --near (default %(default)s)")
    return parser.parse_args(argv)


def dedup_corpus(args: argparse.Namespace) -> None:
    from electra_pretrain.corpus.dedup.memory import Memory
    from electra_pretrain.corpus.dedup.pipeline import dedup
    from electra_pretrain.corpus.dedup.tasks import DedupSettings

    _check(args)
    corpus = Corpus(files.expand_globs(args.corpus), args.text_field)
    settings = DedupSettings(args.by, args.near, args.seed, args.dropped is not None)
    memory = Memory(int(args.memory_gb * 1e9), args.num_processes if args.runner is None else None)
    with chosen_runner(args) as (run, shared_dir):
        counts = dedup(corpus, args.output, args.dropped, settings, memory, run, shared_dir)
    near = f" and {counts.near:,} near-duplicate" if args.near is not None else ""
    print(
        f"{args.output}: {counts.kept_lines:,} of {counts.lines:,} lines in {counts.kept_documents:,} of "
        f"{counts.documents:,} documents stay; {counts.repeated:,} repeated{near} {args.by}s dropped"
    )


def _check(args: argparse.Namespace) -> None:
    check_runner_arguments(args)
    if args.near is not None and not 0.1 <= args.near <= 1:
        raise UserError(f"--near {args.near}: must lie in 0.1..1")
    if not math.isfinite(args.memory_gb):
        raise UserError(f"--memory_gb {args.memory_gb}: must be a number of gigabytes")
    if args.num_processes < 1:
        raise UserError(f"--num_processes {args.num_processes}: must be at least 1")
    if not 0 <= args.seed < 2**32:
        raise UserError(f"--seed {args.seed}: must lie in 0..4294967295")


def main() -> None:
    run_command("dedup_corpus", lambda: dedup_corpus(parse_args()))


if __name__ == "__main__":
    main()
