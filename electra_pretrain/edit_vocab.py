"""Change a WordPiece vocabulary without learning: add another one's tokens, give [unusedN] places to terms.

    python -m electra_pretrain.edit_vocab --vocab vocab.txt --put_terms terms.txt --output with_terms/vocab.txt

No token that stays changes its id.
"""  # fmt: skip

import argparse
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from electra_pretrain.cli.arguments import add_lower_case, command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError

if TYPE_CHECKING:
    from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("edit_vocab", __doc__)
    parser.add_argument("--vocab", required=True, metavar="NAME|FILE", help="the vocab.txt to start from")
    parser.add_argument("--output", required=True, metavar="FILE", help="vocab.txt to write; what made it goes to FILE.json")
    add_edits(parser)
    add_lower_case(parser, "text is lower-cased")
    parser.add_argument(
        "--tokenizer_json", metavar="FILE", help="also write tokenizer.json, which transformers reads in a model's folder"
    )
    args = parser.parse_args(argv)
    args.command = shlex.join(["python", "-m", "electra_pretrain.edit_vocab", *(sys.argv[1:] if argv is None else argv)])
    return args


def add_edits(parser: argparse.ArgumentParser) -> None:
    """The changes, which train_vocab makes too."""
    parser.add_argument("--extend", metavar="VOCAB", help="append the tokens of this vocab.txt that are missing, in its order")
    parser.add_argument(
        "--put_terms", metavar="FILE", help="terms, one a line, that take the places of [unusedN], lowest id first"
    )


def edit_vocab(args: argparse.Namespace) -> None:
    from electra_pretrain.tokenization import provenance, shipped
    from electra_pretrain.tokenization.tokenizer import load_tokenizer
    from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer

    path = shipped.find_vocab(args.vocab)
    if not (args.extend or args.put_terms):
        raise UserError("nothing to change: give --extend VOCAB, --put_terms FILE or both")
    if path == args.output or files.is_dir(args.output):
        raise UserError(f"--output {args.output}: must be a file, and another one than --vocab")
    lower_case = args.lower_case if args.lower_case is not None else bool(provenance.saved_lower_case(path))
    tokenizer = load_tokenizer(path, lower_case)
    if not isinstance(tokenizer, WordPieceTokenizer):
        raise UserError(f"{path}: is a SentencePiece model; only a WordPiece vocab.txt takes tokens that have no score")
    changed, edits = edited(tokenizer, args.extend, args.put_terms)
    record = {
        "type": changed.type,
        "tokens": changed.vocab_size,
        "do_lower_case": lower_case,
        "strip_accents": False,
        "unicode_normalization": "NFC",
        "command": args.command,
        "edits": edits,
        "made_from": {"path": path, "sha256": tokenizer.sha256, "tokens": tokenizer.vocab_size},
        "made_by": provenance.read(path),
    }
    files.make_dirs(os.path.dirname(args.output) or ".")
    if args.tokenizer_json:
        files.make_dirs(os.path.dirname(args.tokenizer_json) or ".")
        files.write_text(args.tokenizer_json, changed.to_json())
    provenance.save(args.output, changed.file_content, record)
    print(f"{args.output}: {changed.vocab_size:,} tokens")


def edited(
    tokenizer: "WordPieceTokenizer", extend: str | None, put_terms: str | None
) -> tuple["WordPieceTokenizer", list[dict[str, Any]]]:
    """The changed vocabulary, and what was done to it; prints what a reader should know of it.

    Raises:
        UserError: the other vocabulary or the terms will not do.
    """
    from electra_pretrain.tokenization import edit, shipped
    from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer, read_vocab

    edits: list[dict[str, Any]] = []
    if extend:
        other = shipped.find_vocab(extend)
        added, left_out = edit.extension(tokenizer, read_vocab(other))
        about = {"path": other, "sha256": files.sha256(other), "first_id": tokenizer.vocab_size, "added": len(added)}
        edits.append({"extended_by": {**about, "left_out": left_out}})
        print(f"{other}: {len(added):,} tokens added, from id {tokenizer.vocab_size:,}")
        if left_out:
            shown = ", ".join(left_out[:5])
            print(f"note: {len(left_out):,} left out, as no text would ever be cut into them here: {shown}"
                  f"{', …' if len(left_out) > 5 else ''}")  # fmt: skip
        tokenizer = WordPieceTokenizer([*tokenizer.tokens, *added], tokenizer.do_lower_case)
    if put_terms:
        tokens = edit.with_terms(tokenizer, put_terms)
        ids = {new: index for index, (old, new) in enumerate(zip(tokenizer.tokens, tokens, strict=True)) if old != new}
        edits.append({"terms_put": {"path": put_terms, "sha256": files.sha256(put_terms), "ids": ids}})
        unused = sum(edit.UNUSED.fullmatch(token) is not None for token in tokens)
        print(f"{put_terms}: {len(ids):,} terms put, ids {min(ids.values()):,} to {max(ids.values()):,}; "
              f"{unused:,} [unusedN] left")  # fmt: skip
        tokenizer = WordPieceTokenizer(tokens, tokenizer.do_lower_case)
    return tokenizer, edits


def main() -> None:
    run_command("edit_vocab", parse_args, edit_vocab)


if __name__ == "__main__":
    main()
