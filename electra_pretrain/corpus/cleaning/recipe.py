"""A recipe: the rules by which a corpus is cleaned, in order, as JSON; some ship with the package.

    {"name": "mine", "source": "what it reproduces, what its source leaves open",
     "rules": [{"rule": "nfc"}, {"rule": "min_length", "characters": 10}], "drop_duplicates": "line"}

A rule with "domains": ["news"] is for text of that kind alone, which `--domain news` says the corpus is. The whole recipe may
say how its source splits lines into sentences, "sentences": "kiwi".
"""  # fmt: skip

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.cleaning.rules import brackets, cut, drop, news, repair, repetition
from electra_pretrain.corpus.cleaning.sentences import SPLITTERS

Rule = Callable[[str], str | None]  # the text, changed or not; None drops it
RULES: dict[str, Callable[..., Rule]] = {
    rule.__name__: rule
    for rule in (
        repair.html,
        repair.spelt_syllables,
        repair.invisible,
        repair.nfc,
        cut.characters,
        cut.emoji,
        cut.urls,
        cut.emails,
        cut.hashtags,
        cut.mentions,
        cut.phone_numbers,
        cut.resident_numbers,
        cut.masks,
        brackets.brackets,
        repetition.squeeze,
        repetition.repeat_normalize,
        news.news_notices,
        news.bylines,
        repair.whitespace,
        drop.min_length,
        drop.max_length,
        drop.hangul_share,
    )
}
KEYS = ("name", "source", "rules", "drop_duplicates")
DUPLICATES = ("line", "document", None)
SHIPPED = Path(__file__).resolve().parent / "recipes"
ALIASES = {"koelectra_v2": "koelectra_v1"}  # v2 was trained on v1's text


class Recipe(NamedTuple):
    """A recipe whose rules are known to exist and to take their parameters; fields as in the file."""

    name: str
    source: str
    rules: list[dict[str, Any]]
    drop_duplicates: str | None  # carried out by dedup_corpus
    sentences: str | None = None  # how the source splits lines, one of SPLITTERS; None: it is left to the user

    @property
    def domains(self) -> list[str]:
        """The kinds of text that some rules are for alone."""
        return sorted({domain for rule in self.rules for domain in rule.get("domains", [])})

    def for_domain(self, domain: str | None) -> "Recipe":
        """Return the recipe for text of a kind: its rules, without those for text of another. None: of no kind in particular.

        Raises:
            UserError: no rule is for that kind alone; those that the recipe knows are named.
        """
        if domain is not None and domain not in self.domains:
            known = f"the recipe {self.name} knows {', '.join(self.domains) or 'none'}"
            raise UserError(f"--domain {domain}: {known}; leave it out, and the rules for all text are applied")
        return self._replace(rules=[rule for rule in self.rules if "domains" not in rule or domain in rule["domains"]])

    def stated(self) -> dict[str, Any]:
        """Return the recipe as its file states it."""
        return {key: value for key, value in self._asdict().items() if key != "sentences" or value is not None}

    def compiled(self) -> list[Rule]:
        """Return the rules, ready to be called."""
        return [_compiled(rule) for rule in self.rules]


def shipped_names() -> list[str]:
    return sorted([*(path.stem for path in SHIPPED.glob("*.json")), *ALIASES])


def load_recipe(name_or_path: str) -> Recipe:
    """Load a recipe that ships with the package, by its name, or any other, by its path.

    Raises:
        UserError: there is none, or it is not a recipe; what is wrong in it is named, with the nearest known name.
    """
    name = ALIASES.get(name_or_path, name_or_path)
    path = str(SHIPPED / f"{name}.json") if name in shipped_names() else name_or_path
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
    _same_names(values, KEYS, where, "key", optional=("sentences",))
    if not all(isinstance(values[key], str) for key in ("name", "source")):
        raise UserError(f'{where}: "name" and "source" must be text')
    if values["drop_duplicates"] not in DUPLICATES:
        raise UserError(f'{where}: "drop_duplicates" must be "line", "document" or null, not {values["drop_duplicates"]!r}')
    if "sentences" in values and values["sentences"] not in SPLITTERS:
        raise UserError(f'{where}: "sentences" must be one of {", ".join(SPLITTERS)}, not {values["sentences"]!r}')
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
    _same_names(rule, ("rule", *types), f"{where} ({name})", "parameter", optional=("domains",))
    if "domains" in rule and not (rule["domains"] and _is_a(rule["domains"], list[str])):
        raise UserError(f"{where} ({name}): domains must be a list of names, not {rule['domains']!r}")
    for key, kind in types.items():
        if not _is_a(rule[key], kind):
            raise UserError(f"{where} ({name}): {key} must be {getattr(kind, '__name__', kind)}, not {rule[key]!r}")
    try:
        _compiled(rule)
    except UserError as error:
        raise UserError(f"{where} ({name}): {error}") from error


def _same_names(values: dict[str, Any], known: tuple[str, ...], where: str, kind: str, optional: tuple[str, ...] = ()) -> None:
    for key in values:
        if key not in (*known, *optional):
            raise UserError(f'{where}: unknown {kind} "{key}"; {nearest(key, (*known, *optional))}')
    if missing := [key for key in known if key not in values]:
        raise UserError(f"{where}: lacks {', '.join(missing)}; a recipe states everything")


def _is_a(value: Any, kind: Any) -> bool:
    if kind == list[str]:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    # In JSON 1 is a number where 1.0 is; but true is none.
    return type(value) is kind or (kind is float and type(value) is int)


def _compiled(rule: dict[str, Any]) -> Rule:
    return RULES[rule["rule"]](**{key: value for key, value in rule.items() if key not in ("rule", "domains")})
