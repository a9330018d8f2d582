"""Text that a user may have written with an editor: UTF-8, with a byte order mark at its start or without."""

import codecs

from electra_pretrain.core.errors import UserError

BYTE_ORDER_MARK = "\ufeff"  # as Windows' editors begin a UTF-8 file; it belongs to the file, not to its text
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded(content: bytes, where: str, advice: str = "") -> str:
    """Return the text of a file without its byte order mark.

    Args:
        content: of the file.
        where: it stands, named in errors.
        advice: what to do where it is not UTF-8; of UTF-16 this is known.

    Raises:
        UserError: it is not UTF-8; the line is named.
    """
    try:
        return content.decode("utf-8").removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        if content.startswith(_UTF16):
            raise UserError(f"{where}: is UTF-16; save it as UTF-8") from error
        line = content.count(b"\n", 0, error.start) + 1
        message = f"{where}, line {line}: not UTF-8 (byte 0x{content[error.start]:02x})"
        raise UserError(f"{message}; {advice}" if advice else message) from error
