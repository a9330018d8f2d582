"""The whole road in a few minutes on a laptop: vocabulary, records, a tiny pretraining, export, and a look at the result.

    python -m electra_pretrain.quickstart --output quickstart-output

Every step is one of the package's commands, run in a process of its own, and printed before it runs. Killed and run again,
it goes on.
"""  # fmt: skip

import argparse
import logging
import shlex
import sys
import time

from electra_pretrain.cli.arguments import add_device, command_parser, verbosity_flags
from electra_pretrain.cli.config_arguments import add_config
from electra_pretrain.cli.corpus_arguments import add_corpus, chosen_corpus, reading_flags
from electra_pretrain.cli.outputs import named_file
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, shipped, tensorflow_startup
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.outputs import Output, OutputFolder, check
from electra_pretrain.core.progress import duration
from electra_pretrain.execution.child import run_shown

_log = logging.getLogger(__name__)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("quickstart", __doc__)
    parser.add_argument(
        "--output", default="quickstart-output", metavar="DIR", help="folder for all that is made (default %(default)s)"
    )
    add_config(parser, default="tiny.json")
    add_device(parser)
    add_corpus(parser, "text, as train_vocab takes it (default: the sample corpus that ships with the package)", required=False)
    return parser.parse_args(argv)


def quickstart(args: argparse.Namespace) -> None:
    began = time.monotonic()
    config = load_config(args.config, args.set)
    outputs: list[Output] = [OutputFolder("--output", args.output)]
    inputs = [named_file("--config", args.config)]
    if args.corpus:
        chosen_corpus(args, outputs, inputs)
    else:
        check(outputs, inputs)
    corpus = ("--corpus", *(args.corpus or [shipped.SAMPLE_CORPUS]), *reading_flags(args))
    vocab, data, run, exported = (files.join(args.output, name) for name in ("vocab.txt", "data", "run", "exported"))
    if not files.exists(vocab):
        _run_step("train_vocab", *corpus, "--output", vocab, *vocab_options(config.data.vocab_size))
    length = ("--max_seq_length", str(config.data.max_seq_length))
    _run_step("build_data", *corpus, "--vocab", vocab, "--output", data, *length, "--heldout_fraction", "0.05")
    overrides = [word for override in args.set for word in ("--set", override)]
    device = () if args.device == "auto" else ("--device", args.device)
    _run_step("run_pretraining", "--config", args.config, "--data", data, "--model_dir", run, *overrides, *device)
    _run_step("export_hf", "--model_dir", run, "--output", exported)
    networks = " and ".join(f"{name}/" for name in files.list_dir(exported) if files.is_dir(files.join(exported, name)))
    print(f"{exported}: {networks}, for transformers' from_pretrained", flush=True)
    if config.objective.has_discriminator:
        _show_detection(config, vocab, run, exported)
    print(f"\nquickstart: done in {duration(time.monotonic() - began)}; next: your own corpus, see the README")


def _show_detection(config: Config, vocab: str, run: str, exported: str) -> None:
    """Print what the discriminator makes of swapped words."""
    tensorflow_startup.start_tensorflow()
    from electra_pretrain.checkpoint.bundle import read
    from electra_pretrain.checkpoint.listing import find
    from electra_pretrain.convert.demonstration import detection_report
    from electra_pretrain.tokenization.tokenizer import load_tokenizer

    weights = read(find(run))
    tokenizer = load_tokenizer(vocab, config.data.do_lower_case)
    for line in detection_report(weights, config, tokenizer, files.join(exported, "discriminator")):
        print(line)


def vocab_options(vocab_size: int) -> list[str]:
    """Return options of train_vocab that fit a small vocabulary."""
    unused = min(100, vocab_size // 10)
    # A character may take two places: at a word's start, and within a word.
    alphabet = min(6000, (vocab_size - unused) // 2 - len(SPECIAL_TOKENS))
    return ["--vocab_size", str(vocab_size), "--unused", str(unused), "--limit_alphabet", str(alphabet)]


def _run_step(name: str, *arguments: str) -> None:
    """Print a command as a user would type it, and run it; end as it does where it fails."""
    words = [*arguments, *verbosity_flags()]
    print(f"\n$ {shlex.join(['python', '-m', f'electra_pretrain.{name}', *words])}", flush=True)
    if code := run_shown(f"electra_pretrain.{name}", words):
        _log.error("%s ended with code %d, see above; mend what it names, and run quickstart again: it goes on", name, code)
        sys.exit(code)


def main() -> None:
    run_command("quickstart", parse_args, quickstart)


if __name__ == "__main__":
    main()
