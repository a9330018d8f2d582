"""The arguments of commands that read a config: `--config`, `--hparams`, `--set`, and which of its phases."""

import argparse
import logging

from electra_pretrain.cli.outputs import add_overwrite
from electra_pretrain.config.hparams import load_hparams
from electra_pretrain.config.load import left_out, load_config
from electra_pretrain.config.schema import Config, Phase
from electra_pretrain.core.errors import UserError

_log = logging.getLogger(__name__)


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
