"""Work that goes on where a stopped run left it: what it is made of, where it waits, what of it is finished.

A *fingerprint* is a hash of all that an outcome depends on. A *work folder* holds what is unfinished; its name tells input and
settings. A *marker* is the file that says that a task is finished, and what came of it.
"""

import hashlib
import json
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files, volumes
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.progress import Progress

Source = dict[str, Any]  # "path", "bytes" and "sha256" of a file as it is stored


def fingerprint(identity: Any) -> str:
    """Return 16 hexadecimal digits that tell what JSON can hold apart."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def check_fingerprint(output: str, found: str, wanted: str, what: str, differing: Sequence[str] = ()) -> None:
    """Refuse a folder of finished work that is another's.

    Args:
        output: the folder.
        found: the fingerprint of what it holds.
        wanted: the fingerprint of what it should hold.
        what: it holds: "records", "text".
        differing: settings that are known to differ, in words; there may be others.

    Raises:
        UserError: the two differ.
    """
    if found != wanted:
        known = f" ({', '.join(differing)})" if differing else ""
        way_out = "choose another --output, or move this folder away"
        raise UserError(f"{output}: holds {what} of other input or settings{known}; {way_out}")


def sources(paths: Sequence[str]) -> list[Source]:
    """List the files that something is made of; the hash tells an edited file of the same size."""
    with Progress("check sources", sum(map(volumes.size, paths)) / 1e6, "MB") as progress:
        return [source(path, progress) for path in paths]


def source(path: str, progress: Progress | None = None) -> Source:
    """Describe one file, all its volumes as one."""
    return {"path": path, "bytes": volumes.size(path), "sha256": volumes.sha256(path, progress)}


class Marker(NamedTuple):
    """The file that says that a task is finished.

    Attributes:
        path: of the file.
        key: of what the task was given, where the work folder's name does not tell all of it.
    """

    path: str
    key: str = ""

    def result(self) -> Any:
        """Return what came of the task; None if it is not finished, was given something else, or its marker is damaged."""
        try:
            saved = json_files.read(self.path)
        except UserError:  # none, or broken: it vouches for nothing, and the task is done again
            return None
        if not isinstance(saved, dict) or saved.keys() != {"key", "result"} or saved["key"] != self.key:
            return None
        return saved["result"]

    def save(self, result: Any) -> None:
        """Say that the task is finished; `result` is what JSON can hold, and not None."""
        files.write_text(self.path, json.dumps({"key": self.key, "result": result}))

    def remove(self) -> None:
        """Say so no more: a marker must not outlive the files that it vouches for."""
        files.remove(self.path)


class WorkFolder(NamedTuple):
    """Where a command keeps unfinished work.

    Attributes:
        path: of the folder.
        output: the folder of the finished work.
        prefix: with which the names of all the command's work folders begin.
    """

    path: str
    output: str
    prefix: str

    def was_begun(self) -> bool:
        """Tell whether the command has worked for this output before, with these settings or others."""
        return files.exists(self.path) or any(name.startswith(self.prefix) for name in files.list_dir(self.output))

    def check_foreign(self, names: Sequence[str], reason: str) -> None:
        """Refuse an output that holds what the command would write over and has not made.

        Args:
            names: of such files in it, maybe none.
            reason: what follows the first one's name in the message.

        Raises:
            UserError: there are such files, and the command was not begun.
        """
        if names and not self.was_begun():
            raise UserError(f"{self.output}: holds {first_of(names)}, {reason}")

    def remove(self) -> None:
        """Remove it, and what killed runs of other settings left in the output."""
        files.remove(self.path)
        for name in files.list_dir(self.output):
            if name.startswith(self.prefix):
                files.remove(files.join(self.output, name))


def work_folder(command: str, key: str, output: str, shared_dir: str | None) -> WorkFolder:
    """Choose a folder for unfinished work: in the output, for a remote one in the local temporary folder, or where told.

    Args:
        command: the name of the command.
        key: tells input and settings.
        output: the folder of the finished work.
        shared_dir: a folder that all machines see.
    """
    prefix = f".{command}-"
    output = output.rstrip("/") or output
    parent = shared_dir or (tempfile.gettempdir() if files.is_remote(output) else output)
    name = prefix + key
    if parent.rstrip("/") != output:  # others may use it too, so that the name also tells the output
        name += "-" + hashlib.sha256(output.encode("utf-8")).hexdigest()[:8]
    return WorkFolder(files.join(parent, name), output, prefix)
