"""Asked to stop (a preempted machine, Ctrl-C), a run ends its loop and saves; little is lost."""

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_log = logging.getLogger(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT)
# A batch system's word that time is running out: SIGTERM may follow while the run still saves, and must not end it at once.
WARNING = signal.SIGUSR1


class StopRequest:
    """Within this context the first SIGTERM or SIGINT is noted; a second one acts as it would have without.

    SIGUSR1 is noted likewise, however often and in whatever order it comes.

    Attributes:
        signal_name: "SIGTERM", "SIGINT" or "SIGUSR1" once asked to stop, "" before.
    """

    def __init__(self) -> None:
        self.signal_name = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "StopRequest":
        if threading.current_thread() is threading.main_thread():  # Python allows handlers there alone
            self._before = {number: signal.signal(number, self._note) for number in (*SIGNALS, WARNING)}
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._restore(*self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        self.signal_name = self.signal_name or name
        once_more = ""
        if number != WARNING:
            self._restore(*SIGNALS)
            once_more = "; once more to stop at once"
        _log.warning("%s: finishing the loop and saving%s", name, once_more)

    def _restore(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before.pop(number))
