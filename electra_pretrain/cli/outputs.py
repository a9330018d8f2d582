"""What commands share where they write files: `--overwrite`, and what is held against their outputs (see core/outputs.py)."""

import argparse
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.marks import made_by
from electra_pretrain.core.outputs import Input, OutputFile, OutputFolder, check


def add_overwrite(parser: Any, option: str = "--output") -> None:
    """Add `--overwrite`."""
    parser.add_argument(
        "--overwrite", action="store_true", help=f"let {option} take the place of what this command did not make"
    )


def named_file(option: str, name_or_path: str | None) -> Input:
    """Name an input that may be given by the name of one that ships: if there is such a file, it is held against outputs."""
    there = name_or_path and files.exists(name_or_path) and not files.is_dir(name_or_path)
    return Input(option, name_or_path if there else None)


def shared_folder(args: argparse.Namespace, command: str) -> OutputFolder:
    """Name what is made in `--work_dir`: a folder of the command's own."""
    return OutputFolder("--work_dir", None if args.work_dir is None else files.join(args.work_dir, f".{command}-…"))


def check_step_outputs(args: argparse.Namespace, command: str) -> None:
    """Refuse a `--compiled` that could not be written after minutes, or would destroy something.

    Raises:
        UserError: as `core.outputs.check`.
    """
    read = [named_file("--config", args.config), Input("--hparams", args.hparams)]
    check([OutputFile("--compiled", args.compiled, made_by(command))], read, args.overwrite)
