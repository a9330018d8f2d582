"""A folder in a Google Cloud Storage bucket: what lies there, uploads checked by CRC32C, and one line for what goes wrong.

It goes through Google's own library, because TensorFlow's file system, which `files` uses, tells no checksums. The library
retries what is transient, checks what it sends, and honours STORAGE_EMULATOR_HOST; it is imported only when a folder is opened.

Its `transfer_manager.upload_many` is not used, as it cannot keep what is asked of an upload here:
- It tells of an error when it is done with all files. Here nothing more is sent after one, be it the rest of a file that is
  half there.
- Of a file object it does not pass on the size, without which each small file takes two requests instead of one; of a path it
  opens the file itself, and then nothing tells how far a file of many chunks has come.
- Its pool's threads are waited for when the process ends, be they stuck in the network; those of `staging` are daemons.
"""

import contextlib
import io
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from electra_pretrain.core import buckets
from electra_pretrain.core.buckets import explained
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.holder import LOCK_NAME

# One request of an upload: what a broken connection costs, and what each worker holds in memory.
CHUNK_BYTES = 8 << 20
# How often a file is sent when each time the bucket holds something else than was sent.
ATTEMPTS = 3
# How long 429, 5xx and a broken connection are borne, with pauses that grow, before the command gives up; at the start,
# where nobody has seen the network work yet, not so long: `buckets.FIRST_RETRY_SECONDS`.
RETRY_SECONDS = 300.0


class Stored(NamedTuple):
    """What the bucket says of an object; `crc32c` in base64, as the service writes it."""

    bytes: int
    crc32c: str


class BucketFolder:
    """The objects right below `gs://bucket/folder`, by name.

    Args:
        url: `gs://bucket` or `gs://bucket/folder`.
        connections: how many threads will upload at once.

    Raises:
        UserError: not such a URL, no credentials, no such bucket, no permission, no network (every method alike).
    """

    def __init__(self, url: str, connections: int) -> None:
        bucket, self._prefix = buckets.split(url)
        self.url = url.rstrip("/")
        self._client = buckets.open_client(self.url)
        from google.cloud.storage.retry import DEFAULT_RETRY
        from requests.adapters import HTTPAdapter

        self._retry = DEFAULT_RETRY.with_timeout(RETRY_SECONDS)
        # The session keeps ten connections unless told otherwise, and warns of each that it throws away.
        for scheme in ("https://", "http://"):
            self._client._http.mount(scheme, HTTPAdapter(pool_maxsize=connections))
        self._bucket = self._client.bucket(bucket)

    def objects(self) -> dict[str, Stored]:
        """List what lies in the folder, without what lies in folders of its own, and its lock."""
        with explained(self.url):
            retry = self._retry.with_timeout(buckets.FIRST_RETRY_SECONDS)
            blobs = self._client.list_blobs(self._bucket, prefix=self._prefix, delimiter="/", retry=retry)
            # Some tools mark a folder by an object whose name is the folder's.
            return {
                blob.name.removeprefix(self._prefix): Stored(blob.size, blob.crc32c)
                for blob in blobs
                if blob.name not in (self._prefix, self._prefix + LOCK_NAME)
            }

    def remove(self, name: str) -> None:
        """Remove an object; nothing happens if it is absent."""
        from google.api_core.exceptions import NotFound

        with explained(self.url), contextlib.suppress(NotFound):
            self._bucket.blob(self._prefix + name).delete(retry=self._retry)

    def upload(self, path: str, name: str, crc32c: str, watch: Callable[[int], None]) -> None:
        """Upload a file; while the bucket does not report the CRC32C given, do it again, `ATTEMPTS` times in all.

        Args:
            path: the local file.
            name: the object's name within this folder.
            crc32c: of the file, in base64.
            watch: called with how many bytes have arrived, before every request; what it raises ends the upload.

        Raises:
            UserError: besides the usual, the bucket refused the file, or held something else, every time.
        """
        from google.api_core.exceptions import Forbidden, GoogleAPICallError, Unauthorized
        from google.cloud.storage.exceptions import DataCorruption

        with explained(self.url):
            for _ in range(ATTEMPTS):
                blob = self._bucket.blob(self._prefix + name, chunk_size=CHUNK_BYTES)
                try:
                    self._upload_once(blob, path, watch)
                    if blob.crc32c == crc32c:
                        return
                    refusal = f"the bucket's CRC32C is {blob.crc32c}, the file's was {crc32c}"
                except (Forbidden, Unauthorized):
                    raise
                except (DataCorruption, GoogleAPICallError) as error:
                    refusal = buckets.reason(error)
        raise UserError(
            f"{path}: sent {ATTEMPTS} times and never arrived intact ({refusal}); "
            "see that nothing writes to the file, check memory and network, then run the same command again"
        )

    def _upload_once(self, blob: Any, path: str, watch: Callable[[int], None]) -> None:
        with _Watched(path, watch) as file:
            size = os.path.getsize(path)
            blob.upload_from_file(
                file, size=size, content_type="application/octet-stream", checksum="crc32c", retry=self._retry
            )
        watch(size)


class _Watched(io.FileIO):
    """A file that tells, whenever more is asked of it, how far it was read: so much has been sent."""

    def __init__(self, path: str, watch: Callable[[int], None]) -> None:
        super().__init__(path)
        self._watch = watch

    def read(self, size: int | None = -1, /) -> Any:
        self._watch(self.tell())
        return super().read(size)
