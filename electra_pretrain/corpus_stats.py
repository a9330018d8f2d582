"""Tell what a corpus is before anything is made of it: sizes, lengths, scripts, repetitions, encodings, the worst lines.

    python -m electra_pretrain.corpus_stats --corpus 'raw/*.txt' --html corpus.html

Bytes that cannot be decoded do not end it: they are told of, with the encoding that each file seems to be in.
"""  # fmt: skip

import argparse
import json
import logging

from electra_pretrain.cli.arguments import add_num_processes, command_parser
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.marks import made_by
from electra_pretrain.core.outputs import OutputFile
from electra_pretrain.plot.chart import check_installed
from electra_pretrain.plot.corpus_page import CorpusFacts, corpus_page

_log = logging.getLogger(__name__)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("corpus_stats", __doc__)
    add_corpus(parser)
    parser.add_argument("--num_lines", type=int, default=5, help="lines to show of each kind (default %(default)s)")
    add_num_processes(parser)
    parser.add_argument("--html", metavar="FILE", help="write a page too, with charts, that stands alone")
    add_overwrite(parser, "--html")
    parser.add_argument("--json", action="store_true", help="print one JSON object with all numbers instead of text")
    return parser.parse_args(argv)


def corpus_stats(args: argparse.Namespace) -> None:
    """Print, and with --html draw, what the corpus is.

    Raises:
        UserError: an argument will not do, a file is damaged or not of its format, or there is no text.
    """
    from electra_pretrain.corpus.stats import pipeline, report, words
    from electra_pretrain.execution.processes import worker_pool

    if args.html is not None:
        check_installed()
    corpus = chosen_corpus(args, [OutputFile("--html", args.html, made_by("corpus_stats"))])
    with worker_pool(args.num_processes) as run:
        numbers = report.report(pipeline.corpus_stats(corpus, args.num_lines, run))
    facts = words.facts(", ".join(args.corpus), numbers)
    print(json.dumps(numbers, ensure_ascii=False) if args.json else _text(facts))
    if args.html is not None:
        files.make_parent(args.html)
        files.write_text(args.html, corpus_page(facts))
        _log.info("%s: written", args.html)


def _text(facts: CorpusFacts) -> str:
    """Write every section as columns; the last is as wide as it likes."""
    parts = []
    for section in facts.sections:
        rows = [section.head, *section.rows] if section.head else section.rows
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        parts.append("\n".join(filter(None, [section.title, *lines, section.note])))
    return "\n\n".join(parts)


def main() -> None:
    run_command("corpus_stats", parse_args, corpus_stats)


if __name__ == "__main__":
    main()
