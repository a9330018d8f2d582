"""Recipes: those that ship, and what is refused in one of the user's own."""

import copy
import json
import re
import shlex

import pytest

from electra_pretrain import clean_corpus
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.cleaner import Cleaner
from electra_pretrain.corpus.cleaning.recipe import ALIASES, RULES, load_recipe, shipped_names
from tests.conftest import ROOT

MINE = {
    "name": "mine",
    "source": "nothing",
    "rules": [{"rule": "squeeze", "to": 2, "digits": False, "signs": True}, {"rule": "hangul_share", "at_least": 1}],
    "drop_duplicates": None,
}


def test_the_published_recipes_ship():
    assert shipped_names() == ["default", "kcelectra", "koelectra_v1", "koelectra_v2", "koelectra_v3", "lmkor"]
    for name in shipped_names():
        recipe = load_recipe(name)
        assert recipe.name == ALIASES.get(name, name) and len(recipe.source) > 50
        assert len(recipe.compiled()) == len(recipe.rules)
    names = {name: [rule["rule"] for rule in load_recipe(name).rules] for name in shipped_names()}
    published = ["characters", "urls", "runs", "whitespace", "min_length"]
    assert [rule for rule in names["kcelectra"] if rule in published] == published
    for name in ("kcelectra", "koelectra_v1", "koelectra_v3", "lmkor"):
        assert "Open:" in load_recipe(name).source and "Ours:" in load_recipe(name).source
    assert not [name for name in names if {"phone_numbers", "resident_numbers"} & set(names[name])], "off by default"


def test_v2_has_v1s_recipe_and_koelectra_alone_is_no_recipe():
    assert load_recipe("koelectra_v2") == load_recipe("koelectra_v1")
    assert load_recipe("koelectra_v1").drop_duplicates == "line", "sentences are the unit"
    with pytest.raises(UserError, match="--recipe koelectra: .*did you mean koelectra_v1 or koelectra_v2 or koelectra_v3"):
        load_recipe("koelectra")


BY_DOMAIN = MINE | {"rules": [{"rule": "nfc"}, {"rule": "masks", "domains": ["web", "news"], "at_least": 3},
                              {"rule": "emails", "domains": ["news"]}]}  # fmt: skip


def test_rules_for_a_kind_of_text(tmp_path):
    recipe = load_recipe(write(tmp_path / "mine.json", BY_DOMAIN))
    assert recipe.domains == ["news", "web"] and len(recipe.compiled()) == 3
    applied = {domain: [rule["rule"] for rule in recipe.for_domain(domain).rules] for domain in (None, "web", "news")}
    assert applied == {None: ["nfc"], "web": ["nfc", "masks"], "news": ["nfc", "masks", "emails"]}
    assert Cleaner(recipe.for_domain("news")).clean("가 a@b.kr OOO").text.split() == ["가"]
    with pytest.raises(UserError, match="--domain wiki: the recipe mine knows news, web; leave it out"):
        recipe.for_domain("wiki")
    with pytest.raises(UserError, match="--domain news: the recipe default knows none; leave it out"):
        load_recipe("default").for_domain("news")


@pytest.mark.parametrize("values", [MINE, BY_DOMAIN, MINE | {"sentences": "kiwi"}])
def test_a_recipe_is_stated_as_its_file_states_it(tmp_path, values):
    """Nothing that it leaves out may come in: outputs are known by it."""
    assert load_recipe(write(tmp_path / "mine.json", values)).stated() == values


def write(path, values):
    path.write_text(json.dumps(values, ensure_ascii=False))
    return str(path)


def test_a_recipe_of_ones_own(tmp_path):
    recipe = load_recipe(write(tmp_path / "mine.json", MINE))
    assert recipe.stated() == MINE
    cleaner = Cleaner(recipe)
    assert [cleaner.clean(line) for line in ("가가가가", "가!!!!")] == [("가가", None), (None, "hangul_share")]


def changed(*path, value=None):
    values = copy.deepcopy(MINE)
    place = values
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return values


