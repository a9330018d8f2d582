"""Clean lines by a recipe, and count what each of its rules does."""

from collections import Counter
from typing import Any, NamedTuple

from electra_pretrain.corpus.cleaning.recipe import Recipe

NOTHING_LEFT = "nothing left"


class Cleaned(NamedTuple):
    """A cleaned line, or why it was dropped."""

    text: str | None
    reason: str | None  # the rule's name; "RULE: nothing left" where a rule that changes text left none


class Cleaner:
    """A recipe at work.

    Attributes:
        changed, dropped: lines, by the rule's index in the recipe.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._names = [rule["rule"] for rule in recipe.rules]
        self._rules = list(enumerate(recipe.compiled()))
        self.changed, self.dropped = Counter[int](), Counter[int]()

    def clean(self, line: str) -> Cleaned:
        """Apply the rules in order, up to the first that drops the line."""
        text = line
        for index, rule in self._rules:
            new = rule(text)
            if new is None:
                self.dropped[index] += 1
                return Cleaned(None, self._names[index])
            if new != text:
                if not new or new.isspace():
                    self.dropped[index] += 1
                    return Cleaned(None, f"{self._names[index]}: {NOTHING_LEFT}")
                self.changed[index] += 1
                text = new
        return Cleaned(text, None)

    def counts(self) -> list[dict[str, Any]]:
        """Return what each rule did, in the recipe's order: `rule`, `changed`, `dropped`."""
        return [
            {"rule": name, "changed": self.changed[index], "dropped": self.dropped[index]}
            for index, name in enumerate(self._names)
        ]
