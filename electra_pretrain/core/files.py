"""Files, local or `gs://` alike: open, glob, checksum, and writes that appear whole or not at all.

Remote paths go through TensorFlow's file system, imported only when such a path is met.
"""

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress

DESCRIPTION_NAMES = ("/corpus.json",)  # lies beside text and is none, though a glob may match it


def is_remote(path: str) -> bool:
    return "://" in path


def join(folder: str, *names: str) -> str:
    return "/".join([folder.rstrip("/"), *names]) if is_remote(folder) else os.path.join(folder, *names)


def exists(path: str) -> bool:
    return bool(_gfile().exists(path)) if is_remote(path) else os.path.exists(path)


def is_dir(path: str) -> bool:
    return bool(_gfile().isdir(path)) if is_remote(path) else os.path.isdir(path)


def size(path: str) -> int:
    """Return the file's size in bytes."""
    return int(_gfile().stat(path).length) if is_remote(path) else os.path.getsize(path)


def list_dir(path: str) -> list[str]:
    """List the names in a folder, sorted, without trailing slashes."""
    names = _gfile().listdir(path) if is_remote(path) else os.listdir(path)
    return sorted(name.rstrip("/") for name in names)


def make_dirs(path: str) -> None:
    """Create a folder and its parents.

    Raises:
        UserError: the folder cannot be created or written to.
    """
    if is_remote(path):
        _gfile().makedirs(path)
        return
    if os.path.isfile(path):
        raise UserError(f"{path}: is a file where a folder is needed; choose another output path")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot create this folder ({error.strerror}); choose another output path") from error
    if not os.access(path, os.W_OK):
        raise UserError(f"{path}: this folder is not writable; choose another output path or change its permissions")


def remove(path: str) -> None:
    """Remove a file or a whole folder; nothing happens if it is absent."""
    if is_remote(path):
        if _gfile().isdir(path):
            _gfile().rmtree(path)
        elif _gfile().exists(path):
            _gfile().remove(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def replace(source: str, target: str) -> None:
    """Move a file into place, over what is there."""
    if is_remote(target):
        _gfile().rename(source, target, overwrite=True)
    else:
        os.replace(source, target)


def temporary_name(path: str) -> str:
    """Name the file beside `path` that is written until it is whole; each process and machine has another."""
    return f"{path}.tmp-{os.getpid()}-{socket.gethostname()}"


def remove_temporaries(folder: str, names: str = ".*") -> None:
    """Remove what a killed process left half-written in a folder (call it where no other process writes).

    Args:
        folder: where to look.
        names: regular expression of the files that were to be; another's stay.
    """
    for name in list_dir(folder):
        if re.fullmatch(rf"(?:{names})\.tmp-\d+.*", name):
            remove(join(folder, name))


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Give a temporary name to write to; move it to `path` if the block succeeds, remove it if it fails."""
    temporary = temporary_name(path)
    try:
        yield temporary
        replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # for instance, the disk is full
            error.filename = path
        with contextlib.suppress(Exception):
            remove(temporary)
        raise


def write_bytes(path: str, content: bytes) -> None:
    """Write a whole file atomically.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with atomic_path(path) as temporary, open_raw(temporary, "wb") as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextlib.contextmanager
def removed_if_empty(folder: str) -> Iterator[None]:
    """Leave no empty folder behind when the block fails; finished work stays, for the next try."""
    try:
        yield
    except BaseException:
        if not is_remote(folder) and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)
        raise


def concatenate(sources: Sequence[str], target: str) -> None:
    """Write the files' bytes one after the other, atomically; compressed files so joined are one compressed file."""
    with atomic_path(target) as temporary, open_raw(temporary, "wb") as file:
        for source in sources:
            with open_raw(source) as part:
                shutil.copyfileobj(part, file, 1 << 20)


def write_text(path: str, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def read_bytes(path: str) -> bytes:
    with open_raw(path) as file:
        return file.read()


def read_text(path: str) -> str:
    return read_bytes(path).decode("utf-8")


def read_json_object(path: str) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    if not exists(path) or is_dir(path):
        raise UserError(f"{path}: no such file")
    try:
        values = json.loads(read_text(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold one JSON object")
    return values


def sha256(path: str, progress: Progress | None = None) -> str:
    """Return the hexadecimal SHA-256 of the file's bytes as stored."""
    digest = hashlib.sha256()
    with open_raw(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
            if progress is not None:
                progress.update(len(block) / 1e6)
    return digest.hexdigest()


def open_raw(path: str, mode: str = "rb") -> BinaryIO:
    """Open a file as stored, without decompression."""
    return cast(BinaryIO, _gfile().GFile(path, mode) if is_remote(path) else open(path, mode))


def expand_globs(patterns: str) -> list[str]:
    """List the paths that comma-separated globs name: patterns in the order given, each sorted, nothing twice.

    Raises:
        UserError: a pattern matches no file.
    """
    paths: dict[str, None] = {}
    for pattern in filter(None, (part.strip() for part in patterns.split(","))):
        found = [pattern] if exists(pattern) else [path for path in _glob(pattern) if not path.endswith(DESCRIPTION_NAMES)]
        files = sorted(path for path in found if not is_dir(path))
        if not files and is_dir(pattern):
            raise UserError(f"{pattern}: is a folder; name its files, for example '{join(pattern, '*.txt')}'")
        if not files:
            raise UserError(
                f"{pattern}: no such file; check the path or the glob (quote it, so that the shell leaves it alone)"
            )
        paths.update(dict.fromkeys(files))
    if not paths:
        raise UserError("no corpus given: name at least one file or glob")
    return list(paths)


def _glob(pattern: str) -> list[str]:
    return list(_gfile().glob(pattern)) if is_remote(pattern) else glob.glob(pattern, recursive=True)


def _gfile() -> Any:
    tensorflow_startup.import_tensorflow()
    import tensorflow as tf

    return tf.io.gfile
