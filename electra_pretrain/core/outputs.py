"""What a command is about to write, held against what it reads and what lies there, before anything is written.

An output is never an input, nor lies among the inputs; it takes the place of nothing that the command did not make; it can be
written when the work is done. What killed runs left half-written in its place goes.
"""

import itertools
import os
import re
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.marks import Recogniser
from electra_pretrain.core.places import Place, place


class Input(NamedTuple):
    """A file that a command reads, or a folder that is its to read; of what is not there, nothing is held against it."""

    option: str
    path: str | None


def files_of(option: str, folder: str) -> list[Input]:
    """Return what a run's folder holds: its files are read and stay, others may come to lie beside them, such as exports."""
    names = files.list_dir(folder) if files.is_dir(folder) else []
    return [Input(option, path) for name in names if not files.is_dir(path := files.join(folder, name))]


class OutputFile(NamedTuple):
    """A file that a command writes if its path is not None; `is_ours` tells whether what lies there is its own."""

    option: str
    path: str | None
    is_ours: Recogniser


class OutputFolder(NamedTuple):
    """A folder that a command fills; `makes` is a regular expression of the names that it gives in it."""

    option: str
    path: str | None
    makes: str = ""


Output = OutputFile | OutputFolder


def check(outputs: Iterable[Output], inputs: Iterable[Input], overwrite: bool = False) -> None:
    """Refuse outputs that would destroy something, or could not be written in the end.

    Args:
        outputs: all that the command writes where its arguments say.
        inputs: all that it reads.
        overwrite: files that the command did not make may be replaced; inputs never.

    Raises:
        UserError: an output is an input, lies in one or holds one; is another output's file, or no regular one; what lies in
            its place is not this command's; or its folder cannot be made or written to.
    """
    wanted = [output for output in outputs if output.path is not None]
    check_can_be_made(wanted)
    known: dict[str, frozenset[tuple[int, int]]] = {}
    places = [(output, place(str(output.path), known)) for output in wanted]
    for each in inputs:
        if each.path is not None and not files.is_hub(each.path):
            _check_apart(places, each, place(each.path, known))
    for (one, one_place), (other, other_place) in itertools.combinations(places, 2):
        _check_pair(one, one_place, other, other_place)
    for output in wanted:
        if isinstance(output, OutputFile):
            check_replaceable(output.option, str(output.path), output.is_ours, overwrite)
    for output in wanted:
        _sweep(output)


def check_replaceable(option: str, path: str, is_ours: Recogniser, overwrite: bool = False) -> None:
    """Refuse to replace what the command did not make.

    Raises:
        UserError: there is a folder, a device, a pipe or a socket, whatever `overwrite` says; or a file of others.
    """
    called = f"{option} {path}".strip()
    _check_no_other_kind(called, path)
    if overwrite or not files.exists(path) or not files.size(path):
        return
    try:
        ours = is_ours(path)
    except (OSError, ValueError):  # what cannot be read, or is nothing like it
        ours = False
    if not ours:
        raise UserError(
            f"{called}: a file of {files.size(path):,} bytes lies there that this command did not make; "
            "choose another name, or replace it with --overwrite"
        )


def check_can_be_made(outputs: Iterable[Output]) -> None:
    """Refuse outputs that could not be written, whatever is read; `check` does so, too.

    Raises:
        UserError: there lies something that no file can replace, or a folder cannot be made or written to.
    """
    for output in outputs:
        if output.path is not None:
            _check_can_be_made(output)


def _check_no_other_kind(called: str, path: str) -> None:
    if not files.is_remote(path) and os.path.lexists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise UserError(f"{called}: there lies {_kind(path)}, whose place no file can take; choose another name")
    if path.endswith("/") or files.is_dir(path):
        raise UserError(f"{called}: is a folder; name a file in it, such as {files.join(path, 'FILE')}")


def _check_can_be_made(output: Output) -> None:
    path, called = str(output.path), f"{output.option} {output.path}"
    if not path:
        raise UserError(f"{output.option}: names nothing; give a path")
    if files.is_hub(path):
        raise UserError(f"{called}: the Hub is only read from; choose a folder of this machine or a gs:// one")
    if isinstance(output, OutputFile):
        _check_no_other_kind(called, path)
    if files.is_remote(path):
        return
    try:
        os.lstat(files.temporary_name(path.rstrip("/")))  # the longest name that will be asked for
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        raise UserError(f"{called}: cannot be written ({getattr(error, 'strerror', error)}); choose another path") from error
    above = _nearest(path if isinstance(output, OutputFolder) else os.path.dirname(path) or ".")
    if not os.path.isdir(above):
        raise UserError(f"{called}: {above} is no folder; choose another path")
    if not os.access(above, os.W_OK | os.X_OK):
        raise UserError(f"{called}: {above} is not writable; choose another path or change its permissions")


def _nearest(path: str) -> str:
    """Return the path, or of what does not exist the nearest thing above that does."""
    path = os.path.abspath(path)
    return path if os.path.lexists(path) else _nearest(os.path.dirname(path))


def _check_apart(places: Sequence[tuple[Output, Place]], each: Input, read: Place) -> None:
    for output, written in places:
        called = f"{output.option} {output.path}"
        if read.holds(written):
            same = written.holds(read)
            how = f"is {each.path}, which is read" if same else f"lies in {each.path}, all of which is read"
            raise UserError(f"{called}: {how} ({each.option}); choose another place")
        if isinstance(output, OutputFolder) and written.holds(read):
            raise UserError(f"{called}: holds {each.path}, which is read ({each.option}); choose another folder")


def _check_pair(one: Output, one_place: Place, other: Output, other_place: Place) -> None:
    if isinstance(one, OutputFile) and isinstance(other, OutputFolder):
        one, one_place, other, other_place = other, other_place, one, one_place
    called = f"{other.option} {other.path}"
    if isinstance(one, OutputFile):
        if one_place.holds(other_place) or other_place.holds(one_place):
            raise UserError(f"{called}: is {one.option}, too; name another file")
        return
    inside = one_place.holds(other_place) and re.fullmatch(f"(?:{one.makes})(?:/.*)?", one_place.within(other_place), re.DOTALL)
    if isinstance(other, OutputFile) and (inside or other_place.holds(one_place)):
        raise UserError(f"{called}: is the name of something that {one.option} {one.path} will hold; name another file")
    if isinstance(other, OutputFile) and one_place.holds(other_place):
        raise UserError(f"{called}: lies in {one.option} {one.path}, which is read as a whole later; name a file beside it")


def _kind(path: str) -> str:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode) and not os.path.exists(path):
        return "a link that leads nowhere"
    mode = os.stat(path).st_mode
    kinds = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
    return next((kind for test, kind in kinds.items() if test(mode)), "something")


def _sweep(output: Output) -> None:
    path = str(output.path)
    if isinstance(output, OutputFolder):
        return  # swept by whoever holds its lock: another machine's run may be at work there
    folder, name = (path.rpartition("/")[0], path.rpartition("/")[2]) if files.is_remote(path) else os.path.split(path)
    files.remove_temporaries(folder or ".", re.escape(name), elsewhere=False)  # a single file has no lock
