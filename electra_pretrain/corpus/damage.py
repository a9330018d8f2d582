"""What to do with files and records that are broken: end, or leave them out, say which, and count."""

import logging
from typing import Literal

from electra_pretrain.core.errors import Damaged

OnBadFile = Literal["error", "skip"]
_log = logging.getLogger(__name__)


class Damage:
    """Is told of what is broken.

    Attributes:
        on_bad_file: "error" ends the work, "skip" goes on with what can be read.
        left_out: files that were left out from some point on, and single records.
    """

    def __init__(self, on_bad_file: OnBadFile) -> None:
        self.on_bad_file = on_bad_file
        self.left_out = 0

    def of_record(self, error: Damaged) -> None:
        """Leave a record out.

        Raises:
            Damaged: what is broken is an error.
        """
        self._leave_out(error, "left out")

    def of_file(self, error: Damaged, documents: int) -> None:
        """Leave the rest of a file out, behind so many documents; raises as `of_record`."""
        kept = f"; the {documents:,} documents before it stay" if documents else ""
        self._leave_out(error, f"the file is left out from there on{kept}")

    def _leave_out(self, error: Damaged, what: str) -> None:
        if self.on_bad_file == "error":
            raise error
        self.left_out += 1
        _log.warning("%s; %s", error, what)
