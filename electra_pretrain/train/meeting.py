"""Workers find each other before TensorFlow connects them: its own wait is silent, without end, and deaf to signals.

Each worker opens its port of `TF_CONFIG` and asks the others at theirs, again and again. One that has reached all the others is
ready; one that finds all ready tells the others to go on. Then each leaves its port to TensorFlow. A worker that ends while it
waits is missed again within seconds; who goes on knows that all the others were ready a moment before. They also tell each
other what they are to train: workers of two experiments would add up their gradients, and no one would notice.
"""

import contextlib
import enum
import json
import logging
import os
import signal
import socket
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from types import TracebackType

from electra_pretrain.core.errors import Stopped, Unavailable, UserError
from electra_pretrain.train.cluster import CLUSTER_VARIABLE, Cluster

SECONDS_TO_COME = 600  # by hand, one machine is started minutes after another
_SECONDS_TO_CONNECT = 120  # all of them are there: it takes seconds
_SILENT_SECONDS, _BETWEEN_LINES = 5.0, 60.0
_BETWEEN_QUESTIONS, _PATIENCE = 0.5, 2.0
_NAME = "electra_pretrain"  # begins every answer, so that no other server is taken for a worker
_ASK, _GO = b"ask\n", b"go\n"
_LONGEST_LINE = 10_000
_log = logging.getLogger(__name__)


class _State(enum.Enum):
    """What is known of another worker, in words for its address."""

    SILENT = "does not answer"
    OTHER = "answers, but is no worker that waits: is it one of an earlier run, to be ended?"
    SEEKING = "is there, but does not reach all the others itself"
    READY = "is there"


def wait_for_all(cluster: Cluster, seconds: float = SECONDS_TO_COME, alike: Mapping[str, str] | None = None) -> None:
    """Return once all workers are there and reach each other; say who is missing after 5 s and every minute.

    Args:
        cluster: the workers.
        seconds: how long to wait.
        alike: what must be the same for all of them: what it is called -> how it is known.

    Raises:
        Unavailable: some did not come; they are named.
        UserError: this worker's port is taken, two workers are called alike, or one is about something else.
        Stopped: SIGTERM.
    """
    if len(cluster.workers) == 1:
        return
    began = said = time.monotonic()
    said -= _BETWEEN_LINES - _SILENT_SECONDS
    with _stopped_by_sigterm(), _Meeting(cluster, alike or {}) as meeting:
        while not meeting.is_over(_BETWEEN_QUESTIONS):
            now = time.monotonic()
            missing = meeting.missing()
            if now > began + seconds:
                raise Unavailable(
                    f"{CLUSTER_VARIABLE}: waited {seconds:g} s for {missing}; start the same command on every machine, and see "
                    "that each reaches the others at these addresses (or wait longer: --worker_timeout)"
                )
            if now > said + _BETWEEN_LINES:
                said = now
                _log.warning("waiting for %s; %.0f s more", missing, began + seconds - now)
    _log.info(
        "all %d workers are there, and TensorFlow connects them; if it cannot, this ends after %d s, with exit code 142",
        len(cluster.workers),
        _SECONDS_TO_CONNECT,
    )


