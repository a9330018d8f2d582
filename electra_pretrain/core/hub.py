"""Files of the Hugging Face Hub: what `core/files.py` asks of a file system, to read and never to write.

    hf://datasets/OWNER/NAME[@REVISION]/PATH

and whatever else `huggingface_hub`'s file system knows: models as hf://OWNER/NAME, spaces, buckets. That library finds the
token (HF_TOKEN, hf auth login) and the address (HF_ENDPOINT).
"""  # fmt: skip

import functools
import io
import os
import posixpath
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn, cast

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.hub_requests import asked
from electra_pretrain.core.seeking import SeekableFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SCHEME = "hf://"
# What is read ahead. Every block is a request, of which the Hub allows a few thousand in five minutes.
_BLOCK_BYTES = 16 << 20
_TIMEOUT_SECONDS = 10


def pinned(path: str) -> str:
    """Name the commit that a path means now, so that no later one is read half-way: hf://datasets/OWNER/NAME@COMMIT/PATH.

    Each repository is asked for once; buckets have no commits.

    Raises:
        UserError: there is no such repository or revision, or this user may not read it.
    """
    system = _system(path)
    place = asked(path, lambda: system.resolve_path(path))
    if getattr(place, "repo_type", None) is None:
        return path
    commit = _commit(system.endpoint, place.repo_type, place.repo_id, place.revision)
    pinned_place = type(place)(
        repo_type=place.repo_type, repo_id=place.repo_id, revision=commit, path_in_repo=place.path_in_repo
    )
    return f"{SCHEME}{pinned_place.unresolve()}"


@functools.cache
def _commit(endpoint: str, repo_type: str, repo_id: str, revision: str) -> str:
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint)
    name = f"{SCHEME}{'' if repo_type == 'model' else f'{repo_type}s/'}{repo_id}"
    about = asked(name, lambda: api.repo_info(repo_id, repo_type=repo_type, revision=revision, timeout=_TIMEOUT_SECONDS))
    if getattr(about, "gated", False):  # all may list its files, few may read them: better refused now than at the first byte
        asked(name, lambda: api.auth_check(repo_id, repo_type=repo_type))
    return str(about.sha)


def exists(path: str) -> bool:
    return _entry(path) is not None


def is_dir(path: str) -> bool:
    entry = _entry(path)
    return entry is not None and entry["type"] == "directory"


def size(path: str) -> int:
    return int(_present(path)["size"])


def sha256(path: str) -> str | None:
    """Return the SHA-256 of a file's content where the Hub knows it (of all but small files), without reading the file."""
    lfs = _present(path).get("lfs")
    return None if lfs is None else str(lfs.sha256)


def list_dir(path: str) -> list[str]:
    system = _system(path)
    return [posixpath.basename(name) for name in asked(path, lambda: system.ls(path, detail=False))]


def glob(pattern: str) -> list[str]:
    """List what a pattern names; as with a shell, `*` stands for no name that begins with a dot."""
    system = _system(pattern)
    hidden = posixpath.basename(pattern).startswith(".")
    found = asked(pattern, lambda: system.glob(pattern))
    return [SCHEME + name for name in found if hidden or not posixpath.basename(name).startswith(".")]


def walk(folder: str) -> list[str]:
    system = _system(folder)
    return [SCHEME + name for name in asked(folder, lambda: system.find(folder))]


def open_raw(path: str, mode: str) -> BinaryIO:
    if mode != "rb":
        _refuse(path)
    if _present(path)["type"] == "directory":
        raise UserError(f"{path}: is a folder; name its files")
    return cast(BinaryIO, io.BufferedReader(_HubFile(path), _BLOCK_BYTES))


def make_dirs(path: str) -> None:
    _refuse(path)


def remove(path: str) -> None:
    _refuse(path)


def replace(source: str, target: str) -> None:
    _refuse(target)


def _refuse(path: str) -> NoReturn:
    raise UserError(
        f"{path}: nothing is written to the Hub; write to a folder or to gs://, then upload it: "
        "hf upload OWNER/NAME FOLDER --repo-type dataset"
    )


class _HubFile(SeekableFile):
    """A file on the Hub, each read of which is a request; where it breaks off, it is made again.

    Raises:
        UserError: the Hub refuses, or no longer answers.
    """

    def __init__(self, path: str) -> None:
        system = _system(path)
        self._path = path
        # The library's own cache would hide an answer of another length than was asked for.
        self._file = asked(path, lambda: system.open(path, "rb", cache_type="none"))
        super().__init__(int(self._file.size))

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        wanted = min(len(view), self.size - self.position)
        if wanted <= 0:
            return 0
        view[:wanted] = asked(self._path, lambda: self._read(wanted))
        self.position += wanted
        return wanted

    def readall(self) -> bytes:
        return b"".join(iter(lambda: self.read(_BLOCK_BYTES) or b"", b""))  # by default it reads 8 KB at a time

    def _read(self, wanted: int) -> bytes:
        self._file.seek(self.position)
        content: bytes = self._file.read(wanted)
        if len(content) != wanted:  # a mirror that takes no ranges, or a cut that went unnoticed
            raise ConnectionError(f"{wanted} bytes from {self.position} were asked for, {len(content)} came")
        return content


def _present(path: str) -> dict[str, Any]:
    entry = _entry(path)
    if entry is None:
        raise UserError(f"{path}: no such file in the repository; check the path")
    return entry


def _entry(path: str) -> dict[str, Any] | None:
    """Look up a file or folder in its folder's listing, which is fetched once; None if it is not in it."""
    system = _system(path)

    def look() -> dict[str, Any] | None:
        try:
            return cast(dict[str, Any], system.info(path))
        except FileNotFoundError as error:
            if error.__cause__ is not None:  # no such repository or revision
                raise
            return None

    return asked(path, look)


def _system(path: str) -> Any:
    constants = optional.load("huggingface_hub.constants", path, extra="hub")
    return _system_at((os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/"))


@functools.cache
def _system_at(endpoint: str) -> Any:
    """Return the library's file system; its listings and answers are kept for as long as the process lives."""
    from huggingface_hub import HfFileSystem

    return HfFileSystem(endpoint=endpoint, skip_instance_cache=True)
