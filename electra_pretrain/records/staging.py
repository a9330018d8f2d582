"""Copy a folder of records to a bucket: several files at a time, each checked, the manifest last.

A manifest means "whole" in the bucket too: while anything is missing or differs there, no manifest lies beside it.
"""

import base64
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from multiprocessing.pool import ThreadPool
from typing import NamedTuple, TypeVar

from electra_pretrain.core import files, optional
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.hashing import HashedFile
from electra_pretrain.core.progress import Progress
from electra_pretrain.records.bucket import BucketFolder, Stored
from electra_pretrain.records.manifest import MANIFEST_NAME, check_shards, load_manifest

T = TypeVar("T")
R = TypeVar("R")


class LocalFile(NamedTuple):
    """A file to be copied: its path, and what the bucket must report of it."""

    path: str
    stored: Stored

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


class Staged(NamedTuple):
    """What was done; `seconds` of sending alone."""

    files: int
    uploaded: int
    uploaded_bytes: int
    seconds: float
    left_alone: list[str]  # paths, here and in the bucket, that are none of the records


def stage(folder: str, url: str, workers: int, overwrite: bool) -> Staged:
    """Make the folder `url` of a bucket hold the records of the local `folder`, sending only what is missing or differs.

    Args:
        folder: made by build_data; its shards and vocabulary are checked against the manifest's hashes first.
        url: gs://bucket/folder.
        workers: how many files are read, then sent, at once.
        overwrite: whether other records that lie there may be replaced.

    Raises:
        UserError: the local folder is not whole, other records lie there, or the bucket cannot be used.
    """
    hashes = _expected_hashes(folder)
    remote = BucketFolder(url, workers)
    there = remote.objects()
    manifest = _read(files.join(folder, MANIFEST_NAME))
    if not overwrite and there.get(MANIFEST_NAME, manifest.stored) != manifest.stored:
        raise UserError(
            f"{remote.url}: holds other records (its {MANIFEST_NAME} differs); choose another folder there, "
            "or replace them with --overwrite"
        )
    records = _read_all(folder, hashes, workers)
    if not overwrite and MANIFEST_NAME not in there:
        _check_foreign(remote.url, records, there)
    pending = [file for file in records if there.get(file.name) != file.stored]
    started = time.monotonic()
    if pending or there.get(MANIFEST_NAME) != manifest.stored:
        if MANIFEST_NAME in there:
            remote.remove(MANIFEST_NAME)
        _upload(pending, manifest, remote, workers)
        pending.append(manifest)
    names = {MANIFEST_NAME, *hashes}
    return Staged(
        files=len(names),
        uploaded=len(pending),
        uploaded_bytes=sum(file.stored.bytes for file in pending),
        seconds=time.monotonic() - started,
        left_alone=[
            *(files.join(folder, name) for name in files.list_dir(folder) if name not in names),
            *(files.join(remote.url, name) for name in sorted(there) if name not in names),
        ],
    )


def _check_foreign(url: str, records: Sequence[LocalFile], there: Mapping[str, Stored]) -> None:
    """Refuse to replace what no manifest tells of: records of other settings, not all sent, or something else altogether."""
    if others := [file.name for file in records if there.get(file.name, file.stored) != file.stored]:
        raise UserError(
            f"{url}: holds another {first_of(others)}, of which no {MANIFEST_NAME} tells; choose another folder there, "
            "or replace it with --overwrite"
        )


def _expected_hashes(folder: str) -> dict[str, str]:
    """Return the SHA-256, by name, of what the manifest describes, after a look at whether it is all there."""
    if files.is_remote(folder):
        raise UserError(f"{folder}: must be a local folder of records, made by build_data")
    manifest = load_manifest(folder)
    shards = manifest.train_shards + manifest.heldout_shards
    check_shards(folder, shards)
    vocab_path = files.join(folder, manifest.vocabulary.file_name)
    if not files.exists(vocab_path):
        raise UserError(f"{vocab_path}: missing; copy it again or rebuild the data")
    return {manifest.vocabulary.file_name: manifest.vocabulary.sha256} | {shard.name: shard.sha256 for shard in shards}


def _read_all(folder: str, hashes: dict[str, str], workers: int) -> list[LocalFile]:
    expected = {files.join(folder, name): sha256 for name, sha256 in hashes.items()}
    with Progress("check files", sum(map(files.size, expected)) / 1e6, "MB") as progress:
        return _in_parallel(lambda path: _read(path, expected[path], progress), list(expected), workers)


def _read(path: str, sha256: str | None = None, progress: Progress | None = None) -> LocalFile:
    """Read a file for its size and its CRC32C, and hold it against a SHA-256 if one is given."""
    crc32c = optional.load("google_crc32c", path, package="google-crc32c").Checksum()
    with open(path, "rb") as raw:
        file = HashedFile(raw)
        while content := file.read(1 << 20):
            crc32c.update(content)
            if progress is not None:
                progress.update(len(content) / 1e6)
    if sha256 is not None and file.sha256() != sha256:
        raise UserError(f"{path}: damaged or changed, its SHA-256 is not the manifest's; copy it again or rebuild the data")
    return LocalFile(path, Stored(file.bytes_read, base64.b64encode(crc32c.digest()).decode("ascii")))


def _upload(records: Sequence[LocalFile], manifest: LocalFile, remote: BucketFolder, workers: int) -> None:
    """Send the records side by side and, when all have arrived, the manifest."""
    ended = threading.Event()
    with Progress("upload", sum(file.stored.bytes for file in [*records, manifest]) / 1e6, "MB") as progress:

        def send(file: LocalFile) -> None:
            shown = 0

            def watch(position: int) -> None:
                nonlocal shown
                if ended.is_set():
                    raise CancelledError
                # A file that is sent again goes over what was counted.
                progress.update(max(0, position - shown) / 1e6)
                shown = max(shown, position)

            remote.upload(file.path, file.name, file.stored.crc32c, watch)

        try:
            _in_parallel(send, records, workers)
            send(manifest)
        finally:
            ended.set()


def _in_parallel(work: Callable[[T], R], items: Sequence[T], workers: int) -> list[R]:
    """Return results in any order. The first error ends it at once: the threads are daemons, nothing waits for them."""
    with ThreadPool(workers) as pool:
        return list(pool.imap_unordered(work, items))
