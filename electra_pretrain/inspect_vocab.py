"""Compare vocabularies on text that none of them was learnt from.

    python -m electra_pretrain.inspect_vocab --vocab a/vocab.txt b/spm.model --corpus heldout.txt --html vocabularies.html
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import add_lower_case, command_parser
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus
from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.marks import made_by
from electra_pretrain.core.outputs import Input, OutputFile
from electra_pretrain.plot.chart import check_installed


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("inspect_vocab", __doc__)
    parser.add_argument(
        "--vocab",
        required=True,
        nargs="+",
        action="extend",
        metavar="NAME|FILE",
        help="vocab.txt files, SentencePiece models, shipped names",
    )
    add_corpus(parser, "held-out text: a sentence a line, an empty line between documents")
    parser.add_argument("--html", metavar="FILE", help="also write the table with charts, as a page that stands alone")
    add_overwrite(parser, "--html")
    add_lower_case(parser, "lower-case the text for all of them")
    return parser.parse_args(argv)


def inspect_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.tokenization import comparison
    from electra_pretrain.tokenization.provenance import SUFFIX
    from electra_pretrain.tokenization.tokenizer import find_vocab

    if args.html is not None:
        check_installed()
    read = [Input("--vocab", path + suffix) for path in map(find_vocab, args.vocab) for suffix in ("", SUFFIX)]
    corpus = chosen_corpus(args, [OutputFile("--html", args.html, made_by("inspect_vocab"))], read)
    measured = comparison.measure(args.vocab, args.lower_case, corpus)
    print("\n".join(comparison.table(measured)))
    if args.html is not None:
        page = comparison.page(measured, corpus)
        files.make_parent(args.html)
        files.write_text(args.html, page)
        print(f"\n{args.html}: the same with charts")


def main() -> None:
    run_command("inspect_vocab", parse_args, inspect_vocab)


if __name__ == "__main__":
    main()
