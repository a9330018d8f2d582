"""White space at the ends of lines, removed from bytes: most lines have none, and are not looked at one by one."""

import numpy as np

_NEWLINE = ord("\n")
# What str.strip removes, as UTF-8; the tests hold it against every character.
_SPACES = [character.encode("utf-8") for character in map(chr, range(0x3001)) if character.isspace() and character != "\n"]
_LONGEST = max(map(len, _SPACES))
_CODES = [
    np.array([int.from_bytes(space, "big") for space in _SPACES if len(space) == size]) for size in range(1, _LONGEST + 1)
]
_MAY_BEGIN, _MAY_END = (np.isin(np.arange(256), [space[index] for space in _SPACES]) for index in (0, -1))


def strip_lines(lines: bytes) -> bytes:
    """Return whole lines of UTF-8 text, the last of which ends too, each as `str.strip` leaves it.

    Bytes that are no UTF-8 stay, for the one who decodes the text.
    """
    if b"\r" in lines:
        lines = lines.replace(b"\r\n", b"\n")
    content = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(content == _NEWLINE)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    spaced = np.union1d(_with_space(content, starts, before=False), _with_space(content, ends, before=True))
    stripped, done = list[bytes](), 0
    for start, end in zip(starts[spaced].tolist(), ends[spaced].tolist(), strict=True):
        stripped += [lines[done:start], _strip(lines[start:end])]
        done = end
    return b"".join([*stripped, lines[done:]]) if stripped else lines


def count_characters(lines: bytes) -> int:
    """Count the characters of UTF-8 text, the lines' ends left out."""
    content = np.frombuffer(lines, np.int8)
    begun = np.count_nonzero(content >= -64)  # bytes 0x80..0xBF go on with a character
    return int(begun - np.count_nonzero(content == _NEWLINE))


def _with_space(content: np.ndarray, offsets: np.ndarray, before: bool) -> np.ndarray:
    """Tell at which of these offsets in UTF-8 text, int64 [n], white space stands, or right before which.

    An offset may be so near an end of the text that bytes of the other end are looked at: among them is the newline that the
    text ends in, which no white space holds.
    """
    numbers = np.flatnonzero(_MAY_END[content[offsets - 1]] if before else _MAY_BEGIN[content[offsets]])
    offsets = offsets[numbers]
    found = np.zeros(len(offsets), bool)
    for size, codes in enumerate(_CODES, start=1):
        first = offsets - size if before else offsets
        code = np.zeros(len(offsets), np.int64)
        for index in range(size):
            code = code << 8 | content.take(first + index, mode="wrap")
        found |= np.isin(code, codes)
    return numbers[found]


def _strip(line: bytes) -> bytes:
    return line.decode("utf-8", "surrogateescape").strip().encode("utf-8", "surrogateescape")
