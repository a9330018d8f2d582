"""What files that are read piece by piece have in common: a place, and going to another."""

import io


class SeekableFile(io.RawIOBase):
    """A file of known size that is read from wherever its place is; who inherits reads, and moves the place on.

    Attributes:
        size: of the file, in bytes.
        position: from which the next read goes on.
    """

    def __init__(self, size: int) -> None:
        self.size, self.position = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(start + offset, 0)
        return self.position
