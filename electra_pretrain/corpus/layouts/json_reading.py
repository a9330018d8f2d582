"""JSON of any length, read from its beginning: value after value, and into objects and arrays that no memory holds.

Python's own parser reads each value whole. Beside `ijson`, which streams events, it is as fast, and exact where keys hold dots.
It keeps what `yajl` loses: half a surrogate pair (there "?"), NaN, long numbers, all behind bytes that are not of the encoding.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus.layouts.layout import Content

# A document of more than a million characters is cut; what is longer than any book is a whole file, and the path to it wrong.
MAX_VALUE_CHARACTERS = 1 << 25
CHUNK_BYTES = 1 << 18  # what stays in a core's cache: of 1 MiB, reading takes half as long again
_SPACE = " \t\n\r"
_SPACES = re.compile(f"[{_SPACE}]*")
_LONGEST_TOKEN = 12  # beside text: a cut "-Infinity" or escape is refused at most so far before the end


def _whole_number(digits: str) -> float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads
        return float(digits)


DECODER = json.JSONDecoder(parse_int=_whole_number)


class JsonReader:
    """Reads a file's values; each method goes on where the last one ended.

    Attributes:
        record: number of the record that is being read, for messages; whoever reads counts.
        is_settled: what was read last holds no half of a surrogate pair for sure: a look at each text would take longer.

    Raises:
        Damaged: in every method: it is not JSON, or ends too early.
        UserError: likewise: bytes are not of the encoding, or a value is too long to be one record.
    """

    def __init__(self, content: Content) -> None:
        self.record = 1
        self.is_settled = False
        self._content = content
        self._text, self._at = "", 0
        self._characters_before = self._bytes_read = 0
        self._decoder = codecs.getincrementaldecoder(content.decoder.encoding)(
            "strict" if content.decoder.on_bad_bytes == "error" else "surrogateescape"
        )
        self._bad_bytes: UnicodeDecodeError | None = None
        self._ended = False
        if self.peek() == "\ufeff":
            self._at += 1

    def peek(self) -> str:
        """Return the next character that is no white space; "" at the end."""
        while True:
            if (found := _SPACES.match(self._text, self._at)) is not None:
                self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def value(self) -> Any:
        """Read a value whole."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not (self._is_cut(error, _LONGEST_TOKEN) and self._more()):
                    what = "it ends too early" if self._is_cut(error) else error.msg
                    raise self._not_json(what, error.pos) from error
            except RecursionError as error:
                raise self._not_json("nested too deeply", self._at) from error
            else:
                if self._is_whole(value, end) or not self._more():
                    self._at = end
                    return value

    def elements(self) -> Iterator[None]:
        """Go through an array; each element is to be read before the next one is asked for."""
        self._take("[")
        if self.peek() == "]":
            self._at += 1
            return
        yield
        while self._take(",]") == ",":
            yield

    def members(self) -> Iterator[str]:
        """Go through an object's keys; each value is to be read before the next key is asked for."""
        self._take("{")
        if self.peek() == "}":
            self._at += 1
            return
        while True:
            if self.peek() != '"':
                raise self._not_json("a key in quotation marks is expected", self._at)
            key = self.value()
            self._take(":")
            yield key
            if self._take(",}") == "}":
                return

    def skip(self) -> None:
        """Read a value away, however long it is."""
        kind = self.peek()
        try:
            value, end = DECODER.raw_decode(self._text, self._at)
        except (json.JSONDecodeError, RecursionError):
            pass
        else:
            if self._is_whole(value, end):
                self._at = end
                return
        if kind not in ("{", "["):
            self.value()
            return
        try:
            for _ in self.members() if kind == "{" else self.elements():
                self.skip()
        except RecursionError as error:
            raise self._not_json("nested too deeply", self._at) from error

    def _take(self, among: str) -> str:
        character = self.peek()
        if not character:
            raise self._not_json("it ends too early", self._at)
        if character not in among:
            raise self._not_json(f"{' or '.join(among)} is expected", self._at)
        self._at += 1
        return character

    def _is_cut(self, error: json.JSONDecodeError, before: int = 0) -> bool:
        """Tell whether it is at the end, or so many characters before it, that a value is none, so that more may mend it."""
        return error.pos >= len(self._text.rstrip(_SPACE)) - before or error.msg.startswith("Unterminated string")

    def _is_whole(self, value: Any, end: int) -> bool:
        """Tell whether a value would be the same with more behind it; a number may go on."""
        return isinstance(value, str | list | dict) or end + _LONGEST_TOKEN < len(self._text)

    def _more(self) -> bool:
        """Read on, and let go of what is behind; twice as much for a value that is long. False at the end."""
        name, decoder = self._content.name, self._content.decoder
        if self._bad_bytes is not None:
            error, place = self._bad_bytes, self._bytes_read - len(self._bad_bytes.object) + self._bad_bytes.start + 1
            raise decoder.refused(f"{name}, document {self.record}", error, f"byte {place:,} of the file") from error
        if self._ended:
            return False
        rest = self._text[self._at :]
        if len(rest) > MAX_VALUE_CHARACTERS:
            raise UserError(
                f"{name}, document {self.record}: longer than {MAX_VALUE_CHARACTERS:,} characters; if it holds an array of "
                "documents, name that by --text_field, as in document[].text"
            )
        chunk = self._content.file.read(max(CHUNK_BYTES, 2 * len(rest)))
        self._characters_before += self._at
        self._text, self._at = rest + self._decoded(chunk), 0
        self.is_settled = decoder.is_settled(self._text)
        return True

    def _decoded(self, chunk: bytes) -> str:
        self._ended = not chunk
        self._bytes_read += len(chunk)
        try:
            return self._decoder.decode(chunk, final=self._ended)
        except UnicodeDecodeError as error:
            self._bad_bytes = error  # once what stands before it has been read
            return error.object[: error.start].decode(error.encoding)

    def _not_json(self, what: str, at: int) -> Damaged:
        behind = f" behind document {self.record - 1:,}" if self.record > 1 else ""
        return Damaged(
            f"{self._content.name}: not valid JSON{behind} ({what}, at character {self._characters_before + at + 1:,}); "
            "mend it, fetch it again, or leave out what cannot be read by --on_bad_file skip"
        )