class _Meeting:
    """This worker's open port, and what it hears from the others'; use as a context manager, which closes the port."""

    def __init__(self, cluster: Cluster, alike: Mapping[str, str]) -> None:
        self._cluster, self._alike = cluster, dict(alike)
        self._states = {number: _State.SILENT for number in range(len(cluster.workers)) if number != cluster.number}
        self._refusals: list[str] = []
        self._told_to_go, self._closed = threading.Event(), threading.Event()
        self._server = _Server(int(cluster.workers[cluster.number].rpartition(":")[2]), self)

    def __enter__(self) -> "_Meeting":
        threading.Thread(target=self._server.serve_forever, args=[0.1], daemon=True).start()
        for number in self._states:
            threading.Thread(target=self._keep_asking, args=[number], daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def is_over(self, seconds: float) -> bool:
        """Wait a little; return whether all are ready, having told the others so.

        Raises:
            UserError: two workers are called alike, or one is about something else.
        """
        self._told_to_go.wait(seconds)
        if self._refusals:
            time.sleep(_PATIENCE)  # until the other has asked, too
            raise UserError(self._refusals[0])
        if not self._told_to_go.is_set() and any(state is not _State.READY for state in self._states.values()):
            return False
        for number in self._states:
            with contextlib.suppress(OSError), self._connected(number) as connection:  # perhaps it has gone on before
                connection.sendall(_GO)
        return True

    def missing(self) -> str:
        """Name the workers that are not ready."""
        workers = self._cluster.workers
        missing = [f"{workers[number]} ({state.value})" for number, state in self._states.items() if state is not _State.READY]
        return ", ".join(missing) or "word of the others"

    def answer(self, question: bytes) -> bytes:
        """Take what another worker says, and return what it is told."""
        if question == _GO:
            self._told_to_go.set()
        ready = not {_State.SILENT, _State.OTHER} & set(self._states.values())
        state = _State.READY if ready else _State.SEEKING
        return f"{_NAME} {self._cluster.number} {state.name} {json.dumps(self._alike)}\n".encode()

    def _keep_asking(self, number: int) -> None:
        while not self._closed.wait(_BETWEEN_QUESTIONS):
            self._states[number] = self._ask(number)

    def _ask(self, number: int) -> _State:
        try:
            with self._connected(number) as connection:
                connection.sendall(_ASK)
                answer = self._heard(connection)
        except (OSError, UnicodeError):  # there can be no host of such a name
            return _State.SILENT
        match answer.split(maxsplit=3):
            case [name, index, state, alike] if name == _NAME.encode() and state.decode() in _State.__members__:
                self._refusals += self._compared(number, int(index), json.loads(alike))
                return _State[state.decode()]
        return _State.OTHER

    def _compared(self, number: int, index: int, alike: dict[str, str]) -> Iterator[str]:
        """Yield what another worker says that cannot be."""
        worker = self._cluster.workers[number]
        if index != number:
            yield (
                f"{CLUSTER_VARIABLE}: {worker} should be worker {number}, and says that it is worker {index}; "
                "give each machine its own task.index"
            )
        if others := [name for name in self._alike | alike if self._alike.get(name) != alike.get(name)]:
            yield (
                f"{CLUSTER_VARIABLE}: worker {number}, {worker}, has another {', '.join(others)} than this one; run the same "
                "command on every machine, with the same files and packages"
            )

    def _heard(self, connection: socket.socket) -> bytes:
        """Return a line; nothing from a server of another kind, which waits for more, or hangs up."""
        with contextlib.suppress(OSError), connection.makefile("rb") as lines:
            return lines.readline(_LONGEST_LINE)
        return b""

    def _connected(self, number: int) -> socket.socket:
        host, _, port = self._cluster.workers[number].rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE)


class _Server(socketserver.ThreadingTCPServer):
    """A port of this machine, at which a meeting answers."""

    daemon_threads = True

    def __init__(self, port: int, meeting: _Meeting) -> None:
        super().__init__(("", port), _Visit, bind_and_activate=False)
        self.socket.close()
        self.socket = _listen(port)
        self.meeting = meeting

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: who asked has gone, and will ask again."""


class _Visit(socketserver.StreamRequestHandler):
    timeout = _PATIENCE

    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        self.wfile.write(self.server.meeting.answer(self.rfile.readline(100)))


def _listen(port: int) -> socket.socket:
    """Open a port at all of this machine's addresses, as TensorFlow does after it."""
    try:
        with contextlib.suppress(OSError, ValueError):  # it has no IPv6
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UserError(
            f"{CLUSTER_VARIABLE}: this worker cannot open port {port} ({reason}); end the process that has it, give each "
            "machine its own task.index, or name another port on every machine"
        ) from error


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Take SIGTERM for a wish to stop: nothing has been begun that would have to be ended first."""

    def stop(number: int, frame: object) -> None:
        raise Stopped("stopped while it waited for the other workers; run the same command again")

    if threading.current_thread() is not threading.main_thread():  # where no handler can be set
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Let the system end this process if TensorFlow does not connect the workers: meanwhile no Python runs, no handler either.

    So it is if one of them ends just after the meeting. SIGALRM ends the process after two minutes, Ctrl-C at once.
    """
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.alarm(_SECONDS_TO_CONNECT)
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in before.items():  # TensorFlow takes SIGTERM, for itself
            signal.signal(number, handler)
