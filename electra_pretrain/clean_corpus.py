"""Clean a corpus by a recipe: text in any layout in; text out, a sentence a line, an empty line between documents.

    python -m electra_pretrain.clean_corpus --corpus 'raw/*.jsonl.gz' --output clean --recipe default --dropped dropped.jsonl

The output is part-00000.txt.zst and so on, in the input's order, and corpus.json, which tells what was done. Stopped? Run the
same command again: what was finished is kept. Recipes that ship with the package: default, kcelectra, koelectra_v1
(which is koelectra_v2's too), koelectra_v3, lmkor.
"""  # fmt: skip

import argparse
import logging
from typing import TYPE_CHECKING, Any

from electra_pretrain.cli.arguments import add_num_processes, command_parser
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus
from electra_pretrain.cli.outputs import add_overwrite, named_file, shared_folder
from electra_pretrain.cli.run import run_command
from electra_pretrain.cli.runner_arguments import add_runner, check_runner, chosen_runner
from electra_pretrain.core import locks
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.marks import json_lines
from electra_pretrain.core.outputs import Output, OutputFile, OutputFolder
from electra_pretrain.corpus.cleaning.sentences import SPLITTERS

if TYPE_CHECKING:
    from electra_pretrain.corpus.cleaning.recipe import Recipe

_log = logging.getLogger(__name__)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("clean_corpus", __doc__)
    add_corpus(parser)
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for the parts and corpus.json")
    parser.add_argument(
        "--recipe",
        default="default",
        metavar="NAME|FILE",
        help="a recipe that ships with the package, or a path (default %(default)s)",
    )
    parser.add_argument(
        "--dropped", metavar="FILE", help="keep what is dropped, with its reason, as JSON lines (.gz, .xz, .zst compress it)"
    )
    parser.add_argument(
        "--sentences",
        choices=SPLITTERS,
        help="lines: a line is a sentence; kiwi: split lines that are paragraphs (default: as the recipe says; else lines)",
    )
    parser.add_argument(
        "--domain",
        metavar="NAME",
        help="what kind of text it is, as the recipe names it, such as news; without, rules for one kind alone are not applied",
    )
    parser.add_argument("--encoding", default="utf-8", help="of the input, for example cp949 (default %(default)s)")
    parser.add_argument(
        "--on_bad_bytes",
        choices=("error", "skip", "replace"),
        default="error",
        help="where bytes are not of the encoding: end, leave the line out, or put U+FFFD (default %(default)s)",
    )
    add_overwrite(parser, "--dropped")
    add_num_processes(parser)
    add_runner(parser)
    return parser.parse_args(argv)


def clean_corpus(args: argparse.Namespace) -> None:
    from electra_pretrain.corpus.cleaning.pipeline import COMMAND, OWN_NAMES, clean
    from electra_pretrain.corpus.cleaning.recipe import load_recipe

    check_runner(args)
    recipe = load_recipe(args.recipe)
    outputs: list[Output] = [
        OutputFolder("--output", args.output, OWN_NAMES),
        OutputFile("--dropped", args.dropped, json_lines("reason", "file")),
        shared_folder(args, COMMAND),
    ]
    corpus = chosen_corpus(args, outputs, [named_file("--recipe", args.recipe)], args.encoding, args.on_bad_bytes)
    output = args.output.rstrip("/")
    _tell(args, recipe)
    sentences = args.sentences or recipe.sentences or "lines"
    with locks.held(args.output, "clean_corpus", OWN_NAMES), chosen_runner(args) as (run, shared_dir):
        step = clean(corpus, recipe, output, sentences, args.dropped, run, shared_dir, args.domain)
    print(_table(step["counts"]))
    if not step["counts"]["lines_kept"]:
        raise UserError(f"{output}: nothing is left; every line was dropped, the table says by which rule")
    print(f"{output}: clean text by the recipe {recipe.name}; what was done is told in {output}/corpus.json")
    if args.dropped:
        print(f"{args.dropped}: what was dropped, with its reason")
    if recipe.drop_duplicates:
        print(
            f"next, the recipe drops duplicates: python -m electra_pretrain.dedup_corpus --corpus '{output}/*.txt.zst' "
            f"--output {output}-unique --by {recipe.drop_duplicates}"
        )


def _tell(args: argparse.Namespace, recipe: "Recipe") -> None:
    """Say what the recipe decides where no option does."""
    if args.sentences is None and recipe.sentences == "kiwi":
        _log.info("the recipe %s splits lines into sentences by Kiwi; --sentences lines leaves them whole", recipe.name)
    if args.domain is None:
        for domain in recipe.domains:
            names = ", ".join(rule["rule"] for rule in recipe.rules if domain in rule.get("domains", []))
            _log.info("not applied, for they are for %s alone: %s; for such text say --domain %s", domain, names, domain)


def _table(counts: dict[str, Any]) -> str:
    rows = [("rule", "lines changed", "lines dropped")]
    rows += [(rule["rule"], f"{rule['changed']:,}", f"{rule['dropped']:,}") for rule in counts["rules"]]
    text = "\n".join(f"{name:<20}{changed:>15}{dropped:>15}" for name, changed, dropped in rows)
    for unit in ("documents", "lines", "characters"):
        found, kept = counts[unit], counts[f"{unit}_kept"]
        text += f"\n{unit}: {kept:,} of {found:,} kept ({kept / max(found, 1):.2%})"
    if counts["damaged_lines"]:
        text += f"\nlines or records with undecodable bytes: {counts['damaged_lines']:,}"
    if counts["left_out"]:
        text += f"\nbroken files and records, left out and named above: {counts['left_out']:,}"
    return text


def main() -> None:
    run_command("clean_corpus", parse_args, clean_corpus)


if __name__ == "__main__":
    main()
