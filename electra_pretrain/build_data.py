"""Turn a corpus into shuffled TFRecord shards and a manifest.

    python -m electra_pretrain.build_data --corpus 'corpus/*.txt' --vocab vocab.txt --output data --max_seq_length 512
"""  # fmt: skip

import argparse

from electra_pretrain.cli.arguments import add_lower_case, add_num_processes, add_seed, command_parser
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus
from electra_pretrain.cli.outputs import shared_folder
from electra_pretrain.cli.run import run_command
from electra_pretrain.cli.runner_arguments import add_runner, check_runner, chosen_runner
from electra_pretrain.config.data import SHORT_DOCUMENTS
from electra_pretrain.core import locks
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import heed
from electra_pretrain.core.outputs import Input, OutputFolder
from electra_pretrain.core.together import filled_by


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("build_data", __doc__)
    add_corpus(parser)
    parser.add_argument(
        "--vocab",
        required=True,
        metavar="NAME|FILE",
        help="vocab.txt, or a SentencePiece model; or the name of one that ships with the package",
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for shards, vocabulary and manifest.json")
    parser.add_argument(
        "--max_seq_length", type=int, default=512, help="tokens of a row, special ones counted (default %(default)s)"
    )
    add_num_processes(parser)
    parser.add_argument(
        "--heldout_fraction",
        type=float,
        default=0.01,
        help="share of the documents kept for evaluation, in every pass; equal documents go the same way (default %(default)s)",
    )
    parser.add_argument(
        "--dupe_factor",
        type=int,
        default=1,
        metavar="N",
        help="passes over the corpus, each with other lengths and segments (default %(default)s)",
    )
    parser.add_argument(
        "--short_example_prob",
        type=float,
        default=0.05,
        metavar="P",
        help="how likely an example aims at a random shorter length (default %(default)s)",
    )
    parser.add_argument(
        "--single_segment_prob",
        type=float,
        default=0.1,
        metavar="P",
        help="how likely an example is one segment instead of two (default %(default)s)",
    )
    parser.add_argument(
        "--short_documents",
        choices=SHORT_DOCUMENTS,
        default=SHORT_DOCUMENTS[0],
        help="apart: a row holds text of one document; joined: a row goes on with the next document's sentences; packed: a row "
        "holds several documents, each attending to itself alone (default %(default)s)",
    )
    add_lower_case(parser, "lower-case the text")
    add_runner(parser)
    add_seed(parser, "of lengths, segments and order")
    return parser.parse_args(argv)


def build_data(args: argparse.Namespace) -> None:
    from electra_pretrain.records.blocks import BuildSettings
    from electra_pretrain.records.build import COMMAND, OWN_NAMES, build
    from electra_pretrain.records.ruin import check_records
    from electra_pretrain.tokenization.provenance import resolve_lower_case
    from electra_pretrain.tokenization.tokenizer import find_vocab

    check_runner(args)
    _check_holds_no_weights(args.output)
    vocab = find_vocab(args.vocab)
    lower_case = resolve_lower_case(args.lower_case, vocab)
    outputs = [OutputFolder("--output", args.output, OWN_NAMES), shared_folder(args, COMMAND)]
    corpus = chosen_corpus(args, outputs, [Input("--vocab", vocab)])
    settings = BuildSettings(**{name: getattr(args, name) for name in BuildSettings._fields})
    with locks.held(args.output, "build_data", OWN_NAMES), chosen_runner(args) as (run, shared_dir):
        manifest = build(corpus, vocab, lower_case, args.output, settings, run, shared_dir)
    counts = manifest.counts
    several = f"{manifest.examples_a_row:.1f} documents a row; " if manifest.short_documents == "packed" else ""
    print(
        f"{args.output}: {manifest.train_examples:,} training and {manifest.heldout_examples:,} held-out rows "
        f"in {len(manifest.train_shards) + len(manifest.heldout_shards)} shards; {counts.tokens:,} tokens, "
        f"[UNK] {manifest.unk_rate:.3%}; {manifest.overflow_rate:.2%} of the tokens carried over instead of lost; "
        f"{several}padding {manifest.padding:.1%} of the places"
    )
    heed(check_records(args.output, manifest))


def _check_holds_no_weights(output: str) -> None:
    """Refuse the folder of a run, an import or an export, where records would lie among what is read as a whole later."""
    from electra_pretrain.checkpoint.vocabulary import is_run_or_import

    if is_run_or_import(output) or filled_by(output):
        raise UserError(f"--output {output}: is the folder of a run, an import or an export; choose another")


def main() -> None:
    run_command("build_data", parse_args, build_data)


if __name__ == "__main__":
    main()