WRONG = {
    "unknown rule": (changed("rules", 0, value={"rule": "sqeeze"}), 'rule 1: unknown rule "sqeeze"; did you mean squeeze'),
    "unknown parameter": (changed("rules", 1, "atleast", value=1),
        'rule 2 (hangul_share): unknown parameter "atleast"; did you mean at_least'),
    "missing parameter": (changed("rules", 0, "digits"), "rule 1 (squeeze): lacks digits"),
    "wrong type": (changed("rules", 0, "to", value="2"), 'rule 1 (squeeze): to = "2": must be a whole number'),
    "true is no number": (changed("rules", 0, "to", value=True), "to = true: must be a whole number"),
    "senseless value": (changed("rules", 0, "to", value=0), "rule 1 (squeeze): to: 0 must be at least 1"),
    "unknown characters": (
        changed("rules", 0, value={"rule": "characters", "keep": ["hanguel"], "signs": ""}),
        'rule 1 (characters): unknown characters "hanguel"; did you mean hangul',
    ),
    "a list of numbers": (changed("rules", 0, value={"rule": "characters", "keep": [1], "signs": ""}), "keep[0] = 1: must be"),
    "too short": (changed("rules", 0, value={"rule": "min_length", "characters": -5}), "characters = -5: must be at least 1"),
    "too long": (changed("rules", 0, value={"rule": "max_length", "characters": 0}), "characters = 0: must be at least 1"),
    "too often": (changed("rules", 0, "to", value=2**32), f"to = {2**32}: must be at most 1000"),
    "no rule": (changed("rules", 0, value={"to": 2}), "rule 1: must be an object with the name of a rule"),
    "unknown key": (changed("rule", value=[]), 'unknown key "rule"; did you mean rules'),
    "missing key": (changed("source"), "lacks source"),
    "duplicates of what": (changed("drop_duplicates", value="lines"), 'drop_duplicates = "lines": must be "line"'),
    "sentences of what": (MINE | {"sentences": "kss"}, 'sentences = "kss": must be one of lines, kiwi'),
    "domains are a list": (changed("rules", 0, "domains", value="news"), 'rule 1 (squeeze): domains = "news": must'),
    "domains of nothing": (changed("rules", 0, "domains", value=[]), "domains = []: must be a list of names, not empty"),
    "nearly domains": (changed("rules", 0, "domain", value=["news"]), 'unknown parameter "domain"; did you mean domains'),
    "rules of another kind": (changed("rules", value={"rule": "nfc"}), 'rules = {"rule": "nfc"}: must be a JSON list'),
    "a list": ([], "must hold one JSON object"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    values, message = WRONG[name]
    path = write(tmp_path / "mine.json", values)
    with pytest.raises(UserError, match=f"^{re.escape(path)}.*{re.escape(message)}"):
        load_recipe(path)


def test_broken_json_and_missing_files_are_named(tmp_path):
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(UserError, match="mine.json, line 1, column 2: not valid JSON"):
        load_recipe(str(tmp_path / "mine.json"))
    with pytest.raises(UserError, match="--recipe kcelektra: no such file, and no recipe of that name; did you mean kcelectra"):
        load_recipe("kcelektra")


def test_every_rule_says_what_it_does():
    for name, make in RULES.items():
        assert make.__doc__ and len(make.__doc__.split("\n")[0]) >= 20, name


DOCS = ROOT / "docs" / "corpora.md"


def test_the_page_on_corpora_says_what_holds(tmp_path):
    text = DOCS.read_text()
    (example,) = [block for block in re.findall(r"```json\n(.*?)```", text, re.S) if '"rules"' in block]
    (tmp_path / "mine.json").write_text(example)
    load_recipe(str(tmp_path / "mine.json"))
    table = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in text.splitlines() if line.startswith("| `"))))
    assert set(RULES) | set(shipped_names()) <= table
    commands = re.findall(r"^python -m electra_pretrain\.clean_corpus (.*)$", text, re.M)
    assert len(commands) >= 7
    for command in commands:
        load_recipe(clean_corpus.parse_args(shlex.split(command)).recipe)
