"""Change a vocabulary without learning: add another one's tokens, give [unusedN] places to terms, or put pieces in order.

    python -m electra_pretrain.edit_vocab --vocab vocab.txt --put_terms terms.txt --output with_terms/vocab.txt
    python -m electra_pretrain.edit_vocab --vocab kobert/tokenizer.model --order kobert/vocab.txt --output kobert/spm.model

No token that stays changes its id; but for --order, by which a SentencePiece model gets the ids of a file beside it.
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import add_edits, add_lower_case, command_line, command_parser
from electra_pretrain.cli.outputs import add_overwrite, named_file
from electra_pretrain.cli.run import run_command
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import Input, check


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("edit_vocab", __doc__)
    parser.add_argument("--vocab", required=True, metavar="NAME|FILE", help="the vocab.txt to start from")
    parser.add_argument("--output", required=True, metavar="FILE", help="vocab.txt to write; what made it goes to FILE.json")
    add_edits(parser)
    parser.add_argument(
        "--order", metavar="FILE", help="vocab.txt whose order says which ids the pieces of a SentencePiece model have (KoBERT)"
    )
    parser.add_argument("--keep_accents", action="store_true", help="with --order: KoBERT's tokeniser takes accents off text")
    add_lower_case(parser, "text is lower-cased")
    parser.add_argument(
        "--tokenizer_json", metavar="FILE", help="also write tokenizer.json, which transformers reads in a model's folder"
    )
    add_overwrite(parser, "--output and --tokenizer_json")
    args = parser.parse_args(argv)
    args.command = command_line("edit_vocab", argv)
    return args


def edit_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.tokenization.edit import Edits, edit_vocabulary
    from electra_pretrain.tokenization.own_files import outputs
    from electra_pretrain.tokenization.provenance import SUFFIX, resolve_lower_case
    from electra_pretrain.tokenization.tokenizer import find_vocab

    path = find_vocab(args.vocab)
    if args.order:
        _reorder(args, path)
        return
    if args.keep_accents:
        raise UserError("--keep_accents: goes with --order")
    if not (args.extend or args.put_terms):
        raise UserError("nothing to change: give --extend VOCAB, --put_terms FILE or both")
    read = [Input("--vocab", path), Input("--vocab", path + SUFFIX), Input("--put_terms", args.put_terms)]
    written = outputs(args.output, "edit_vocab", args.tokenizer_json)
    check(written, [*read, named_file("--extend", args.extend)], args.overwrite)
    lower_case = resolve_lower_case(args.lower_case, path)
    edits = Edits(args.extend, args.put_terms)
    edited = edit_vocabulary(path, args.output, lower_case, edits, args.command, args.tokenizer_json)
    print(f"{args.output}: {edited.vocab_size:,} tokens")


def _reorder(args: argparse.Namespace, path: str) -> None:
    from electra_pretrain.tokenization.own_files import outputs
    from electra_pretrain.tokenization.reorder import reorder

    if args.extend or args.put_terms or args.tokenizer_json or args.lower_case:
        raise UserError("--order: changes nothing but the ids; leave out --extend, --put_terms, --lower_case, --tokenizer_json")
    check(outputs(args.output, "edit_vocab"), [Input("--vocab", path), Input("--order", args.order)], args.overwrite)
    made = reorder(path, args.order, args.output, args.keep_accents, args.command)
    print(f"{args.output}: {made.vocab_size:,} tokens")


def main() -> None:
    run_command("edit_vocab", parse_args, edit_vocab)


if __name__ == "__main__":
    main()
