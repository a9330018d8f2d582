"""Our scores beside the published ones, as a Markdown table in the published columns.

    python -m electra_pretrain.compare scores/base_v3 scores/nsmc-0 --published --output table.md

Without results it shows what is published. See docs/evaluation.md.
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.marks import made_by, of_markdown
from electra_pretrain.core.outputs import Input, OutputFile, check


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("compare", __doc__)
    parser.add_argument(
        "results", nargs="*", metavar="RESULTS", help="outputs of finetune, folders of them, or outputs of evaluate_checkpoints"
    )
    parser.add_argument("--published", action="store_true", help="with the scores that others published, and their sources")
    parser.add_argument("--all_steps", action="store_true", help="every checkpoint of an evaluation (default: its last)")
    parser.add_argument("--output", metavar="FILE", help="write the tables here too")
    add_overwrite(parser)
    return parser.parse_args(argv)


def compare(args: argparse.Namespace) -> str:
    """Return the tables, and write them where `--output` says.

    Raises:
        UserError: no results are named, or they cannot be read.
    """
    from electra_pretrain.evaluation import comparison

    if not args.results and not args.published:
        raise UserError("name results to compare, or --published to see the published ones alone")
    read = [Input("RESULTS", path) for path in args.results]
    check([OutputFile("--output", args.output, made_by("compare"))], read, args.overwrite)
    text = comparison.compare(comparison.load(args.results, args.all_steps), args.published)
    if args.output is not None:
        files.make_parent(args.output)
        files.write_text(args.output, of_markdown("compare") + text)
    return text


def main() -> None:
    run_command("compare", parse_args, lambda args: print(compare(args), end=""))


if __name__ == "__main__":
    main()
