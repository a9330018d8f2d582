"""Arrays in files of a work folder: one, of which a slice costs its own bytes, or several, of which each can be read alone.

A file of several makes sense on remote storage, where every look into a file is a request. Layout, all uint64: how many rows
each array has; where each begins and the last ends [n + 1]; the arrays.
"""

import io
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.execution.work_files import damaged_work, read_exactly


def save_array(path: str, array: np.ndarray) -> None:
    """Store an array atomically."""
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        # Not the file itself: numpy would write it by a way that does not say why a disk refuses.
        np.save(cast(Any, SimpleNamespace(write=file.write)), array)


def load_array(path: str) -> np.ndarray:
    """Return a stored array: a local one mapped into memory, a remote one read.

    Raises:
        Damaged: it is not as it was written.
    """
    try:
        if files.is_remote(path):
            return cast(np.ndarray, np.load(io.BytesIO(files.read_bytes(path))))
        return cast(np.ndarray, np.load(path, mmap_mode="r"))
    except (ValueError, EOFError, SyntaxError) as error:
        raise damaged_work(path, "no whole array") from error


def load_rows(path: str, rows: np.ndarray) -> np.ndarray:
    """Return some rows, at least one, of a stored array [n, any]; of a remote one all from the first to the last are read."""
    if not files.is_remote(path):
        return np.asarray(load_array(path)[rows])
    with files.open_raw(path) as file:
        np.lib.format.read_magic(file)
        (_, width), _, dtype = np.lib.format.read_array_header_1_0(file)
        first, stop = int(rows.min()), int(rows.max()) + 1
        file.seek(file.tell() + first * width * dtype.itemsize)
        content = read_exactly(file, (stop - first) * width * dtype.itemsize, path)
    return cast(np.ndarray, np.frombuffer(content, dtype).reshape(-1, width)[rows - first])


def save_several(path: str, arrays: Sequence[np.ndarray]) -> None:
    """Store arrays, uint64 [rows, any] each, in one file, atomically."""
    bounds = np.cumsum([0, *(array.size for array in arrays)])
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        file.write(np.array([len(arrays[0]), *bounds], "<u8").tobytes())
        for array in arrays:
            file.write(array.astype("<u8").tobytes())


def load_one_of_several(path: str, number: int, num_arrays: int) -> np.ndarray:
    """Return the array of that number, uint64 [rows, any], by two reads.

    Raises:
        Damaged: the file is cut short.
    """
    with files.open_raw(path) as file:
        rows, *bounds = np.frombuffer(read_exactly(file, 8 * (num_arrays + 2), path), "<u8").tolist()
        start, stop = bounds[number : number + 2]
        file.seek(8 * (num_arrays + 2 + start))
        content = read_exactly(file, 8 * (stop - start), path)
    return np.frombuffer(content, "<u8").reshape(rows, -1)
