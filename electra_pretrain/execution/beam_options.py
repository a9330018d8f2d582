"""What Apache Beam is told: the runner, its flags, and to speak as this package does."""

import contextlib
import io
import logging
import shlex
from typing import Any

from electra_pretrain.core import messages, optional
from electra_pretrain.core.errors import UserError
from electra_pretrain.execution import dask_cluster

RUNNERS = (dask_cluster.RUNNER, "DataflowRunner", "FlinkRunner", "SparkRunner", "PortableRunner", "DirectRunner")


def pipeline_options(runner: str, beam_args: str) -> Any:
    """Return Beam's `PipelineOptions` for a runner and its flags.

    Args:
        runner: one of `RUNNERS`, another of Beam's, or the whole name of a class.
        beam_args: the flags, as on a command line.

    Raises:
        UserError: Beam or what the runner needs is not installed, there is no such runner, or a flag is wrong.
    """
    # Without a handler there, Beam's first word would give the root logger one of its own.
    logging.getLogger().addHandler(logging.NullHandler())
    if dask_cluster.is_meant(runner):
        optional.load("distributed", f"--runner {runner}", extra="dask", package="Dask")
    beam = optional.load("apache_beam.options.pipeline_options", f"--runner {runner}", extra="beam", package="Apache Beam")
    flags = _split(beam_args)
    if dask_cluster.is_meant(runner):
        flags = [*dask_cluster.default_flags(flags), *flags]
        runner = dask_cluster.CLASS
    _check_runner(runner)
    _speak_as_this_package()
    options = beam.PipelineOptions([f"--runner={runner}", "--default_sdk_harness_log_level=WARNING", *flags])
    _check_flags(options)
    _check_pipeline(options)
    return options


def _split(beam_args: str) -> list[str]:
    try:
        return shlex.split(beam_args)
    except ValueError as error:
        raise UserError(f"--beam_args={beam_args}: cannot be split into flags ({error})") from error


def _check_runner(runner: str) -> None:
    from apache_beam.runners.runner import create_runner

    try:
        create_runner(runner)
    except ImportError as error:
        raise UserError(f"--runner {runner}: cannot be loaded ({error})") from error
    except (ValueError, AttributeError) as error:
        raise UserError(f"--runner {runner}: there is none of that name; choose one of {', '.join(RUNNERS)}") from error


def _check_flags(options: Any) -> None:
    """Have all flags parsed: Beam prints its whole usage, of hundreds of lines, at the first value that is wrong."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            options.get_all_options(retain_unknown_options=True)
    except SystemExit as error:
        mistake = said.getvalue().strip().rpartition("error: ")[2]
        raise UserError(f"--beam_args: {mistake}") from error


def _check_pipeline(options: Any) -> None:
    """Have Beam see whether flags that the runner needs are missing; its words are a heading and a line for each."""
    from apache_beam import Pipeline

    try:
        Pipeline(options=options)
    except ValueError as error:
        raise UserError(f"--beam_args: {' '.join(str(error).splitlines()[1:]) or error}") from error


def _speak_as_this_package() -> None:
    """Let Beam's warnings, and of Dask what is graver, be this command's lines; with --verbose, what else they say."""
    for name, level in (("apache_beam", logging.WARNING), ("distributed", logging.CRITICAL)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = list(logging.getLogger(messages.ROOT).handlers), False
        logger.setLevel(logging.INFO if messages.is_verbose() else level)
