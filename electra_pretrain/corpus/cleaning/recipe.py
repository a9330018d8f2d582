"""A recipe: the rules by which a corpus is cleaned, in order, as JSON; some ship with the package.

    {"name": "mine", "source": "what it reproduces, what its source leaves open",
     "rules": [{"rule": "nfc"}, {"rule": "min_length", "characters": 10}], "drop_duplicates": "line"}

A rule with "domains": ["news"] is for text of that kind alone, which `--domain news` says the corpus is. The whole recipe may
say how its source splits lines into sentences, "sentences": "kiwi".
"""  # fmt: skip

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from electra_pretrain.config.kinds import RECIPE, refuse_others
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.core.json_files import shown
from electra_pretrain.core.typed import Check, Place
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
_Duplicates = Annotated[str | None, Check(lambda of: of in ("line", "document", None), 'must be "line", "document" or null')]
_Sentences = Annotated[str, Check(lambda name: name in SPLITTERS, f"must be one of {', '.join(SPLITTERS)}")]
_Domains = Annotated[list[str], Check(lambda names: names != [], "must be a list of names, not empty")]
SHIPPED = Path(__file__).resolve().parent / "recipes"
ALIASES = {"koelectra_v2": "koelectra_v1"}  # v2 was trained on v1's text


class Recipe(NamedTuple):
    """A recipe whose rules are known to exist and to take their parameters; fields as in the file."""

    name: str
    source: str
    rules: list[dict[str, Any]]
    drop_duplicates: _Duplicates  # carried out by dedup_corpus
    sentences: _Sentences | None = None  # how the source splits lines, one of SPLITTERS; None: it is left to the user

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
    values = json_files.read_object(path)
    refuse_others(values, path, RECIPE)
    _same_names(values, KEYS, path, "key", optional=("sentences",))
    recipe = typed.read(Recipe, values, Place(path))
    for number, rule in enumerate(recipe.rules, start=1):
        _check_rule(rule, f"{path}, rule {number}")
    return recipe


def _check_rule(rule: dict[str, Any], where: str) -> None:
    if not isinstance(name := rule.get("rule"), str):
        raise UserError(f'{where}: must be an object with the name of a rule: {{"rule": "nfc"}}')
    if name not in RULES:
        raise UserError(f"{where}: unknown rule {shown(name)}; {nearest(name, list(RULES))}")
    kinds = {key: parameter.annotation for key, parameter in inspect.signature(RULES[name]).parameters.items()}
    _same_names(rule, ("rule", *kinds), f"{where} ({name})", "parameter", optional=("domains",))
    for key, kind in {"rule": str, "domains": _Domains, **kinds}.items():
        if key in rule:
            typed.read(kind, rule[key], Place(f"{where} ({name})").field(key))
    try:
        _compiled(rule)
    except UserError as error:
        raise UserError(f"{where} ({name}): {error}") from error


def _same_names(values: dict[str, Any], known: tuple[str, ...], where: str, kind: str, optional: tuple[str, ...] = ()) -> None:
    for key in values:
        if key not in (*known, *optional):
            raise UserError(f"{where}: unknown {kind} {shown(key)}; {nearest(key, (*known, *optional))}")
    if missing := [key for key in known if key not in values]:
        raise UserError(f"{where}: lacks {', '.join(missing)}; a recipe states everything")


def _compiled(rule: dict[str, Any]) -> Rule:
    return RULES[rule["rule"]](**{key: value for key, value in rule.items() if key not in ("rule", "domains")})
