"""Files in buckets, `gs://`, through TensorFlow: what `core/files.py` asks of a file system.

TensorFlow is imported with the first such path.
"""

from collections.abc import Sequence
from multiprocessing.pool import ThreadPool
from typing import Any, BinaryIO, cast

from electra_pretrain.core import tensorflow_startup

_REQUESTS_AT_ONCE = 32


def exists(path: str) -> bool:
    return bool(_gfile().exists(path))


def is_dir(path: str) -> bool:
    return bool(_gfile().isdir(path))


def size(path: str) -> int:
    return int(_gfile().stat(path).length)


def sizes(paths: Sequence[str]) -> list[int | None]:
    """Return the size of each file, None where there is none, of many at once."""
    _gfile()  # whose import threads had better not meet in
    with ThreadPool(min(len(paths), _REQUESTS_AT_ONCE)) as pool:
        return pool.map(_size_or_none, paths, chunksize=1)


def _size_or_none(path: str) -> int | None:
    import tensorflow as tf

    try:
        return size(path)
    except tf.errors.NotFoundError:
        return None


def list_dir(path: str) -> list[str]:
    return list(_gfile().listdir(path))


def glob(pattern: str) -> list[str]:
    return list(_gfile().glob(pattern))


def walk(folder: str) -> list[str]:
    return [f"{parent.rstrip('/')}/{name}" for parent, _, names in _gfile().walk(folder.rstrip("/")) for name in names]


def open_raw(path: str, mode: str) -> BinaryIO:
    return cast(BinaryIO, _gfile().GFile(path, mode))


def make_dirs(path: str) -> None:
    _gfile().makedirs(path)


def remove(path: str) -> None:
    if is_dir(path):
        _gfile().rmtree(path)
    elif exists(path):
        _gfile().remove(path)


def replace(source: str, target: str) -> None:
    _gfile().rename(source, target, overwrite=True)


def _gfile() -> Any:
    tensorflow_startup.import_tensorflow()
    import tensorflow as tf

    return tf.io.gfile
