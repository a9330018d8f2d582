"""Several arrays in one file, each to be had alone, by two reads: on remote storage every read is a request.

Layout, all uint64: how many rows each array has; where each begins and the last ends [n + 1]; the arrays.
"""

from collections.abc import Sequence

import numpy as np

from electra_pretrain.core import files


def write_pieces(path: str, pieces: Sequence[np.ndarray]) -> None:
    """Store arrays, uint64 [rows, any] each, atomically."""
    bounds = np.cumsum([0, *(piece.size for piece in pieces)])
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        file.write(np.array([len(pieces[0]), *bounds], "<u8").tobytes())
        for piece in pieces:
            file.write(piece.astype("<u8").tobytes())


def read_piece(path: str, number: int, num_pieces: int) -> np.ndarray:
    """The array of that number, uint64 [rows, any]."""
    with files.open_raw(path) as file:
        rows, *bounds = np.frombuffer(file.read(8 * (num_pieces + 2)), "<u8").tolist()
        start, stop = bounds[number : number + 2]
        file.seek(8 * (num_pieces + 2 + start))
        content = file.read(8 * (stop - start))
    return np.frombuffer(content, "<u8").reshape(rows, -1)
