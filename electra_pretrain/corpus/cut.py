"""Cut text into blocks of documents without decoding it: what one process does for many must take little time."""

from collections.abc import Iterator

from electra_pretrain.corpus.whitespace import count_characters

_BLANK = b"\n"


class BlockCutter:
    """Ends a block with the document that brings it to so many characters, and a document where `Corpus.documents` does.

    Text comes in chunks of lines, whose characters are counted together. Only a chunk in which a block, or a document that is
    too long, may end is halved, and its halves again, until a line is alone.

    Args:
        block_characters: of a block, at least.
        max_document_characters: by which a document without an end is cut.
    """

    def __init__(self, block_characters: int, max_document_characters: int) -> None:
        self._block_characters, self._max_document_characters = block_characters, max_document_characters
        self._chunks: list[bytes] = []
        self._in_block = self._in_document = 0  # characters so far

    def add(self, chunk: bytes) -> Iterator[bytes]:
        """Take whole lines, each as `strip_lines` leaves it; give the text of every block that ends in them, when it ends."""
        length = count_characters(chunk)
        if not self._may_end(chunk, length):
            self._take(chunk, length)
            return
        middle = chunk.rfind(b"\n", 0, len(chunk) // 2) + 1 or chunk.find(b"\n") + 1
        if middle < len(chunk):
            yield from self.add(chunk[:middle])
            yield from self.add(chunk[middle:])
            return
        self._take(chunk, length)
        if self._in_document >= self._max_document_characters:
            self._take(_BLANK, 0)
        if not self._in_document and self._in_block >= self._block_characters:
            yield self.rest()

    def rest(self) -> bytes:
        """Return what is left of the text since the last block ended: lines, with one or more empty ones between documents."""
        text = b"".join(self._chunks)
        self._chunks, self._in_block, self._in_document = [], 0, 0
        return text

    def _may_end(self, chunk: bytes, length: int) -> bool:
        if self._in_document + length >= self._max_document_characters:
            return True
        return self._in_block + length >= self._block_characters and (chunk.startswith(_BLANK) or b"\n\n" in chunk)

    def _take(self, chunk: bytes, length: int) -> None:
        self._chunks.append(chunk)
        self._in_block += length
        if chunk == _BLANK or chunk.endswith(b"\n\n"):
            self._in_document = 0
        elif (last_end := chunk.rfind(b"\n\n")) >= 0:
            self._in_document = count_characters(chunk[last_end + 2 :])
        elif chunk.startswith(_BLANK):
            self._in_document = length
        else:
            self._in_document += length
