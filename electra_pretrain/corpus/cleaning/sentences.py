"""Split a line into sentences, for corpora whose lines are paragraphs."""

import functools
import unicodedata
from collections.abc import Callable
from typing import Any

from electra_pretrain.core.errors import UserError

SPLITTERS = ("lines", "kiwi")
INSTALL_KIWI = "'electra_pretrain[kiwi]'"


def splitter(name: str) -> Callable[[str], list[str]]:
    """A function from a line to its sentences, none of them empty: "lines" leaves it whole, "kiwi" asks Kiwi.

    Raises:
        UserError: Kiwi is not installed.
    """
    if name == "lines":
        return lambda line: [line]
    kiwi = _kiwi()
    return lambda line: [
        sentence.text for sentence in kiwi.split_into_sents(unicodedata.normalize("NFC", line)) if sentence.text
    ]


@functools.cache
def _kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise UserError(f"--sentences kiwi needs a package that is missing; run: pip install {INSTALL_KIWI}") from error
    return Kiwi(num_workers=1)
