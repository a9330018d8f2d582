"""Files that were cut into volumes, such as `corpus.tar.gzaa`, `….tar.gzab`: read as the one file that they were.

Such a file is known by the name of its first volume; the others are found beside it. What `split` makes is known (letters or
digits behind the name), and `.001`, `.002`, each with or without `part` before it.
"""

import functools
import hashlib
import io
import itertools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.core.seeking import SeekableFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SUFFIXES = "tar|tgz|txz|tbz2|tzst|zip|gz|xz|zst|bz2|txt|json|jsonl|ndjson|csv|tsv|parquet|xml"
_LETTERS, _DIGITS = "abcdefghijklmnopqrstuvwxyz", "0123456789"
_FILE = re.compile(rf".+\.(?:{_SUFFIXES})", re.IGNORECASE)
_VOLUME = re.compile(rf"(?P<whole>{_FILE.pattern})(?P<mark>[._-]?part[._-]?|[._-]?)(?P<number>[a-z]{{2,}}|\d+)", re.IGNORECASE)
_BUFFER_BYTES = 1 << 20


class _Volume(NamedTuple):
    """The name of a volume, taken apart.

    Attributes:
        whole: the name of the file that was cut.
        mark: what stands between that and the number.
        number: "aa", "001".
    """

    whole: str
    mark: str
    number: str

    @property
    def name(self) -> str:
        return self.whole + self.mark + self.number

    @property
    def alphabet(self) -> str:
        return _DIGITS if self.number.isdigit() else _LETTERS

    def is_first(self) -> bool:
        return set(self.number) == {"a"} or (self.number.isdigit() and int(self.number) in (0, 1))

    def may_be_of(self, other: "_Volume") -> bool:
        """Tell whether both may be volumes of one file; `split` takes longer numbers before it runs out of them."""
        if (self.whole, self.mark, self.alphabet) != (other.whole, other.mark, other.alphabet):
            return False
        longer = self.number.startswith(self.alphabet[-1]) and len(self.number) > len(other.number)
        counted = self.number.isdigit() and "part" in self.mark.lower()  # part9, part10
        return counted or longer or len(self.number) == len(other.number)

    def followers(self) -> list[str]:
        """List the numbers that the next volume may have."""
        digits, length = self.alphabet, len(self.number)
        value = 1 + functools.reduce(lambda value, place: value * len(digits) + digits.index(place), self.number, 0)
        places = ""
        while value or len(places) < length:
            value, place = divmod(value, len(digits))
            places = digits[place] + places
        runs_out = self.number == digits[-2] + digits[-1] * (length - 1)  # yz, whom zaaa may follow
        return [places, *([digits[-1] + digits[0] * (length + 1)] if runs_out else [])]


def whole_name(path: str) -> str:
    """Name the file that was cut, where `path` is a first volume's: corpus.tar.gz of corpus.tar.gzaa; else `path`."""
    folder, name = _split(path)
    volume = _taken_apart(name)
    return folder + volume.whole if volume is not None and volume.is_first() else path


def fold(paths: Sequence[str]) -> list[str]:
    """Put the first volume in the place of all volumes of a file, whichever of them are named.

    Raises:
        UserError: the first is missing.
    """
    list_dir = functools.cache(files.list_dir)
    return list(dict.fromkeys(_first(path, list_dir) for path in paths))


def cut_from(path: str) -> list[str]:
    """Name the first volume of the file that was cut and is gone; nothing if there is none."""
    folder, name = _split(path)
    if not _FILE.fullmatch(name) or not files.is_dir(folder or "."):
        return []
    found = filter(None, map(_taken_apart, files.list_dir(folder or ".")))
    return fold([folder + volume.name for volume in found if volume.whole == name and volume.is_first()])


