"""The files that `--corpus` means: globs, folders in place of their files, files that were cut into volumes."""

import fnmatch
import itertools
import logging
import os
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from electra_pretrain.core import files, volumes
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.corpus.archives import kind_of
from electra_pretrain.corpus.contents import opened
from electra_pretrain.corpus.layouts.registry import AUTO, by_suffix, layout_among, layout_of
from electra_pretrain.corpus.looking import look
from electra_pretrain.corpus.sniffing import NotText, is_description, is_junk

_NAMED = 3
_MOST_SPELLINGS = 64
_NOT_WORTH_A_WORD = "empty, or the corpus.json of a command"
_NO_FILE = "a pipe or a device"
_log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The files of a corpus, and the folders all of which is the corpus."""

    paths: list[str]
    folders: list[str]


def find_corpus(patterns: str, layout: str = AUTO) -> list[str]:
    """List the files that comma-separated globs and folders name; as `find`, without the folders."""
    return find(patterns, layout).paths


def find(patterns: str, layout: str = AUTO) -> Found:
    """List the files that comma-separated globs and folders name: patterns in the order given, each sorted, nothing twice.

    A folder's files are meant that can be read as text, and those of its folders; a file that was cut is named by its first
    volume. A name composed by Windows finds one that a Mac has decomposed, and the other way round.

    Args:
        patterns: the globs.
        layout: what `--layout` says, by which a folder's files are read.

    Raises:
        UserError: a pattern matches no file, or one that cannot be told for text; a folder holds no text; a volume is missing.
    """
    found, folders = dict[tuple[object, ...], str](), list[str]()
    for pattern in filter(None, (part.strip() for part in patterns.split(","))):
        matching = _matching(pattern, layout)
        folders += matching.folders
        for path in matching.paths:
            found.setdefault(_identity(path), path)
    if not found:
        raise UserError("no corpus given: name at least one file, folder or glob")
    return Found(list(found.values()), folders)


def would_find(patterns: str, path: str) -> str | None:
    """Return the pattern that finds a path as soon as something lies there; None if none does.

    Of a pattern with `**` it is the last name, and the folder that the pattern begins with, that count.
    """

    def names(place: str) -> list[str]:
        return (place if files.is_remote(place) else os.path.abspath(place)).split("/")

    for pattern in filter(None, (part.strip() for part in patterns.split(","))):
        wanted, found = names(pattern), names(path)
        if "**" in wanted:
            start = wanted.index("**")
            wanted = [*wanted[:start], *["*"] * (len(found) - start - 1), wanted[-1]]
        hidden = found[-1].startswith(".") and not wanted[-1].startswith(".")  # which globs pass over
        if len(wanted) == len(found) and not hidden and all(map(fnmatch.fnmatchcase, found, wanted)):
            return pattern
    return None


def is_among(path: str, paths: Sequence[str]) -> bool:
    """Tell whether a file is one of a corpus."""
    if files.is_remote(path) or not os.path.exists(path):
        return path in paths
    own = os.stat(path)
    return any(not files.is_remote(each) and os.path.samestat(own, os.stat(each)) for each in paths)


def _identity(path: str) -> tuple[object, ...]:
    """Tell a file by what it is called, however spelled; of two names that only look alike each is another file."""
    if files.is_remote(path):
        return (path,)
    place = os.stat(path)
    return os.path.normpath(unicodedata.normalize("NFC", path)), place.st_dev, place.st_ino


def _matching(pattern: str, layout: str) -> Found:
    spellings = list(_spellings(pattern))
    matches = list(dict.fromkeys(itertools.chain.from_iterable(map(files.matching, spellings))))
    matches = matches or list(itertools.chain.from_iterable(map(volumes.cut_from, map(files.pinned, spellings))))
    folders = list(filter(files.is_dir, matches))
    found = [path for path in matches if path not in folders and (len(matches) == 1 or not _is_beside(path))]
    if folders and not found:
        return Found(list(itertools.chain.from_iterable(_readable(folder, layout) for folder in folders)), folders)
    if not found:
        raise files.no_such_file(pattern)
    if odd := next(filter(_is_no_file, found), None):
        raise UserError(f"{odd}: is {_NO_FILE}, which can be read but once; write what it gives to a file, and name that")
    read = {f"{os.path.dirname(path)}/" for path in found}
    if left := [folder for folder in folders if not any(parent.startswith(f"{folder.rstrip('/')}/") for parent in read)]:
        names = first_of(left, _NAMED)
        _log.warning(
            "%s: matches files, which are read, and folders, which are passed over: %s; name them, too", pattern, names
        )
    whole = volumes.fold(sorted(found))
    if both := [path for path in whole if volumes.was_cut(path) and volumes.whole_name(path) in whole]:
        raise UserError(f"{pattern}: names both {volumes.whole_name(both[0])} and its volumes, {both[0]} …; name one of them")
    for path in whole:
        if not files.is_remote(path) and _is_unknown(path):
            _head_layout(path, layout)
    return Found(whole, [])


def _is_beside(path: str) -> bool:
    """Tell whether a file lies beside others for a system's or a program's sake."""
    return is_junk(os.path.basename(path)) or _is_description(path)


def _is_description(path: str) -> bool:
    return os.path.basename(path) == "corpus.json" and not _is_no_file(path) and is_description(path, _head(path))


def _is_no_file(path: str) -> bool:
    """Tell what would block whoever opens it, or never end; a link that leads nowhere is left to be named by the system."""
    return not files.is_remote(path) and path != os.devnull and os.path.exists(path) and not os.path.isfile(path)


def _spellings(pattern: str) -> Iterator[str]:
    """Spell a pattern in all ways in which Hangul may be written, each name in it by itself."""
    yield pattern
    if pattern.isascii():
        return
    names = [list(dict.fromkeys(_forms(name))) for name in pattern.split("/")]
    spelled = itertools.chain(_forms(pattern), map("/".join, itertools.product(*names)))
    yield from (each for each in itertools.islice(spelled, _MOST_SPELLINGS) if each != pattern)


def _forms(name: str) -> tuple[str, str]:
    return unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)


def _readable(folder: str, layout: str) -> list[str]:
    """List the files of a folder that can be read as text, and say so."""
    start = len(folder.rstrip("/")) + 1
    found, passed_over = list[str](), list[str]()
    for path in volumes.fold([path for path in files.walk(folder) if not is_junk(path[start:])]):
        what = _not_meant(path, layout)
        if not what:
            found.append(path)
        elif what != _NOT_WORTH_A_WORD:
            passed_over.append(f"{path[start:]} ({what})")
    if not found:
        others = f": {first_of(passed_over, _NAMED)}" if passed_over else ""
        raise UserError(f"{folder}: no file in this folder can be read as text{others}; name files, and their --layout")
    names = first_of([path[start:] for path in found], _NAMED)
    _log.info("%s: a folder, of which these files are read (%s): %s", folder, f"{len(found):,}", names)
    if passed_over:
        names = first_of(passed_over, _NAMED)
        _log.warning("%s: files that are no text that is known, passed over (%s): %s", folder, f"{len(passed_over):,}", names)
    return found


def _not_meant(path: str, layout: str) -> str:
    """Say what a folder's file is that nobody can have meant; "" where its name, or else its content, tells that it is text."""
    if _is_no_file(path):
        return _NO_FILE
    if _is_description(path):
        return _NOT_WORTH_A_WORD
    if not _is_unknown(path):
        return ""
    try:
        return "" if _head_layout(path, layout, among=True) else _NOT_WORTH_A_WORD
    except NotText as error:
        return error.what


def _is_unknown(path: str) -> bool:
    """Tell whether a file's name says nothing of its layout."""
    name = volumes.whole_name(path)
    return not kind_of(name) and by_suffix(name) is None


def _head_layout(path: str, layout: str, among: bool = False) -> bool:
    """Tell whether a file that begins as it does holds anything; raises as `layout_of`, with `among` as `layout_among`."""
    head = _head(path)
    (layout_among if among else layout_of)(volumes.whole_name(path), head, layout)
    return bool(head)


def _head(path: str) -> bytes:
    with volumes.open_whole(path) as raw, opened(path, raw) as file:
        return look(file)[0]
