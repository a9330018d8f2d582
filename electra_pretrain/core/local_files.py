"""This machine's files: what `core/files.py` asks of a file system."""

import glob as globs
import os
import shutil
from typing import BinaryIO, cast

from electra_pretrain.core.errors import UserError


def exists(path: str) -> bool:
    return os.path.exists(path)


def is_dir(path: str) -> bool:
    return os.path.isdir(path)


def size(path: str) -> int:
    return os.path.getsize(path)


def list_dir(path: str) -> list[str]:
    return os.listdir(path)


def glob(pattern: str) -> list[str]:
    return globs.glob(pattern, recursive=True)


def walk(folder: str) -> list[str]:
    found, seen = list[str](), {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        found += [os.path.join(parent, name) for name in names]
        real = {os.path.realpath(os.path.join(parent, name)): name for name in sorted(folders, reverse=True)}
        folders[:] = [name for place, name in real.items() if place not in seen]
        seen.update(real)
    return found


def _raise(error: OSError) -> None:
    """Let no folder that cannot be listed pass for an empty one."""
    raise error


def open_raw(path: str, mode: str) -> BinaryIO:
    return cast(BinaryIO, open(path, mode))


def make_dirs(path: str) -> None:
    if os.path.isfile(path):
        raise UserError(f"{path}: is a file where a folder is needed; choose another output path")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot create this folder ({error.strerror}); choose another output path") from error
    if not os.access(path, os.W_OK):
        raise UserError(f"{path}: this folder is not writable; choose another output path or change its permissions")


def remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def replace(source: str, target: str) -> None:
    os.replace(source, target)
