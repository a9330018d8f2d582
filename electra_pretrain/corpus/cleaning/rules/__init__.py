"""Cleaning rules, each module's of one kind: repair, cut, brackets, repetition, news, drop.

Each function takes a rule's parameters and gives the rule: a line in; the line, changed or not, or None out, which drops it.
A rule compiles what it needs once, looks first whether there is anything to do, and gives the same text if not. What is cut
out leaves a space, so that no two words run together. Its time grows with the length of the line, whatever that holds.
"""

from collections.abc import Callable
from typing import Annotated

from electra_pretrain.core.typed import Check

Rewrite = Callable[[str], str]
Reject = Callable[[str], str | None]
# How often something stands in a row; a pattern that counts further is slow, and at last none.
Times = Annotated[int, Check(lambda times: times <= 1000, "must be at most 1000")]
