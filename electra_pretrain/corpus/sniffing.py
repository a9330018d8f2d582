"""What a file looks like by what it begins with, and what is no text by its name: so that nothing is read for text by mistake.

Only what is certain counts. Korean text may begin with `[속보]`, `[1]`, `<앵커>` or `{…}`, and is text.
"""

import codecs
import json
import re
import unicodedata
from typing import NamedTuple

from electra_pretrain.core.beginnings import BEGINNINGS, GIT_LFS, GIT_LFS_ADVICE, NAMES
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.looking import HEAD_BYTES


class Looks(NamedTuple):
    """What a file looks like.

    Attributes:
        what: in words, with an article: "a PDF".
        advice: what to do to have its text read.
        structured: it is text, though not plain: a layout may read it.
        archive: which kind of archive it may be, "zip" or "tar"; "" for none.
    """

    what: str
    advice: str
    structured: bool = False
    archive: str = ""


class NotText(UserError):
    """A file is not read, as it is no text, or cannot be told for such; `what` it is, or looks like."""

    def __init__(self, message: str, what: str) -> None:
        super().__init__(message)
        self.what = what


JSON_LINES = Looks("JSON lines", "name it .jsonl, or say --layout jsonl", True)
JSON_ARRAY = Looks("a JSON array", "say --layout json", True)
JSON_OBJECT = Looks("a JSON object", "say --layout json", True)
_XML = Looks("XML", "name its layout, if it has one, or take the text out of it", True)
_HTML = Looks("HTML", "take the text out of it, for example with pip install trafilatura", True)
_PDF = Looks("a PDF", "take the text out of it: pdftotext FILE.pdf FILE.txt")
_HWP = Looks("HWP, a document of Hangul", "save it as text, in Hangul or by pip install pyhwp (hwp5txt)")
_HWPX = Looks("HWPX, a document of Hangul", "save it as text in Hangul", archive="zip")
_OFFICE = Looks("an Office document", "save it as text, or as CSV", archive="zip")
_EPUB = Looks("an OpenDocument or EPUB file", "save it as text", archive="zip")
_UNPACK = "unpack it, or give it the suffix that says so: "
_ZIP = Looks("a ZIP archive", f"{_UNPACK}.zip", archive="zip")
_TAR = Looks("a tar archive", f"{_UNPACK}.tar", archive="tar")
_IMAGE = Looks("an image", "leave it out; there is no text in it")
_SOUND = Looks("sound or video", "leave it out; there is no text in it")
PARQUET = Looks("Parquet", "name it .parquet, or say --layout parquet")
BINARY = Looks("binary, as it holds zero bytes", "leave it out, or convert it to text")

