"""Files of a work folder, read whole or named: a power cut, or a copy that failed, may leave one shorter than was written."""

from typing import BinaryIO

from electra_pretrain.core.errors import Damaged


def read_exactly(file: BinaryIO, num_bytes: int, path: str) -> bytes:
    """Read so many bytes.

    Raises:
        Damaged: the file ends before.
    """
    content = file.read(num_bytes)
    if len(content) < num_bytes:
        raise damaged_work(path, "it is cut short")
    return content


def damaged_work(path: str, reason: str) -> Damaged:
    """Make the error of a file that is not as it was written."""
    folder = path.rpartition("/")[0]
    return Damaged(f"{path}: a damaged file of unfinished work ({reason}); delete {folder} and run the same command again")
