"""Brackets in brackets, as wikis have them, put together from the inside outwards in linear time, however they are nested.

A wiki's markup reads its text once, from token to token, and tells of each that opens or closes something. What a closed pair
becomes is for the markup to say. A pair within `MAX_DEPTH` others is not kept: each level copies what it holds once.
"""

from collections.abc import Callable
from typing import NamedTuple

MAX_DEPTH = 64


class Frame(NamedTuple):
    """What was opened.

    Attributes:
        kind: what it is, for the markup.
        closer: what closes it.
        opener: how it began.
        before: how many pieces there were before it.
    """

    kind: str
    closer: str
    opener: str
    before: int


class Nesting:
    """Text that is put together.

    Attributes:
        closed: from a pair and what stood in it to what becomes of it.
        unclosed: the same for what was opened and never closed.
    """

    def __init__(self, closed: Callable[[Frame, str], str], unclosed: Callable[[Frame, str], str]) -> None:
        self._closed, self._unclosed = closed, unclosed
        self._pieces = list[str]()
        self._stack = list[Frame]()

    @property
    def closer(self) -> str:
        """What closes the innermost pair; "" where none is open."""
        return self._stack[-1].closer if self._stack else ""

    def add(self, text: str) -> None:
        self._pieces.append(text)

    def open(self, kind: str, closer: str, opener: str = "") -> None:
        if len(self._stack) < MAX_DEPTH:
            self._stack.append(Frame(kind, closer, opener, len(self._pieces)))

    def awaits(self, *closers: str) -> bool:
        """Tell whether something is open that one of these closes."""
        return any(frame.closer in closers for frame in self._stack)

    def close(self, closer: str) -> bool:
        """Close the innermost pair that ends so; what was opened within it was never closed. False if there is none."""
        if self.closer != closer and not self.awaits(closer):
            return False
        while self.closer != closer:
            self._pop(self._unclosed)
        self._pop(self._closed)
        return True

    def text(self) -> str:
        """Return what was put together; what is open now was never closed."""
        while self._stack:
            self._pop(self._unclosed)
        return "".join(self._pieces)

    def _pop(self, what: Callable[[Frame, str], str]) -> None:
        frame = self._stack.pop()
        content = "".join(self._pieces[frame.before :])
        self._pieces[frame.before :] = [what(frame, content)]
