"""A recipe: the rules by which a corpus is cleaned, in order, as JSON; some ship with the package.

    {"name": "mine", "source": "what it reproduces, what its source leaves open",
     "rules": [{"rule": "nfc"}, {"rule": "min_length", "characters": 10}], "drop_duplicates": "line"}
"""  # fmt: skip

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.cleaning import rules

Rule = Callable[[str], str | None]  # the text, changed or not; None drops it
RULES: dict[str, Callable[..., Rule]] = {
    rule.__name__: rule
    for rule in (
        rules.html,
        rules.spelt_syllables,
        rules.invisible,
        rules.nfc,
        rules.characters,
        rules.emoji,
        rules.urls,
        rules.emails,
        rules.phone_numbers,
        rules.resident_numbers,
        rules.squeeze,
        rules.masks,
        rules.whitespace,
        rules.min_length,
        rules.max_length,
        rules.hangul_share,
    )
}
KEYS = ("name", "source", "rules", "drop_duplicates")
DUPLICATES = ("line", "document", None)
SHIPPED = Path(__file__).resolve().parent / "recipes"


class Recipe(NamedTuple):
    """A recipe whose rules are known to exist and to take their parameters; fields as in the file."""

    name: str
    source: str
    rules: list[dict[str, Any]]
    drop_duplicates: str | None  # carried out by dedup_corpus

    def compiled(self) -> list[Rule]:
        """Return the rules, ready to be called."""
        return [_compiled(rule) for rule in self.rules]


def shipped_names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.json"))


def load_recipe(name_or_path: str) -> Recipe:
    """Load a recipe that ships with the package, by its name, or any other, by its path.

    Raises:
        UserError: there is none, or it is not a recipe; what is wrong in it is named, with the nearest known name.
    """
    path = str(SHIPPED / f"{name_or_path}.json") if name_or_path in shipped_names() else name_or_path
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"--recipe {name_or_path}: no such file, and no recipe of that name; {nearest(path, shipped_names())}")
    try:
        values = json.loads(files.read_text(path))
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from error
    return _checked(values, path)


def _checked(values: Any, where: str) -> Recipe:
    if not isinstance(values, dict):
        raise UserError(f"{where}: must be a JSON object with {', '.join(KEYS)}")
    _same_names(values, KEYS, where, "key")
    if not all(isinstance(values[key], str) for key in ("name", "source")):
        raise UserError(f'{where}: "name" and "source" must be text')
    if values["drop_duplicates"] not in DUPLICATES:
        raise UserError(f'{where}: "drop_duplicates" must be "line", "document" or null, not {values["drop_duplicates"]!r}')
    if not isinstance(values["rules"], list):
        raise UserError(f'{where}: "rules" must be a list')
    for number, rule in enumerate(values["rules"], start=1):
        _check_rule(rule, f"{where}, rule {number}")
    return Recipe(**values)


def _check_rule(rule: Any, where: str) -> None:
    if not isinstance(rule, dict) or not isinstance(name := rule.get("rule"), str):
        raise UserError(f'{where}: must be an object with the name of a rule: {{"rule": "nfc"}}')
    if name not in RULES:
        raise UserError(f'{where}: unknown rule "{name}"; {nearest(name, list(RULES))}')
    types = {key: parameter.annotation for key, parameter in inspect.signature(RULES[name]).parameters.items()}
    _same_names(rule, ("rule", *types), f"{where} ({name})", "parameter")
    for key, kind in types.items():
        if not _is_a(rule[key], kind):
            raise UserError(f"{where} ({name}): {key} must be {getattr(kind, '__name__', kind)}, not {rule[key]!r}")
    try:
        _compiled(rule)
    except UserError as error:
        raise UserError(f"{where} ({name}): {error}") from error


def _same_names(values: dict[str, Any], known: tuple[str, ...], where: str, kind: str) -> None:
    for key in values:
        if key not in known:
            raise UserError(f'{where}: unknown {kind} "{key}"; {nearest(key, known)}')
    if missing := [key for key in known if key not in values]:
        raise UserError(f"{where}: lacks {', '.join(missing)}; a recipe states everything")


def _is_a(value: Any, kind: Any) -> bool:
    if kind == list[str]:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    # In JSON 1 is a number where 1.0 is; but true is none.
    return type(value) is kind or (kind is float and type(value) is int)


def _compiled(rule: dict[str, Any]) -> Rule:
    return RULES[rule["rule"]](**{key: value for key, value in rule.items() if key != "rule"})
