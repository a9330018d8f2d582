"""The hosts of a TPU that a run steers over the network: their addresses, and whether they answer. Without TensorFlow."""

import socket
import time
from collections.abc import Sequence

from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import FEW, Unavailable, first_of
from electra_pretrain.tpu import local

LOCAL = "local"
GUIDE = "'Slices of several hosts' in docs/tpu.md"
SECONDS_TO_START = 120.0  # a host's server imports TensorFlow first
_SCHEME, _PORT = "grpc://", "8470"
_BETWEEN_TRIES = 2.0


def is_remote(tpu: str | None) -> bool:
    """Return whether servers on the TPU's hosts hold its chips, not this process."""
    return tpu is not None and tpu != LOCAL


def prepare(tpu: str | None) -> None:
    """Prepare the environment for TensorFlow, which is to be imported after this: so before any gs:// path is looked at.

    It finds this machine's chips, by PJRT those that need that; or leaves them to the host's server, or to another process.
    """
    if tpu == LOCAL:
        local.prepare()
        tensorflow_startup.take_tpu()
    else:
        tensorflow_startup.leave_tpu()


def addresses(tpu: str | None) -> list[str]:
    """Return HOST:PORT of each host of "grpc://HOST:PORT,grpc://…"; none where `tpu` is a name, or no remote TPU."""
    if tpu is None or not tpu.startswith(_SCHEME):
        return []
    hosts = [host.removeprefix(_SCHEME) for host in tpu.split(",")]
    return [host if ":" in host else f"{host}:{_PORT}" for host in hosts]


def wait_for(hosts: Sequence[str], seconds: float = SECONDS_TO_START) -> None:
    """Return once each host takes a connection: TensorFlow itself would wait for a silent one without end.

    Args:
        hosts: HOST:PORT of each.
        seconds: how long to try.

    Raises:
        Unavailable: some do not; they are named.
    """
    end = time.monotonic() + seconds
    silent = [host for host in hosts if not _answers(host)]
    while silent and time.monotonic() < end:
        time.sleep(_BETWEEN_TRIES)
        silent = [host for host in silent if not _answers(host)]
    if silent:
        named = first_of(silent, FEW)
        raise Unavailable(
            f"--tpu: no answer from {named} ({len(silent)} of the TPU's {len(hosts)} hosts) in {seconds:.0f} s; "
            f"on each host start_grpc_tpu_worker must run; see {GUIDE}"
        )


def _answers(host: str) -> bool:
    """Return whether HOST:PORT takes a connection."""
    name, _, port = host.rpartition(":")
    try:
        socket.create_connection((name, int(port)), timeout=2).close()
        return True
    except (OSError, ValueError):
        return False
