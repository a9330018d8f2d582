"""Text of task files: decoded by one encoding, which finetune is told."""

from collections.abc import Iterator

from electra_pretrain.core import compression, files
from electra_pretrain.core.plain_text import BYTE_ORDER_MARK
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.lines import lines
from electra_pretrain.corpus.looking import HEAD_BYTES
from electra_pretrain.corpus.sniffing import looks_like

ENCODING = "utf-8"  # what publishers write, unless told otherwise


class TaskDecoder(Decoder):
    """Decodes a task's file, in which bytes that are none of its encoding are an error."""

    def _advice(self, content: bytes) -> str:
        looks = looks_like(content[:HEAD_BYTES])
        if looks is not None and not looks.structured:
            return f"looks like {looks.what}: {looks.advice}"
        if self.encoding != ENCODING:
            return f"try --encoding {ENCODING}, or fetch the file again"
        return "say what it is in, such as --encoding cp949, or convert it: iconv -f cp949 -t utf-8"


def text_lines(path: str, encoding: str) -> Iterator[tuple[int, str]]:
    """Yield lines without their ends, and their numbers, from 1; local or `gs://`, plain or compressed.

    Raises:
        UserError: a line is not of the encoding, there is no such encoding, or the compressed file is damaged.
    """
    with files.open_raw(path) as raw, compression.decompressed(path, raw) as file:
        for number, line in lines(path, file, TaskDecoder(encoding), end_in_cr=False):  # a cell may hold one
            yield number, line.rstrip("\r\n")


def whole_text(path: str, encoding: str) -> str:
    """Read all of a file; raises as `text_lines`."""
    decoder = TaskDecoder(encoding)
    with files.open_raw(path) as raw, compression.decompressed(path, raw) as file:
        content = file.read()
    decoded = (decoder.decode(line, f"{path}, line", number) for number, line in enumerate(content.splitlines(True), 1))
    return "".join(decoded).removeprefix(BYTE_ORDER_MARK)
