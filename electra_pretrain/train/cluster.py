"""What TensorFlow's variable `TF_CONFIG` says of a run on several machines: who its workers are, and which of them this is."""

import dataclasses
import os
import re
from typing import Annotated, NamedTuple

from electra_pretrain.core import json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Check, Count

CLUSTER_VARIABLE = "TF_CONFIG"


def _is_address(text: str) -> bool:
    return re.fullmatch(r"\S+:\d{1,5}", text) is not None and 0 < int(text.rpartition(":")[2]) < 2**16


class _Workers(NamedTuple):
    worker: list[Annotated[str, Check(_is_address, "must be HOST:PORT")]]


@dataclasses.dataclass(frozen=True)
class _Task:
    type: Annotated[str, Check(lambda kind: kind == "worker", "must be worker")]
    index: Count


class _Job(NamedTuple):
    cluster: _Workers
    task: _Task


class Cluster(NamedTuple):
    """The workers of a run.

    Attributes:
        workers: HOST:PORT of each.
        number: which of them this process is.
    """

    workers: list[str]
    number: int


def find_cluster() -> Cluster | None:
    """Read `TF_CONFIG`; None if it is not set.

    Raises:
        UserError: it is not as it must be.
    """
    text = os.environ.get(CLUSTER_VARIABLE)
    if not text:
        return None
    try:
        place = typed.Place(CLUSTER_VARIABLE)
        job = typed.read_known(_Job, json_files.parse(text, CLUSTER_VARIABLE), place)
        workers, index = job.cluster.worker, job.task.index
        if index >= len(workers):
            raise UserError(f"{place}: task.index = {index}: must be below {len(workers)}, the workers")
        if len(set(workers)) < len(workers):
            raise UserError(f"{place}: cluster.worker = {', '.join(workers)}: each must have an address of its own")
    except UserError as error:
        form = '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": N}}'
        raise UserError(f"{error}; it must read {form}") from error
    return Cluster(workers, index)


def count_cluster() -> int:
    """Count the workers that `TF_CONFIG` names; without it, this process alone.

    Raises:
        UserError: it is not as it must be.
    """
    cluster = find_cluster()
    return 1 if cluster is None else len(cluster.workers)
