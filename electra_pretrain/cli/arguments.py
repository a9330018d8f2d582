"""Arguments that several commands take, with the checks that go with them."""

import argparse
import contextlib
import itertools
import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, get_args

from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.cli.parser import Parser
from electra_pretrain.config.hparams import load_hparams
from electra_pretrain.config.load import left_out, load_config
from electra_pretrain.config.schema import Config, Phase
from electra_pretrain.core import messages
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
from electra_pretrain.execution.processes import Runner

CORPUS_HELP = (
    "text (.txt: a sentence a line, an empty line between documents; .jsonl, .json, .csv, .tsv, .parquet; also .gz, .xz, .zst, "
    ".bz2; in .zip or .tar archives, cut into parts or not), also gs://… and hf://datasets/OWNER/NAME/…; a folder stands "
    "for the files in it. Several names: as several words, or joined by commas in one; a word that is the name of a file as it "
    "stands is that file"
)
_READING = ("text_field", "layout", "members", "thread_field", "form", "on_bad_file")  # what `add_corpus` adds to `--corpus`
_log = logging.getLogger(__name__)


def command_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Make a command's parser, which shows its module's docstring and takes `--quiet` and `--verbose`."""
    parser = Parser(prog=name, description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    level = parser.add_mutually_exclusive_group()
    level.add_argument(
        "--quiet", action="store_true", help="tell warnings and errors only, no progress; results are printed all the same"
    )
    level.add_argument(
        "--verbose", action="store_true", help="tell what runs, how long it took, and what TensorFlow says itself"
    )
    return parser


def verbosity(args: argparse.Namespace) -> int:
    """Return the level of `core.messages` that the arguments ask for."""
    if args.quiet:
        return messages.QUIET
    return messages.VERBOSE if args.verbose else messages.NORMAL


def verbosity_flags() -> list[str]:
    """Return the flags that make another command, run in a process of its own, as quiet as this one."""
    _, level = messages.speaker()
    return {messages.QUIET: ["--quiet"], messages.VERBOSE: ["--verbose"]}.get(level, [])


def command_line(name: str, argv: Sequence[str] | None) -> str:
    """Return a command as it was typed, to be recorded; `argv` as its `parse_args` takes it, None for the process's own."""
    return shlex.join(["python", "-m", f"electra_pretrain.{name}", *(sys.argv[1:] if argv is None else argv)])


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


