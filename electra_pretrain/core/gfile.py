"""Files in buckets, `gs://`, through TensorFlow: what `core/files.py` asks of a file system.

TensorFlow is imported with the first such path. Where the network fails, it tries again, in silence, for minutes (some, where a
connection is refused; half an hour, where nothing answers): so the way there is looked at first, and long silence is explained.
"""

import functools
import logging
import socket
import threading
import urllib.request
from collections.abc import Callable, Sequence
from multiprocessing.pool import ThreadPool
from typing import Any, BinaryIO, TypeVar, cast

from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import Unavailable

T = TypeVar("T")
_REQUESTS_AT_ONCE = 32
_HOST = "www.googleapis.com"  # whom TensorFlow asks about buckets
_CONNECT_SECONDS = 10
SILENT_SECONDS = 20.0
_log = logging.getLogger(__name__)


def exists(path: str) -> bool:
    return bool(_asked(path, lambda gfile: gfile.exists(path)))


def is_dir(path: str) -> bool:
    return bool(_asked(path, lambda gfile: gfile.isdir(path)))


def size(path: str) -> int:
    return int(_asked(path, lambda gfile: gfile.stat(path).length))


def sizes(paths: Sequence[str]) -> list[int | None]:
    """Return the size of each file, None where there is none, of many at once."""
    tensorflow_startup.import_tensorflow()  # threads had better not meet in it
    with ThreadPool(min(len(paths), _REQUESTS_AT_ONCE)) as pool:
        return pool.map(_size_or_none, paths, chunksize=1)


def _size_or_none(path: str) -> int | None:
    import tensorflow as tf

    try:
        return size(path)
    except tf.errors.NotFoundError:
        return None


def list_dir(path: str) -> list[str]:
    return list(_asked(path, lambda gfile: gfile.listdir(path)))


def glob(pattern: str) -> list[str]:
    return list(_asked(pattern, lambda gfile: gfile.glob(pattern)))


def walk(folder: str) -> list[str]:
    found = _asked(folder, lambda gfile: list(gfile.walk(folder.rstrip("/"))))
    return [f"{parent.rstrip('/')}/{name}" for parent, _, names in found for name in names]


def open_raw(path: str, mode: str) -> BinaryIO:
    return cast(BinaryIO, _asked(path, lambda gfile: gfile.GFile(path, mode)))


def make_dirs(path: str) -> None:
    _asked(path, lambda gfile: gfile.makedirs(path))


def remove(path: str) -> None:
    if is_dir(path):
        _asked(path, lambda gfile: gfile.rmtree(path))
    elif exists(path):
        _asked(path, lambda gfile: gfile.remove(path))


def replace(source: str, target: str) -> None:
    _asked(target, lambda gfile: gfile.rename(source, target, overwrite=True))


def _asked(path: str, ask: Callable[[Any], T]) -> T:
    """Have TensorFlow asked about a path, and say so when it is long silent.

    Raises:
        Unavailable: Google's storage cannot be reached.
    """
    if path.startswith("gs://"):
        try:
            _connect()
        except OSError as error:
            reason = f"{_HOST}: {error.strerror or error}"
            raise Unavailable(
                f"{path}: Google Cloud Storage cannot be reached ({reason}); check the network, then run the same command again"
            ) from error
    tensorflow_startup.import_tensorflow()
    import tensorflow as tf

    words = "%s: no answer for %.0f s; if the network fails, TensorFlow tries for some minutes before it gives up"
    timer = threading.Timer(SILENT_SECONDS, _log.warning, (words, path, SILENT_SECONDS))
    timer.daemon = True
    timer.start()
    try:
        return ask(tf.io.gfile)
    finally:
        timer.cancel()


@functools.cache
def _connect() -> None:
    """Connect to Google's storage, once a process; where a proxy stands between, that is its affair.

    Raises:
        OSError: it cannot be reached.
    """
    if "https" not in urllib.request.getproxies():
        socket.create_connection((_HOST, 443), _CONNECT_SECONDS).close()
