"""Progress of long work: a bar on a terminal, a line a minute in a log; done, rate, time left."""

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

from electra_pretrain.core import messages

LOG_INTERVAL_SECONDS = 60.0
T = TypeVar("T")
_log = logging.getLogger(__name__)
_BAR = "{desc}: {percentage:3.0f}%|{bar:10}| {n:.4g}/{total:.4g} {unit} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


class Progress:
    """Counts towards a total and shows it; use as a context manager.

    Args:
        description: what is being done.
        total: how much there is to do, if known.
        unit: what is counted, for example "MB".
        initial: how much was done before (by an earlier run).
    """

    def __init__(self, description: str, total: float | None, unit: str, initial: float = 0) -> None:
        self._description, self._total, self._unit = description, total, unit
        self._initial = self._done = self._rate_from = initial
        self._note = ""
        self._lock = threading.Lock()
        self._started = self._last_line = time.monotonic()
        self._bar = self._open_bar() if _is_terminal() and not messages.is_quiet() else None

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
        elif kind is None and (self._done > self._initial or not self._total):
            self._print_line()

    def update(self, amount: float, note: str = "") -> None:
        """Add to what is done, from any thread; `note` is shown behind it."""
        with self._lock:
            # A sum of many fractions may be rounded past the total, of which tqdm would warn.
            self._done = min(self._done + amount, self._total or math.inf)
            self._note = note
            if self._bar is not None:
                self._bar.set_postfix_str(note, refresh=False)
                self._bar.n = self._done
                self._bar.update(0)
            elif time.monotonic() - self._last_line >= LOG_INTERVAL_SECONDS:
                self._print_line()

    def leave_out(self, amount: float, note: str, ended: float) -> None:
        """Add to what is done what shall not count for the rate, as it took long for reasons of its own.

        Args:
            amount: as in `update`.
            note: likewise.
            ended: when it was done, by `time.monotonic`.
        """
        with self._lock:
            self._done = self._rate_from = self._done + amount
            self._note, self._started = note, ended
            if self._bar is not None:
                self._bar.set_postfix_str(note, refresh=False)
                self._bar.reset()
                self._bar.n = self._bar.initial = self._done
                self._bar.refresh()

    def following(self, items: Iterable[T], position: Callable[[], float]) -> Iterator[T]:
        """Pass items through while showing how far `position()` has come."""
        for item in items:
            if (amount := position() - self._done) > 0:
                self.update(amount)
            yield item

    def counting(self, items: Iterable[T]) -> Iterator[T]:
        """Pass items through and count them."""
        for item in items:
            self.update(1)
            yield item

    def _open_bar(self) -> Any:
        try:
            from tqdm import tqdm
        except ImportError:  # a TPU machine may have TensorFlow alone; it then gets the log's lines
            return None
        return tqdm(
            total=self._total, initial=self._initial, unit=self._unit, desc=self._description, dynamic_ncols=True,
            bar_format=_BAR if self._total else None,
        )  # fmt: skip

    def _print_line(self) -> None:
        self._last_line = time.monotonic()
        rate = (self._done - self._rate_from) / max(self._last_line - self._started, 1e-9)
        text = f"{self._description}: {self._done:.6g}" + (f" of {self._total:.6g}" if self._total else "") + f" {self._unit}"
        if rate > 0:
            text += f", {rate:.3g} {self._unit}/s"
        if self._total and rate > 0:
            text += f", {duration(max(0.0, self._total - self._done) / rate)} left"
        _log.info(text + (f"; {self._note}" if self._note else ""))


def _is_terminal() -> bool:
    """Tell whether there is a terminal with room for a bar; some containers have one of size 0."""
    return sys.stderr.isatty() and min(os.get_terminal_size(sys.stderr.fileno())) > 0


def duration(seconds: float) -> str:
    """Write seconds as a person reads them: "45 s", "12 min", "3.5 h", "2.1 days"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 172800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days" if seconds != float("inf") else "unknown time"
