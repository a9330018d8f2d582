"""Files that bear several names, by links or by another spelling: each is read once, whatever finds it."""

import logging
import os
import unicodedata
from collections.abc import Sequence

from electra_pretrain.core import files
from electra_pretrain.core.errors import first_of

_NAMED = 3
_log = logging.getLogger(__name__)


class Names:
    """The files that were named so far, by what the system knows them by, and the names that lead to one of them again."""

    def __init__(self) -> None:
        self._first = dict[object, str]()
        self._others = dict[str, str]()

    def first(self, paths: Sequence[str]) -> list[str]:
        """Return the names of files that have no other one before; the same order."""
        files_of = {path: _identity(path) for path in sorted(paths, key=lambda path: path.count("/"))}
        for path, file in files_of.items():
            first = self._first.setdefault(file, path)
            if _composed(first) != _composed(path):
                self._others[path] = first
        return [path for path in paths if self._first[files_of[path]] == path]

    def tell(self) -> None:
        if self._others:
            _log.warning(
                "files under a second name, which are read once (%s): %s; copy a file that is to count twice",
                f"{len(self._others):,}",
                first_of([f"{path} (that is {first})" for path, first in self._others.items()], _NAMED),
            )


def is_among(path: str, paths: Sequence[str]) -> bool:
    """Tell whether a file is one of a corpus."""
    if files.is_remote(path) or not os.path.exists(path):
        return path in paths
    own = os.stat(path)
    return any(not files.is_remote(each) and os.path.samestat(own, os.stat(each)) for each in paths)


def _identity(path: str) -> object:
    """Tell a file by its place on the disk: by that a link's is its target's."""
    if files.is_remote(path):
        return path
    place = os.stat(path)
    return place.st_dev, place.st_ino


def _composed(path: str) -> str:
    """Spell a file's name as anyone would, so that `./a.txt` is no other name of `a.txt`."""
    return path if files.is_remote(path) else os.path.abspath(unicodedata.normalize("NFC", path))
