"""Hash a file while it is read, so that what lies in a bucket is fetched once."""

import hashlib
from typing import BinaryIO


class HashedFile:
    """An open file, of which everything that is read goes into a hash.

    Attributes:
        bytes_read: how much that is so far.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._digest = hashlib.sha256()
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        content = self._raw.read(size)
        self._digest.update(content)
        self.bytes_read += len(content)
        return content

    def read_rest(self) -> None:
        while self.read(1 << 20):
            pass

    def sha256(self) -> str:
        """Return the hexadecimal SHA-256 of what has been read so far."""
        return self._digest.hexdigest()
