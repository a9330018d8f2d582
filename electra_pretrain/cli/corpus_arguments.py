"""The arguments of commands that read a corpus: which text, and how it is read."""

import argparse
import itertools
from collections.abc import Sequence
from typing import Any, get_args

from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import Input, Output, check_can_be_made
from electra_pretrain.core.outputs import check as check_outputs
from electra_pretrain.core.volumes import volumes_of
from electra_pretrain.corpus.contents import archive_kind
from electra_pretrain.corpus.damage import OnBadFile
from electra_pretrain.corpus.finding import find
from electra_pretrain.corpus.layouts.layout import Form
from electra_pretrain.corpus.layouts.registry import AUTO, LAYOUTS
from electra_pretrain.corpus.patterns import would_find
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.corpus.same_files import is_among

CORPUS_HELP = (
    "text (.txt: a sentence a line, an empty line between documents; .jsonl, .json, .csv, .tsv, .parquet; also .gz, .xz, .zst, "
    ".bz2; in .zip or .tar archives, cut into parts or not), also gs://… and hf://datasets/OWNER/NAME/…; a folder stands "
    "for the files in it. Several names: as several words, or joined by commas in one; a word that is the name of a file as it "
    "stands is that file"
)
_READING = ("text_field", "layout", "members", "thread_field", "form", "on_bad_file")  # what `add_corpus` adds to `--corpus`


def add_corpus(parser: argparse.ArgumentParser, help: str = CORPUS_HELP, required: bool = True) -> None:
    """Add `--corpus`, and how it is read."""
    parser.add_argument("--corpus", required=required, nargs="+", action="extend", metavar="GLOB", help=help)
    group = parser.add_argument_group("how the corpus is read (see docs/corpora.md)")
    group.add_argument(
        "--text_field",
        "--column",
        default="text",
        metavar="NAME",
        help="where a record holds its text: the key of a JSON object, or a path such as document[].paragraph[].form; "
        "the column of a table (default %(default)s)",
    )
    group.add_argument(
        "--layout",
        choices=(AUTO, *LAYOUTS),
        default=AUTO,
        metavar="NAME",
        help=f"how text is laid out in the files: {', '.join(LAYOUTS)}; auto: told by name and content (default %(default)s)",
    )
    group.add_argument(
        "--members",
        metavar="GLOB[,GLOB…]",
        help="which files of an archive are meant (default: all that hold text)",
    )
    group.add_argument("--thread_field", metavar="NAME", help="where a comment names its thread, with --layout comments")
    group.add_argument(
        "--form",
        choices=get_args(Form),
        default="form",
        help="which text of an utterance, with --layout modu (default %(default)s)",
    )
    group.add_argument(
        "--on_bad_file",
        choices=get_args(OnBadFile),
        default="error",
        help="where a file or a record is broken: end, or leave it out and say so (default %(default)s)",
    )


def chosen_corpus(
    args: argparse.Namespace,
    outputs: Sequence[Output] = (),
    inputs: Sequence[Input] = (),
    encoding: str = "utf-8",
    on_bad_bytes: str = "error",
) -> Corpus:
    """Open the corpus that the arguments name.

    Args:
        args: the command's; `add_corpus` and, where files are written, `add_overwrite` made them.
        outputs: what the command will write; held against the corpus, too.
        inputs: what else it reads.
        encoding: of the corpus.
        on_bad_bytes: what becomes of bytes that are not of the encoding.

    Raises:
        UserError: a glob matches no file, something in how it is read will not do, or an output would destroy something.
    """
    told = _told(args)
    reading = Reading(encoding=encoding, on_bad_bytes=on_bad_bytes, **told)
    check_can_be_made(outputs)  # before anything is looked for, which may take long
    paths, folders = find(args.corpus, args.layout)
    if args.members and not any(map(archive_kind, paths)):
        raise UserError(f"--members {args.members}: is for archives, and there is none in the corpus; leave it out")
    stored = itertools.chain.from_iterable(map(volumes_of, paths))
    read = [Input("--corpus", path) for path in (*folders, *stored)]
    check_outputs(outputs, [*read, *inputs], getattr(args, "overwrite", False))
    for output in outputs:
        if output.path is not None and (pattern := would_find(args.corpus, output.path)):
            raise UserError(
                f"{output.option} {output.path}: is among what --corpus {pattern} finds the next time; choose another place"
            )
    for each in inputs:
        if each.path is not None and is_among(each.path, paths):
            raise UserError(f"{each.option} {each.path}: is a file of --corpus, too; name the text alone")
    return Corpus(paths, reading)


def reading_flags(args: argparse.Namespace) -> list[str]:
    """Return the flags that make another command read a corpus as these arguments say."""
    return [f"--{name}={given}" for name, given in _told(args).items() if given != Reading._field_defaults[name]]


def _told(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the arguments say of how a corpus is read."""
    return {name: given for name in _READING if (given := getattr(args, name)) is not None}
