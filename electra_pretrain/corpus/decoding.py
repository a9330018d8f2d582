"""Bytes to text: one encoding for all files of a corpus, and what to do where bytes are not of it."""

import re
from typing import Literal, cast

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.looking import HEAD_BYTES
from electra_pretrain.corpus.sniffing import decodes, iconv, looks_like

OnBadBytes = Literal["error", "skip", "replace"]
# What Python puts for a byte that it cannot decode, and what JSON may hold; no encoding writes them.
_SURROGATES = re.compile("[\ud800-\udfff]+")
_HANGUL = re.compile("[가-힣]")
REPLACEMENT = "\ufffd"
_LEAVE_OUT = "clean_corpus with --on_bad_bytes skip|replace leaves such lines and records out, or marks them"


def mended(text: str) -> str:
    """Put U+FFFD in place of what is no character."""
    return _SURROGATES.sub(REPLACEMENT, text)


class Decoder:
    """Decodes lines and counts those that are damaged.

    Attributes:
        encoding: Python's name of it; EUC-KR is read as CP949, which holds it.
        on_bad_bytes: "error" ends the work, "skip" leaves the line or record out, "replace" puts U+FFFD.
        damaged: lines or records that were skipped or mended.

    Raises:
        UserError: no such encoding, or one whose lines do not end in a byte 0x0A.
    """

    def __init__(self, encoding: str = "utf-8", on_bad_bytes: str = "error") -> None:
        if on_bad_bytes not in ("error", "skip", "replace"):
            raise UserError(f"--on_bad_bytes {on_bad_bytes}: must be error, skip or replace")
        self.encoding = _checked(encoding)
        self.on_bad_bytes = cast(OnBadBytes, on_bad_bytes)
        self.damaged = 0

    def decode(self, content: bytes, where: str, number: int) -> str:
        """Decode text; bytes that are none are in it as lone surrogates, which `settle` deals with.

        Raises:
            UserError: there are such bytes, and they are an error.
        """
        try:
            return content.decode(self.encoding)
        except UnicodeDecodeError as error:
            if self.on_bad_bytes != "error":
                return content.decode(self.encoding, "surrogateescape")
            raise self.refused(f"{where} {number}", error, f"column {error.start + 1}") from error

    def refused(self, where: str, error: UnicodeDecodeError, place: str) -> UserError:
        """Return the error for bytes that are not of the encoding."""
        byte = error.object[error.start]
        return UserError(f"{where}: not {self.encoding.upper()} (byte 0x{byte:02x} at {place}); {self._advice(error.object)}")

    def is_settled(self, json: str) -> bool:
        """Tell at once that no text in JSON needs `settle`: bad bytes have ended the work, and nothing is escaped."""
        return self.on_bad_bytes == "error" and "\\u" not in json

    def settle(self, text: str, where: str, number: int) -> str | None:
        """Mend the text; None if it is to be left out.

        Raises:
            UserError: it holds what is no character, and that is an error.
        """
        try:
            text.encode("utf-8")  # a search for what cannot be encoded takes several times as long
        except UnicodeEncodeError:
            return self._mended(text, where, number)
        return text

    def _mended(self, text: str, where: str, number: int) -> str | None:
        if self.on_bad_bytes == "error":
            raise UserError(f"{where} {number}: holds half a surrogate pair, which is no character; mend it; {_LEAVE_OUT}")
        self.damaged += 1
        return None if self.on_bad_bytes == "skip" else mended(text)

    def _advice(self, content: bytes) -> str:
        """Say what to do about bytes that are not of the encoding, by what they look like."""
        looks = looks_like(content[:HEAD_BYTES])
        if looks is not None and not looks.structured:
            return f"looks like {looks.what}: {looks.advice}"
        if self.encoding == "utf-8" and decodes(content, "cp949") and _HANGUL.search(content.decode("cp949", "ignore")):
            return f"perhaps it is CP949: clean_corpus --encoding cp949 reads that, or convert it: {iconv('cp949')}"
        if self.encoding != "utf-8" and decodes(content, "utf-8"):
            return "it is UTF-8: leave out --encoding"
        return f"corpus_stats tells of each file what it is in; {_LEAVE_OUT}"


def _checked(encoding: str) -> str:
    name = encoding.lower().replace("_", "-")
    known = {"utf8": "utf-8", "utf-8-sig": "utf-8", "euc-kr": "cp949", "euckr": "cp949", "ks-c-5601-1987": "cp949"}
    name = known.get(name, name)
    try:
        plain = "\n".encode(name) == b"\n"
    except (LookupError, ValueError) as error:  # "undefined" is one that encodes nothing
        raise UserError(f"--encoding {encoding}: no such encoding; for example utf-8 or cp949") from error
    if not plain:
        raise UserError(f"--encoding {encoding}: its lines cannot be told apart; convert it: {iconv(encoding)}")
    return name