def volumes_of(path: str) -> list[str]:
    """List the volumes of a file that is known by its first, in order; of one that was not cut, itself.

    Raises:
        UserError: one between them is missing.
    """
    folder, name = _split(path)
    first = _taken_apart(name)
    if first is None or not first.is_first():
        return [path]
    found = filter(None, map(_taken_apart, files.list_dir(folder or ".")))
    volumes = sorted((each for each in found if each.may_be_of(first)), key=lambda each: (len(each.number), each.number))
    for before, after in itertools.pairwise(volumes):
        if after.number not in before.followers():
            missing = before._replace(number=before.followers()[0])
            raise UserError(f"{folder}{missing.name}: this volume is missing, though there is {after.name}; fetch it, too")
    return [folder + volume.name for volume in volumes]


def was_cut(path: str) -> bool:
    return whole_name(path) != path


def open_whole(path: str) -> BinaryIO:
    """Open a file as stored, all its volumes as one; never more than one of them is open.

    Raises:
        UserError: a volume is missing.
    """
    if not was_cut(path):
        return files.open_raw(path)
    return cast(BinaryIO, io.BufferedReader(_Whole(volumes_of(path)), _BUFFER_BYTES))


def size(path: str) -> int:
    """Return the size of the whole file in bytes; raises as `open_whole`."""
    return sum(map(files.size, volumes_of(path)))


def sha256(path: str, progress: Progress | None = None) -> str:
    """Return the hexadecimal SHA-256 of the whole file as stored; raises as `open_whole`."""
    if not was_cut(path):
        return files.sha256(path, progress)
    digest = hashlib.sha256()
    with open_whole(path) as file:
        while block := file.read(_BUFFER_BYTES):
            digest.update(block)
            if progress is not None:
                progress.update(len(block) / 1e6)
    return digest.hexdigest()


class _Whole(SeekableFile):
    """The volumes of a file, read one after the other."""

    def __init__(self, paths: list[str]) -> None:
        self._paths = paths
        self._ends = list[int]()
        for length in map(files.size, paths):
            self._ends.append(length + (self._ends[-1] if self._ends else 0))
        super().__init__(self._ends[-1])
        self._number: int | None = None  # of the volume that is open
        self._file: BinaryIO | None = None

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._close_volume()
        return super().seek(offset, whence)

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        number = next((number for number, end in enumerate(self._ends) if self.position < end), None)
        if number is None:
            return 0
        content = self._volume(number).read(min(len(view), self._ends[number] - self.position))
        view[: len(content)] = content
        self.position += len(content)
        return len(content)

    def close(self) -> None:
        self._close_volume()
        super().close()

    def _volume(self, number: int) -> BinaryIO:
        if self._file is None or number != self._number:
            self._close_volume()
            self._file, self._number = files.open_raw(self._paths[number]), number
            start = self._ends[number - 1] if number else 0
            if self.position != start:
                self._file.seek(self.position - start)
        return self._file

    def _close_volume(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


def _taken_apart(name: str) -> _Volume | None:
    match = None if _FILE.fullmatch(name) else _VOLUME.fullmatch(name)
    if match is None or (len(match["number"]) == 1 and "part" not in match["mark"].lower()):
        return None
    return None if match["number"].lower() != match["number"] else _Volume(match["whole"], match["mark"], match["number"])


def _first(path: str, list_dir: Callable[[str], list[str]]) -> str:
    folder, name = _split(path)
    volume = _taken_apart(name)
    if volume is None or (volume.is_first() and volume.alphabet == _LETTERS):
        return path
    found = filter(None, map(_taken_apart, list_dir(folder or ".")))
    firsts = [other for other in found if other.is_first() and volume.may_be_of(other)]
    if firsts:  # of 00 and 01 that of the lower number
        return folder + min(firsts, key=lambda each: each.number).name
    is_suffix = volume.mark in (".", "_", "-") and volume.alphabet == _LETTERS  # such as .bak
    if is_suffix or len(volume.number) > 3 or not set(volume.number[:-1]) <= set("a0123456789"):
        return path
    raise UserError(f"{path}: is a volume of {volume.whole}, of which the first is missing; fetch it, too")


def _split(path: str) -> tuple[str, str]:
    """Split a path into its folder, with the slash, and its name."""
    folder, slash, name = path.rpartition("/")
    return folder + slash, name
