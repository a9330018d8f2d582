"""Flaws that a publisher's own file is known to hold: passed over, counted and told of, and an error where they are many."""

import sys

from electra_pretrain.core.errors import UserError

_FEW = 10  # so many are no sign of a broken file, however short it is


class LeftOut:
    """Counts what of one file is passed over, or mended.

    Args:
        path: of the file.
        what: became of it.
        share: of the file; more, and it is not the file that its publisher ships.

    Attributes:
        count: so many so far.
    """

    def __init__(self, path: str, what: str = "left out", share: float = 0.01) -> None:
        self._path, self._what, self._share = path, what, share
        self.count = 0
        self._first = ""

    def add(self, where: str, rule: str) -> None:
        """One more: its place, and the rule that it breaks."""
        self.count += 1
        self._first = self._first or f"{where}: {rule}"

    def check(self, kept: int) -> None:
        """Tell how many there were, once the whole file is read, of which all but `kept` were such.

        Raises:
            UserError: they are more than the flaws of a published file.
        """
        total = self.count + kept
        if self.count > max(_FEW, self._share * total):
            raise UserError(
                f"{self._first}; that is so {self.count:,} times among {total:,}, more often than in its publisher's file: "
                "fetch it again, or mend it"
            )
        if self.count:
            print(f"{self._path}: {self._what}: {self.count:,} of {total:,}; the first: {self._first}", file=sys.stderr)
