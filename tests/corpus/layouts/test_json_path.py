"""Paths lead where a naive walk leads; what is malformed or missing is named."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts import json_path
from electra_pretrain.corpus.layouts.json_path import EACH

KEYS = st.sampled_from(["a", "b", "글", "a.b", "c[]", 'q"', "", "두 말"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)
STEPS = st.lists(st.just(EACH) | KEYS, min_size=1, max_size=4)


def written(steps):
    """As a user would write it, every other key quoted without need."""
    text = ""
    for number, step in enumerate(steps):
        if step is EACH:
            text += "[]"
            continue
        plain = step and not set(step) & set('.[]"') and number % 2 == 0
        text += ("." if number else "") + (step if plain else json.dumps(step))
    return text


class Wrong(Exception):
    pass


def naive(value, steps):
    if value is None:
        return []
    if not steps:
        return [value]
    if steps[0] is EACH:
        if not isinstance(value, list):
            raise Wrong
        return [found for item in value for found in naive(item, steps[1:])]
    if not isinstance(value, dict) or steps[0] not in value:
        raise Wrong
    return naive(value[steps[0]], steps[1:])


@given(VALUES, STEPS)
def test_a_path_leads_where_a_naive_walk_leads(value, steps):
    path = json_path.parse(written(steps))
    assert path.steps == tuple(steps)
    try:
        wanted = naive(value, steps)
    except Wrong:
        with pytest.raises(UserError, match="^here: "):
            json_path.values(path, value, lambda: "here")
    else:
        assert json_path.values(path, value, lambda: "here") == wanted


@st.composite
def fitting(draw):
    """A value, and a path into it that may be followed."""
    value, steps = draw(st.none() | st.text(max_size=3)), draw(STEPS)
    for step in reversed(steps):
        value = [value, None, value][: draw(st.integers(0, 3))] if step is EACH else {step: value, "other": 1}
    return value, steps


@given(fitting())
def test_texts_of_values_that_fit(found):
    value, steps = found
    assert json_path.texts(json_path.parse(written(steps)), value, lambda: "here") == naive(value, steps)


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 1), ("a.", 3), (".a", 1), ("a..b", 3), ("a[0]", 2), ("a[]b", 4), ('"a', 1), ("a]", 2), ('"\\x"', 1)],
)
def test_malformed_paths_are_named_with_the_position(text, position):
    with pytest.raises(UserError) as error:
        json_path.parse(text, "--thread_field")
    assert str(error.value).startswith(f"--thread_field {text}: malformed at character {position};")


MISTAKES = {
    "document[].pargraph": (
        {"document": [{"id": 1, "paragraph": []}]},
        'no text field "document[].pargraph"; did you mean paragraph?',
    ),
    "a.b": ({"a": [1]}, 'text field "a" holds list, not an object; its elements are a[]'),
    "a[]": ({"a": {"b": 1}}, 'text field "a" holds dict, not an array'),
    "a": ({"a": 1.5}, 'text field "a" holds float, not text'),
    "b": ({}, 'no text field "b"; the object is empty'),
    "text": ("글", "is str, not an object"),
}


@pytest.mark.parametrize("path", MISTAKES)
def test_where_a_path_leads_nowhere_what_there_is_is_named(path):
    value, message = MISTAKES[path]
    with pytest.raises(UserError) as error:
        json_path.texts(json_path.parse(path), value, lambda: "a.json, document 7")
    assert str(error.value).startswith(f"a.json, document 7: {message}")
    assert "\n" not in str(error.value)
