"""Checkpoints written while the training goes on."""

import contextlib
from collections.abc import Mapping
from types import TracebackType

import tensorflow as tf

from electra_pretrain.checkpoint import bundle as checkpoint
from electra_pretrain.config.schema import TrainingConfig
from electra_pretrain.core.errors import UserError
from electra_pretrain.execution.background import Task


class Saver:
    """Writes one checkpoint at a time; use as a context manager, which waits for the last.

    Args:
        folder: the run's folder.
        training: which checkpoints are kept.
        writes: False in a worker for which another one writes.
    """

    def __init__(self, folder: str, training: TrainingConfig, writes: bool) -> None:
        self._folder, self._training, self._writes = folder, training, writes
        self._writing: Task[str] | None = None

    def __enter__(self) -> "Saver":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        elif issubclass(kind, Exception):
            # What ended the run is not to be hidden behind a checkpoint that cannot be written.
            with contextlib.suppress(UserError):
                self.finish()

    def start(self, step: int, variables: Mapping[str, tf.Variable]) -> None:
        """Copy the variables and begin to write them.

        Raises:
            UserError: the checkpoint before could not be written.
        """
        self.finish()
        if not self._writes:
            return
        values = checkpoint.to_host(variables)
        keep, keep_every = self._training.keep_checkpoint_max, self._training.keep_every_steps
        self._writing = Task(lambda: checkpoint.save(self._folder, step, values, keep, keep_every))

    def finish(self) -> None:
        """Wait until what was begun is written.

        Raises:
            UserError: it could not be.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()
