"""Who is at work in a folder: what a lock says of its holder."""

import json
from typing import NamedTuple

from electra_pretrain.core.errors import UserError

LOCK_NAME = ".lock"


class Holder(NamedTuple):
    """A run that writes into a folder.

    Attributes:
        folder: the folder, as the run was given it.
        command: its name.
        host: the machine's name.
        process: its number there.
        since: when it began, UTC.
    """

    folder: str
    command: str
    host: str
    process: int
    since: str

    def to_bytes(self) -> bytes:
        return json.dumps(self._asdict()).encode("utf-8")

    def in_words(self) -> str:
        return f"{self.command}, process {self.process} on {self.host} since {self.since}"

    def refuse(self, content: bytes) -> UserError:
        """Return the error for this run's folder, where the lock of another says `content`."""
        other = parse(content)
        who = "another run" if other is None else other.in_words()
        return UserError(f"{self.folder}: in use by {who}; wait for its end, stop it, or choose another folder")


def parse(content: bytes) -> Holder | None:
    """Read what a lock says; None if it says nothing that can be read."""
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError, RecursionError):
        return None
