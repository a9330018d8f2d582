"""The files that `--corpus` means: globs, folders in place of their files, files that were cut into volumes."""

import itertools
import logging
import os
from collections.abc import Sequence
from typing import NamedTuple

from electra_pretrain.core import files, places, volumes
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.corpus.archives import kind_of
from electra_pretrain.corpus.contents import opened
from electra_pretrain.corpus.layouts.registry import AUTO, by_suffix, layout_among, layout_of
from electra_pretrain.corpus.looking import look
from electra_pretrain.corpus.patterns import no_such_file, patterns_of, spellings
from electra_pretrain.corpus.same_files import Names
from electra_pretrain.corpus.sniffing import NotText, is_description, is_junk

_NAMED = 3
_NOT_WORTH_A_WORD = "empty, or the corpus.json of a command"
_NO_FILE = "a pipe or a device"
_log = logging.getLogger(__name__)


class Found(NamedTuple):
    """The files of a corpus, and the folders all of which is the corpus."""

    paths: list[str]
    folders: list[str]


def find_corpus(word: str, layout: str = AUTO) -> list[str]:
    """List the files that comma-separated globs and folders name; as `find`, without the folders."""
    return find([word], layout).paths


def find(words: Sequence[str], layout: str = AUTO) -> Found:
    """List the files that globs and folders name: in the order given, those of each sorted, no file twice.

    A folder's files are meant that can be read as text, and those of its folders; a file that was cut is named by its first
    volume. A name composed by Windows finds one that a Mac has decomposed, and the other way round. Of the names of one file,
    be they links, the first pattern's counts, and of those the one in the fewest folders.

    Args:
        words: globs, names of files, names of folders; one word may hold several, with commas between them.
        layout: what `--layout` says, by which a folder's files are read.

    Raises:
        UserError: a pattern matches no file, or one that cannot be told for text; a folder holds no text; a volume is missing;
            a link leads nowhere.
    """
    names, found, folders = Names(), dict[str, None](), list[str]()
    for word in words:
        for pattern in patterns_of(word):
            matching = _matching(pattern, word, layout)
            folders += matching.folders
            found |= dict.fromkeys(names.first(matching.paths))
    if not found:
        raise UserError("no corpus given: name at least one file, folder or glob")
    names.tell()
    return Found(list(found), folders)


def _matching(pattern: str, word: str, layout: str) -> Found:
    spelled = list(spellings(pattern))
    matches = list(dict.fromkeys(itertools.chain.from_iterable(map(files.matching, spelled))))
    matches = matches or list(itertools.chain.from_iterable(map(volumes.cut_from, map(files.pinned, spelled))))
    folders = list(filter(files.is_dir, matches))
    found = [path for path in matches if path not in folders and (len(matches) == 1 or not _is_beside(path))]
    if folders and not found:
        return Found(list(itertools.chain.from_iterable(_readable(folder, layout) for folder in folders)), folders)
    if not found:
        raise no_such_file(pattern, word)
    _check_links(found)
    if odd := next(filter(_is_no_file, found), None):
        raise UserError(f"{odd}: is {_NO_FILE}, which can be read but once; write what it gives to a file, and name that")
    if left := _without_any(folders, found):
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


def _without_any(folders: Sequence[str], found: Sequence[str]) -> list[str]:
    """Return the folders in which, however they are called, none of the files that were found lies."""
    parents = [places.place(parent) for parent in {os.path.dirname(path) for path in found}] if folders else []
    return [folder for folder in folders if not any(map(places.place(folder).holds, parents))]


def _check_links(paths: Sequence[str]) -> None:
    for path in paths:
        if not files.is_remote(path) and os.path.islink(path) and not os.path.exists(path):
            raise UserError(f"{path}: is a link that leads nowhere, to {os.readlink(path)}; mend it or take it away")


def _is_beside(path: str) -> bool:
    """Tell whether a file lies beside others for a system's or a program's sake."""
    return is_junk(os.path.basename(path)) or _is_description(path)


def _is_description(path: str) -> bool:
    return os.path.basename(path) == "corpus.json" and not _is_no_file(path) and is_description(path, _head(path))


def _is_no_file(path: str) -> bool:
    """Tell what would block whoever opens it, or never end."""
    return not files.is_remote(path) and path != os.devnull and os.path.exists(path) and not os.path.isfile(path)


def _readable(folder: str, layout: str) -> list[str]:
    """List the files of a folder that can be read as text, and say so."""
    start = len(folder.rstrip("/")) + 1
    found, passed_over = list[str](), list[str]()
    inside = [path for path in files.walk(folder) if not is_junk(path[start:])]
    _check_links(inside)
    for path in volumes.fold(inside):
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
