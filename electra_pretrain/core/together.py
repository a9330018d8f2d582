"""Several files that count as one: all of them are replaced, or none; killed between, what lies there does not count.

They are written where nobody looks, whole, before the first is moved. Of those that they replace the last goes first: it is
the commit, without which the others do not count.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import check_replaceable

_END_BYTES = 1 << 20
_COMMANDS = ("export_hf", "export_tf1", "import_checkpoint")  # that `staged` serves


def write_all(contents: Mapping[str, bytes]) -> None:
    """Write files by their paths, in this order; the last is the commit.

    Raises:
        UserError: they cannot be written; what was there before is as it was.
    """
    moves = {files.temporary_name(path): path for path in contents}
    try:
        for temporary, path in moves.items():
            files.make_parent(path)
            with files.open_raw(temporary, "wb") as file:
                file.write(contents[path])
        _move(moves, list(contents)[-1:])
    except OSError as error:
        raise UserError(f"{error.filename or list(contents)[-1]}: cannot be written ({error.strerror or error})") from error
    finally:
        for temporary in moves:
            with contextlib.suppress(Exception):
                files.remove(temporary)


@contextlib.contextmanager
def staged(folder: str, command: str, last: Sequence[str], overwrite: bool = False) -> Iterator[str]:
    """Give a folder to write to; move what the block wrote there into `folder`, if it succeeds.

    `folder` notes what each file was when it was moved (`.COMMAND.json`), so that it is known again.

    Args:
        folder: where the files belong; what else lies there stays.
        command: that makes them.
        last: regular expressions of the names that come last, in this order, `/` between folder and file: the commit.
        overwrite: files that the command did not make are replaced, too.

    Raises:
        UserError: a file lies there that the command did not make.
    """
    staging = files.temporary_name(files.join(folder, f".{command}"))
    files.remove_temporaries(folder, rf"\.{command}(?:\.json)?")
    with files.removed_if_empty(folder), _removed(staging):
        files.make_dirs(staging)
        yield staging
        names = [path[len(staging.rstrip("/")) + 1 :] for path in files.walk(staging)]
        names.sort(key=lambda name: next((n for n, pattern in enumerate(last, 1) if re.fullmatch(pattern, name)), 0))
        stamps = {name: _stamp(files.join(staging, name)) for name in names}
        note = _read_note(folder, command)
        for name in names:
            _check_ours(folder, name, [*note.get(name, []), stamps[name]], overwrite)
        there = {name: _stamps_there(folder, name) for name in names}
        _write_note(folder, command, {**note, **{name: [*there[name], stamps[name]] for name in names}})
        commits = [name for name in names if any(re.fullmatch(pattern, name) for pattern in last)]
        for name in names:
            files.make_parent(files.join(folder, name))
        moves = {files.join(staging, name): files.join(folder, name) for name in names}
        _move(moves, [files.join(folder, name) for name in commits])


@contextlib.contextmanager
def _removed(folder: str) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            files.remove(folder)


def check_folder(option: str, folder: str, command: str, names: str, overwrite: bool = False) -> None:
    """Refuse a folder in which `staged` would replace what the command did not make.

    Args:
        option: that named the folder, for messages.
        folder: there may be none.
        command: that fills it.
        names: regular expression of the names that it gives.
        overwrite: it may.

    Raises:
        UserError: there is such a file.
    """
    if not files.is_dir(folder):
        return
    note = _read_note(folder, command)
    for path in files.walk(folder):
        name = path[len(folder.rstrip("/")) + 1 :]
        if re.fullmatch(names, name):
            _check_ours(folder, name, note.get(name, []), overwrite, option)


def filled_by(folder: str) -> str | None:
    """Return the command that `staged` filled a folder for, one of them where there were several; None for none."""
    return next((command for command in _COMMANDS if files.exists(files.join(folder, _note_name(command)))), None)


def check_unchanged(folder: str, command: str, name: str) -> None:
    """Refuse a file that is another than the command wrote there; a folder in which it noted nothing may hold anything.

    Raises:
        UserError: it is missing, or another.
    """
    stamps, path = _read_note(folder, command).get(name, []), files.join(folder, name)
    if stamps and not (files.exists(path) and _stamp(path) in stamps):
        what = "is not the file that" if files.exists(path) else "is missing, which"
        note = files.join(folder, _note_name(command))
        raise UserError(f"{path}: {what} {command} wrote there, as {note} says; put it back, or export again")


def _check_ours(folder: str, name: str, stamps: Sequence[str], overwrite: bool, option: str = "") -> None:
    check_replaceable(option, files.join(folder, name), lambda path: _stamp(path) in stamps, overwrite)


def _move(moves: Mapping[str, str], commits: Sequence[str]) -> None:
    """Move files, in this order, once those of the old ones that are commits are gone."""
    for target in reversed(commits):
        files.remove(target)
    for source, target in moves.items():
        files.replace(source, target)


def _stamp(path: str) -> str:
    """Tell a file by its size, and the hash of its first and its last megabyte: other weights differ in every one."""
    size = files.size(path)
    with files.open_raw(path) as file:
        digest = hashlib.sha256(file.read(_END_BYTES))
        file.seek(max(0, size - _END_BYTES))
        digest.update(file.read(_END_BYTES))
    return f"{size}-{digest.hexdigest()}"


def _stamps_there(folder: str, name: str) -> list[str]:
    path = files.join(folder, name)
    return [_stamp(path)] if files.exists(path) else []


def _note_name(command: str) -> str:
    return f".{command}.json"


def _read_note(folder: str, command: str) -> dict[str, list[str]]:
    """Read what a command noted in a folder: name -> the stamps of files of its own; nothing, if it did not."""
    path = files.join(folder, _note_name(command))
    try:
        found = json.loads(files.read_bytes(path)) if files.exists(path) else {}
    except (ValueError, RecursionError):
        found = {}
    entries = found.items() if isinstance(found, dict) else ()
    return {name: [str(stamp) for stamp in stamps] for name, stamps in entries if isinstance(stamps, list)}


def _write_note(folder: str, command: str, note: Mapping[str, Sequence[str]]) -> None:
    stamps = {name: list(dict.fromkeys(note[name])) for name in sorted(note)}
    files.write_text(files.join(folder, _note_name(command)), json.dumps(stamps, indent=1) + "\n")