_BEGINS: tuple[tuple[bytes, Looks], ...] = (
    (b"%PDF-", _PDF),
    (b"HWP Document File V", _HWP),
    *(
        (begins[0], Looks(NAMES[suffix], f"{_UNPACK}{suffix}"))
        for suffix, begins in BEGINNINGS.items()
        if suffix != ".bz2"  # three letters, with which a text may begin
    ),
    (GIT_LFS, Looks("a Git LFS pointer, which stands in a file's place", GIT_LFS_ADVICE)),
    (b"7z\xbc\xaf\x27\x1c", Looks("a 7z archive", "unpack it: 7z x FILE")),
    (b"Rar!\x1a\x07", Looks("a RAR archive", "unpack it: unrar x FILE")),
    (b"PAR1", PARQUET),
    (b"PARE", Looks("Parquet that is encrypted", "write it again without")),
    (b"ARROW1\x00\x00", Looks("an Arrow file", "write it as Parquet")),
    (b"SQLite format 3\x00", Looks("an SQLite database", "write its text as JSON lines or CSV")),
    (b"{\\rtf", Looks("RTF", "save it as text")),
    (b"\x89PNG\r\n\x1a\n", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF87a", _IMAGE),
    (b"GIF89a", _IMAGE),
    (b"II*\x00", _IMAGE),
    (b"MM\x00*", _IMAGE),
    (b"OggS\x00", _SOUND),
    (b"fLaC\x00", _SOUND),
    (b"ID3\x03\x00", _SOUND),
    (b"ID3\x04\x00", _SOUND),
)
_UTF_MARKS = (  # those of UTF-32 begin as one of UTF-16 does
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_STRING = rb'"(?:[^"\\\n]|\\.)*"'
_OBJECT_BEGINS = re.compile(rb"\{\s*" + _STRING + rb"\s*:")
_ARRAY_BEGINS = re.compile(rb"\[\s*(?:\{\s*(?:" + _STRING + rb"\s*:|\})|(?:" + _STRING + rb"\s*,\s*){3})")
_HTML_BEGINS = re.compile(rb"(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html[\s>])", re.IGNORECASE | re.DOTALL)
_JUNK = {"Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.ini", "__MACOSX"}
_DESCRIPTION = re.compile(rb'\s*\{\s*(?:"steps"\s*:|\}\s*\Z)')
_MOST_CONTROLS, _CONTROL_SHARE = 64, 0.01
_FEWEST_CHARACTERS = 16  # by which an encoding is told


def is_junk(path: str) -> bool:
    """Tell whether a file is there for a system's or a program's sake: hidden, a Mac's or Windows's."""
    return any(name in _JUNK or (name.startswith(".") and name.strip(".")) for name in path.split("/"))


def is_description(name: str, head: bytes) -> bool:
    """Tell whether a file is the `corpus.json` that lies beside cleaned text, and no corpus of that name."""
    return name.rpartition("/")[2] == "corpus.json" and bool(_DESCRIPTION.match(head))


def looks_like(head: bytes) -> Looks | None:
    """Tell what a file that begins so, 64 KiB at most, certainly is; None where it may be plain text."""
    return _by_magic(head) or _by_zeros(head) or _by_syntax(head)


def shown(name: str) -> str:
    """Show a name in one line: composed, and without what no one can see."""
    return "".join(each if each.isprintable() else "\ufffd" for each in unicodedata.normalize("NFC", name))


def _by_magic(head: bytes) -> Looks | None:
    if found := next((looks for begin, looks in _BEGINS if head.startswith(begin)), None):
        return found
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):  # OLE, a file system within a file
        return _HWP if b"HWP Document File" in head or "HwpSummary".encode("utf-16-le") in head else _OFFICE
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(head)
    if re.match(rb"BZh[1-9]1AY&SY", head):
        return Looks("bzip2", f"{_UNPACK}.bz2")
    if head[257:262] == b"ustar":
        return _TAR
    if head.startswith(b"RIFF") and head[8:12] in (b"WEBP", b"WAVE", b"AVI "):
        return _IMAGE if head[8:12] == b"WEBP" else _SOUND
    return _SOUND if head[4:8] == b"ftyp" and head.startswith(b"\x00\x00") else None


def _zipped(head: bytes) -> Looks:
    if b"application/hwp+zip" in head[:100]:
        return _HWPX
    if b"[Content_Types].xml" in head or any(name in head[:4000] for name in (b"word/", b"xl/", b"ppt/")):
        return _OFFICE
    return _EPUB if head[30:38] == b"mimetype" else _ZIP


def _by_zeros(head: bytes) -> Looks | None:
    """Tell UTF-16 and UTF-32 by their mark or by zero bytes; else, with such bytes, text is not told from what is binary."""
    if encoding := next((name for mark, name in _UTF_MARKS if head.startswith(mark)), None):
        return _utf(encoding)
    if b"\x00" not in head:
        return None
    for encoding, name in (("utf-32-le", "UTF-32"), ("utf-32-be", "UTF-32"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16")):
        if _is_mostly_text(head, encoding):
            return _utf(name, encoding[-2:])  # which its mark does not tell iconv
    controls = sum(head.count(bytes([code])) for code in (*range(9), *range(14, 27), 127))
    is_text = any(decodes(head, encoding) for encoding in ("utf-8", "cp949"))
    return None if is_text and controls <= max(_MOST_CONTROLS, len(head) * _CONTROL_SHARE) else BINARY


def _utf(name: str, order: str = "") -> Looks:
    return Looks(name, f"convert it: {iconv(name.lower() + order)}")


def iconv(encoding: str) -> str:
    """Return the command that makes UTF-8 of a file in another encoding."""
    return f"iconv -f {encoding} -t utf-8 FILE > NEW_FILE"


def _is_mostly_text(head: bytes, encoding: str) -> bool:
    """Tell whether bytes of this encoding would be Hangul, ASCII and white space, nine tenths of them at least."""
    width = 4 if "32" in encoding else 2
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(head[: len(head) // width * width])
    except UnicodeDecodeError:
        return False
    known = sum(each.isspace() or " " <= each <= "~" or "가" <= each <= "힣" for each in text)
    return len(text) >= _FEWEST_CHARACTERS and known >= 0.9 * len(text)


def decodes(head: bytes, encoding: str) -> bool:
    """Tell whether bytes are of an encoding, but for a character that they may end in."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _by_syntax(head: bytes) -> Looks | None:
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"<?xml"):
        return _XML
    if _HTML_BEGINS.match(start):
        return _HTML
    if _OBJECT_BEGINS.match(start):
        return JSON_OBJECT if _is_spread(start) else JSON_LINES
    if _ARRAY_BEGINS.match(start) or (len(head) < HEAD_BYTES and _is_json_list(start)):
        return JSON_ARRAY
    return None


def _is_spread(start: bytes) -> bool:
    """Tell whether an object goes over several lines."""
    first, _, rest = start.partition(b"\n")
    return bool(rest.strip()) and first.rstrip().endswith((b"{", b"[", b","))


def _is_json_list(content: bytes) -> bool:
    """Tell whether a whole file is a list of more than numbers, of which a text may consist: `[1]`."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, list) and any(isinstance(value, str | dict | list) for value in values)
