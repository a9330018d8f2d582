"""Split a line into sentences, for corpora whose lines are paragraphs."""

import functools
from collections.abc import Callable
from typing import Any

from electra_pretrain.core import composing, optional

SPLITTERS = ("lines", "kiwi")


def splitter(name: str) -> Callable[[str], list[str]]:
    """Return a function from a line to its sentences, none of them empty: "lines" leaves it whole, "kiwi" asks Kiwi.

    Raises:
        UserError: Kiwi is not installed.
    """
    if name == "lines":
        return lambda line: [line]
    kiwi = _kiwi()
    return lambda line: [sentence.text for sentence in kiwi.split_into_sents(composing.nfc(line)) if sentence.text]


@functools.cache
def _kiwi() -> Any:
    return optional.load("kiwipiepy", "--sentences kiwi", extra="kiwi").Kiwi(num_workers=1)
