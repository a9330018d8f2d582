"""The lock of a folder in a bucket: an object that only one can make, and that its holder writes again and again.

Nobody tells a bucket that a machine died. So whoever finds the object there waits: written again, it has a living holder; left
as it is for `ABANDONED_SECONDS`, it has none, and is taken over. No clock is compared with another machine's. Every write is on
the condition that the object is still the one that was seen (its generation), so that of two only one succeeds.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from electra_pretrain.core import buckets
from electra_pretrain.core.holder import LOCK_NAME, Holder, parse
from electra_pretrain.core.temporaries import is_alive

RENEWAL_SECONDS = 30.0
# Four renewals that failed: more than a connection's hiccup.
ABANDONED_SECONDS = 120.0
_LOOK_SECONDS = 5.0
_log = logging.getLogger(__name__)


@contextlib.contextmanager
def held(holder: Holder) -> Iterator[None]:
    """Hold the lock of the holder's folder, `gs://…`, within this block.

    Raises:
        UserError: another holds it; no credentials, no permission, no such bucket, no network.
    """
    lock = _Lock(holder)
    lock.acquire()
    done = threading.Event()
    renewal = threading.Thread(target=lock.renew_until, args=(done,), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        done.set()
        renewal.join()
        lock.release()


class _Seen(NamedTuple):
    """The object at a moment; of none the generation is 0, as the service says."""

    generation: int
    content: bytes


class _Lock:
    def __init__(self, holder: Holder) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        self._url, self._holder = holder.folder, holder
        bucket, prefix = buckets.split(self._url)
        self._retry = DEFAULT_RETRY.with_timeout(buckets.FIRST_RETRY_SECONDS)
        self._bucket = buckets.open_client(self._url).bucket(bucket)
        self._name = prefix + LOCK_NAME
        self._generation = 0

    def acquire(self) -> None:
        """Make the object, or take it over from one who died.

        Raises:
            UserError: another holds it.
        """
        while not self._write():
            found = self._look()
            self._generation = found.generation
            if found.generation and not self._died_here(found.content):
                self._wait_while_unchanged(found)

    def _wait_while_unchanged(self, found: _Seen) -> None:
        """Return when the object is gone, or nobody's.

        Raises:
            UserError: its holder lives.
        """
        _log.info("%s: a run has been here; waiting up to %.0f s to see whether it lives", self._url, ABANDONED_SECONDS)
        end = time.monotonic() + ABANDONED_SECONDS
        while time.monotonic() < end:
            time.sleep(min(_LOOK_SECONDS, ABANDONED_SECONDS / 4))
            now = self._look()
            if not now.generation:
                self._generation = 0
                return
            if now.generation != found.generation:
                raise self._holder.refuse(now.content or found.content)

    def _died_here(self, content: bytes) -> bool:
        """Whether the object's holder was a process of this machine that is no more: the run that is begun again."""
        other = parse(content)
        if other is None or other.host != self._holder.host or other.process == self._holder.process:
            return False
        return not is_alive(other.process)

    def renew_until(self, done: threading.Event) -> None:
        """Write the object again and again, until `done`."""
        while not done.wait(RENEWAL_SECONDS):
            try:
                if not self._write():
                    _log.error("%s: another run has taken this folder over, for nothing was heard of this one", self._url)
                    os.kill(os.getpid(), signal.SIGTERM)
                    return
            except Exception as error:  # the network will come back, or the run will miss it itself
                _log.debug("%s: the lock was not renewed (%s)", self._url, error)

    def release(self) -> None:
        """Remove the object, if it is still this run's; a network that is gone leaves it to whoever comes next."""
        with contextlib.suppress(Exception):
            self._bucket.blob(self._name).delete(if_generation_match=self._generation, retry=self._retry)

    def _write(self) -> bool:
        """Write the object if it is as last seen, or this run's all the same: an answer may be lost; return whether it was."""
        from google.api_core.exceptions import PreconditionFailed

        blob = self._bucket.blob(self._name)
        with buckets.explained(self._url):
            try:
                blob.upload_from_string(
                    self._holder.to_bytes(), "application/json", if_generation_match=self._generation, retry=self._retry
                )
            except PreconditionFailed:
                found = self._look()
                if found.content != self._holder.to_bytes():
                    return False
                self._generation = found.generation
                return True
        self._generation = blob.generation
        return True

    def _look(self) -> _Seen:
        """Look at the object as it is now."""
        from google.api_core.exceptions import NotFound

        with buckets.explained(self._url):
            blob = self._bucket.get_blob(self._name, retry=self._retry)
            if blob is None:
                return _Seen(0, b"")
            generation = int(blob.generation)  # which the answer to a download may change
            try:
                return _Seen(generation, bytes(blob.download_as_bytes(retry=self._retry)))
            except NotFound:
                return _Seen(0, b"")