def add_seed(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--seed", type=int, default=0, help=f"{help} (default %(default)s)")


def add_num_processes(
    parser: argparse.ArgumentParser, help: str = "worker processes; the output does not depend on it"
) -> None:
    parser.add_argument("--num_processes", type=int, default=2, help=f"{help} (default %(default)s)")


def add_lower_case(parser: Any, help: str = "lower-case the text") -> None:
    """Add `--lower_case` and `--no-lower_case`; of neither, None, for `tokenization.provenance.resolve_lower_case`."""
    parser.add_argument(
        "--lower_case",
        action=argparse.BooleanOptionalAction,
        default=None,
        help=f"{help} (default: as the vocabulary was learnt; cased if that is unknown)",
    )


def add_edits(parser: argparse.ArgumentParser) -> None:
    """Add `--extend` and `--put_terms`: changes to a WordPiece vocabulary."""
    parser.add_argument("--extend", metavar="VOCAB", help="append the tokens of this vocab.txt that are missing, in its order")
    parser.add_argument(
        "--put_terms", metavar="FILE", help="terms, one a line, that take the places of [unusedN], lowest id first"
    )


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add `--step` and `--average`."""
    parser.add_argument("--step", type=int, help="which checkpoint (default: the newest)")
    parser.add_argument(
        "--average",
        type=int,
        default=1,
        metavar="N",
        help="mean of the weights of the last N checkpoints up to that one (default %(default)s: it alone)",
    )


def add_step_check(parser: argparse.ArgumentParser) -> None:
    """Add what the commands take that compile a step without its device: `--phase`, `--json` and `--compiled`."""
    parser.add_argument(
        "--phase", type=int, metavar="N", help="check phase N of the config, from 1 (default: what follows them)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.add_argument("--compiled", metavar="FILE", help="write the compiled program here, to see what each operation costs")
    add_overwrite(parser, "--compiled")


def chosen_phase(args: argparse.Namespace) -> Phase:
    """Load the config and return the phase that `--phase` names, or its last.

    Raises:
        UserError: the config cannot be used, or has no such phase.
    """
    phases = chosen_config(args).all_phases()
    if args.phase is not None and args.phase > len(phases):
        raise UserError(f"--phase {args.phase}: the config has {len(phases)} (the last: what follows its phases)")
    return phases[-1 if args.phase is None else args.phase - 1]


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add `--device`."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "gpu"),
        default="auto",
        help="cpu: compute on the CPU on purpose; gpu: on GPUs or not at all; auto: on GPUs if the machine has any "
        "(default %(default)s)",
    )


def check_device(args: argparse.Namespace) -> None:
    """Refuse `--device` beside `--tpu`.

    Raises:
        UserError: both were given.
    """
    if args.device != "auto" and args.tpu:
        raise UserError(f"--device {args.device}: is not for a TPU; leave it out, or --tpu {args.tpu}")


def add_overrides(parser: argparse.ArgumentParser, form: str = "section.field=value", of: str = "the config") -> None:
    """Add `--set`."""
    parser.add_argument("--set", action="append", default=[], metavar=form, help=f"change a field of {of}; may be repeated")


def add_config(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """Add `--config` and `--set`; where there is no default, one of `--config` and `--hparams` must be given."""
    given = parser.add_mutually_exclusive_group(required=default is None)
    given.add_argument(
        "--config",
        default=default,
        metavar="NAME|FILE",
        help="a config that ships with the package, or a path" + (" (default %(default)s)" if default else ""),
    )
    if default is None:
        given.add_argument(
            "--hparams",
            metavar="FILE",
            help="a hyperparameter file of the released ELECTRA code instead, flat JSON, as KoELECTRA published",
        )
    add_overrides(parser)


def chosen_config(args: argparse.Namespace) -> Config:
    """Load the config that the arguments name; of a hyperparameter file, tell what became of each key.

    Raises:
        UserError: there is no such config, or a rule is broken.
    """
    if args.hparams is None:
        config = load_config(args.config, args.set)
        if defaults := left_out(args.config, args.set):
            _log.info("%s leaves out, so these hold: %s", args.config, ", ".join(defaults))
        return config
    config, lines = load_hparams(args.hparams, args.set)
    for line in lines:
        _log.info("%s: %s", args.hparams, line)
    return config


def add_runner(parser: argparse.ArgumentParser) -> None:
    """Add `--runner`, `--beam_args` and `--work_dir`: the work on a cluster instead of this machine's processes."""
    group = parser.add_argument_group("on a cluster, through Apache Beam (see docs/cluster.md)")
    group.add_argument(
        "--runner",
        metavar="NAME",
        help="DaskRunner, DataflowRunner, FlinkRunner, SparkRunner, PortableRunner, DirectRunner; --num_processes is not used",
    )
    group.add_argument("--beam_args", metavar="FLAGS", help="the runner's own flags, in one string after an =")
    group.add_argument(
        "--work_dir",
        metavar="DIR",
        help="folder for unfinished work, gs:// or mounted, that all machines see (default: the output's)",
    )


def check_runner(args: argparse.Namespace) -> None:
    """Refuse what goes with `--runner` only.

    Raises:
        UserError: it was given without.
    """
    if args.runner is None and (args.beam_args is not None or args.work_dir is not None):
        raise UserError("--beam_args and --work_dir: are for --runner; this machine's processes need neither")


@contextlib.contextmanager
def chosen_runner(args: argparse.Namespace) -> Iterator[tuple[Runner, str | None]]:
    """Open what maps over tasks, processes or a cluster, and name the folder that all its machines see (None: this machine).

    Raises:
        UserError: Apache Beam is asked for and not installed.
    """
    from electra_pretrain.execution.beam import beam_runner
    from electra_pretrain.execution.processes import worker_pool

    shared_dir = None if args.runner is None else args.work_dir or args.output
    opened = (
        worker_pool(args.num_processes) if shared_dir is None else beam_runner(args.runner, args.beam_args or "", shared_dir)
    )
    with opened as run:
        yield run, shared_dir
