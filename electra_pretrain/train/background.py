"""Work beside the main thread: the device trains while metrics are written, a checkpoint is written while the device trains."""

import contextlib
import functools
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Generic, ParamSpec, TypeVar

import tensorflow as tf

from electra_pretrain.checkpoint import bundle
from electra_pretrain.checkpoint.variables import to_host
from electra_pretrain.config.training import TrainingConfig
from electra_pretrain.core.errors import UserError

P = ParamSpec("P")
T = TypeVar("T")


class Background(Generic[T]):
    """A call that runs at once in a thread of its own.

    The thread does not keep the process alive: whoever is interrupted while they wait can leave.
    """

    def __init__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> None:
        self._error: BaseException | None = None
        # Kept by the thread alone, which lets go of it at its end: it may hold all of a model.
        self._thread = threading.Thread(target=self._run, args=[functools.partial(call, *args, **kwargs)], daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], T]) -> None:
        try:
            self._value = call()
        except BaseException as error:  # raised again where the result is asked for
            self._error = error

    def result(self) -> T:
        """Wait for the call; return what it returned, or raise what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


class Saver:
    """Writes one checkpoint at a time; use as a context manager, which waits for the last.

    Args:
        folder: the run's folder.
        training: which checkpoints stay.
        writes: False in a worker for which another one writes.
    """

    def __init__(self, folder: str, training: TrainingConfig, writes: bool) -> None:
        self._folder, self._training, self._writes = folder, training, writes
        self._writing: Background[str] | None = None

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
        values, training = to_host(variables), self._training
        self._writing = Background(
            bundle.save, self._folder, step, values, training.keep_checkpoint_max, training.keep_every_steps
        )

    def finish(self) -> None:
        """Wait until what was begun is written.

        Raises:
            UserError: it could not be.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            writing.result()
