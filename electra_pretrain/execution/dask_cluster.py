"""Beam's runner for Dask: how it spreads tasks, and whether a scheduler answers whose machines are like this one."""

import contextlib
import functools
import hashlib
import importlib.metadata
import logging
import os
import platform
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import electra_pretrain
from electra_pretrain.core.errors import Unavailable, UserError

RUNNER = "DaskRunner"
CLASS = "apache_beam.runners.dask.dask_runner.DaskRunner"
ADDRESS_FLAG = "--beam_args='--dask_client_address=HOST:8786'"
CONNECT_SECONDS = 10
# By the first of these tasks travel; what the others make of a text is in the output's bytes.
_PACKAGES = ("apache-beam", "cloudpickle", "dask", "distributed", "numpy", "tokenizers", "tensorflow-text", "zstandard")
_TEXT_PACKAGES = ("emoji", "kiwipiepy", "kiwipiepy_model", "mwparserfromhell", "pyarrow", "rensa", "sentencepiece")
_log = logging.getLogger(__name__)


def is_meant(runner: str) -> bool:
    """Tell whether `--runner` names it, in whichever of the ways that Beam takes."""
    return runner.lower() in ("dask", RUNNER.lower(), CLASS.lower())


def default_flags(given: Sequence[str]) -> list[str]:
    """Return what is to be added to the user's flags: each task is one of Dask's, and a scheduler that is away is soon missed.

    Beam by itself makes one of 128, so that a single worker would get all files of a corpus.
    """
    names = {flag.partition("=")[0] for flag in given}
    spread = [] if names & {"--dask_npartitions", "--dask_partition_size"} else ["--dask_partition_size=1"]
    wait = [] if "--dask_connection_timeout" in names else [f"--dask_connection_timeout={CONNECT_SECONDS}"]
    return spread + wait


def check(options: Any) -> None:
    """See that the scheduler answers and its machines compute as this one does; say so if no worker is there yet.

    Args:
        options: Beam's `PipelineOptions`.

    Raises:
        UserError: no scheduler is named, or a machine has other versions.
        Unavailable: the scheduler does not answer.
    """
    with _client(options) as client:
        scheduler = client.scheduler.address
        try:
            _compare(f"the scheduler {scheduler}", client.run_on_scheduler(environment))
        except (ImportError, AttributeError) as error:
            _compare(f"the scheduler {scheduler}", error)
        workers = client.run(environment, on_error="return")
        for address, theirs in sorted(workers.items()):
            if not isinstance(theirs, OSError):  # it went away while it was asked
                _compare(f"the worker {address}", theirs)
        if not workers:
            _log.warning("%s: no worker yet; the work begins with the first: dask worker %s", scheduler, scheduler)


@functools.cache  # as it was when a worker loaded the code, whatever is installed later
def environment() -> dict[str, str]:
    """Tell what the bytes depend on beside the input: Python, this package's code, others' versions ("" where missing)."""
    found = {"Python": ".".join(platform.python_version_tuple()[:2]), "electra_pretrain": _code()}
    for package in (*_PACKAGES, *_TEXT_PACKAGES):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = ""
    return found


def is_gone(error: BaseException) -> bool:
    """Tell whether a job failed because the scheduler did not stay up."""
    lost = type(error).__name__ in ("FutureCancelledError", "CancelledError", "CommClosedError")
    return lost or (isinstance(error, OSError) and str(error).startswith("Timed out trying to connect to "))


def reason(error: BaseException) -> str | None:
    """Say why a job failed where Dask's own words say little; None for any other error."""
    if type(error).__name__ == "KilledWorker":
        return "a task ended all worker processes that tried it, maybe out of memory: see their logs"
    return None


def _code() -> str:
    """Tell this package's code from another's: versions do not change with every line."""
    root = Path(electra_pretrain.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return f"{electra_pretrain.__version__}, code {digest.hexdigest()[:8]}"


def _compare(machine: str, theirs: Mapping[str, str] | Exception) -> None:
    if isinstance(theirs, Exception):
        raise UserError(
            f"--runner {RUNNER}: {machine} cannot load electra_pretrain as it is here ({theirs}); install the same there"
        )
    for name, version in environment().items():
        if (other := theirs.get(name, "")) != version:
            raise UserError(
                f"--runner {RUNNER}: {machine} has {name} {other or '(none)'}, this machine {version or '(none)'}; "
                "install the same everywhere, and start it anew"
            )


def _wait_for_file(path: str, seconds: float) -> None:
    """Wait for the file that a scheduler writes when it is up; Dask would do so for ever."""
    end = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise Unavailable(f"{path}: no such file; is the scheduler running (dask scheduler --scheduler-file {path})?")
        time.sleep(0.1)


@contextlib.contextmanager
def _client(options: Any) -> Iterator[Any]:
    """Connect to the scheduler that the options name."""
    import dask
    import distributed
    from apache_beam.runners.dask.dask_runner import DaskOptions

    warnings.filterwarnings("ignore", module="distributed")  # of versions, in a table; `check` says more in less
    flags = options.view_as(DaskOptions).get_all_options(drop_default=True, current_only=True)
    flags = {name: value for name, value in flags.items() if name not in ("npartitions", "partition_size")}
    place = flags.get("address") or flags.get("scheduler_file") or dask.config.get("scheduler-address", None)
    if not place:
        raise UserError(f"--runner {RUNNER}: needs a scheduler (started by: dask scheduler); name it: {ADDRESS_FLAG}")
    if place == flags.get("scheduler_file"):
        _wait_for_file(place, flags.get("timeout", CONNECT_SECONDS))
    try:
        client = distributed.Client(**flags)
    except OSError as error:
        raise Unavailable(f"no Dask scheduler answers at {place} ({error}); is it running, and is its port open?") from error
    except ValueError as error:
        raise UserError(f"--dask_client_address={place}: {error}; write HOST:PORT") from error
    with client:
        yield client
