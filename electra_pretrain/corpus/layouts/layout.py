"""What a layout is: a function from a file's content to its records, a record a document."""

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Literal, NamedTuple

from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder, mended

Form = Literal["form", "original_form"]


class Record(NamedTuple):
    """A document as a layout gives it.

    Attributes:
        number: of its line, row or place in the file, from 1.
        text: its sentences or paragraphs, one a line.
        id, title: what the file calls it; "" where it does not.
        thread: the article or thread that it belongs to, where `Content.thread_field` says where that stands; "" for none.
    """

    number: int
    text: str
    id: str = ""
    title: str = ""
    thread: str = ""


class Content(NamedTuple):
    """What is to be read: a file's bytes, or those of an archive's member, decompressed.

    Attributes:
        name: for messages: the file's path; of a member `archive.zip!member`.
        file: the bytes, from their first. They are read once; a file of its own, uncompressed, may be sought in.
        head: what it begins with, 64 KiB at most.
        decoder: makes text of them.
        damage: is told of a broken record where those behind it can be read; where nothing more can be, raise `Damaged`.
        text_field, thread_field, form: as in `reading.Reading`.
    """

    name: str
    file: BinaryIO
    head: bytes
    decoder: Decoder
    damage: Damage
    text_field: str = "text"
    thread_field: str = ""
    form: Form = "form"


class Layout(NamedTuple):
    """A way in which text is handed out.

    Attributes:
        name: what `--layout` calls it.
        unit: what a record's number counts: "line", "row", "document".
        records: reads the records of a content, in order and in bounded memory.

            Raises:
                Damaged: the file can be read no further.
                UserError: it is not of this layout; file and record are named.
        is_sought: it reads here and there, and so needs a file that can.
        begins: tells whether a file that begins so, 64 KiB at most, is certainly of this layout, whatever its name.
    """

    name: str
    unit: str
    records: Callable[[Content], Iterator[Record]]
    begins: Callable[[bytes], bool] = lambda head: False
    is_sought: bool = False


def named(value: Any) -> str:
    """Return an id or a title as text; "" of what is neither text nor a number."""
    return mended(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""
