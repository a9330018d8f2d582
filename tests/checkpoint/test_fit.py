"""Weights held against a config: every way in which they may not be its own, told by name."""

import numpy as np
import pytest

from electra_pretrain.checkpoint.belonging import belonging
from electra_pretrain.checkpoint.fit import check_fit, expected_variables
from electra_pretrain.checkpoint.misfits import check_numbers, listed, misfits
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.model.electra import Electra
from tests.conftest import MICRO, changed

BIAS, TABLE = "discriminator_predictions/dense/bias", "electra/embeddings/word_embeddings"


@pytest.fixture(scope="module")
def expected():
    return expected_variables(MICRO)


@pytest.fixture
def values(expected):
    return {name: np.zeros(variable.shape, np.float32) for name, variable in expected.items()}


def test_what_is_expected_is_what_a_model_has(expected):
    model = Electra(MICRO).named_variables()
    assert list(expected) == list(model)
    assert all(expected[name].shape == model[name].shape and expected[name].dtype == model[name].dtype for name in model)


WRONG = {
    "missing: discriminator_predictions/dense/bias;": lambda values: values.pop(BIAS),
    "left over: electra/pooler/kernel;": lambda values: values.update({"electra/pooler/kernel": np.zeros(1, np.float32)}),
    r"dense/bias has shape \[31\] instead of \[32\];": lambda values: values.update({BIAS: np.zeros(31, np.float32)}),
    "dense/bias holds int64 instead of float32;": lambda values: values.update({BIAS: np.zeros(32, np.int64)}),
    "dense/bias holds float16 instead of float32;": lambda values: values.update({BIAS: np.zeros(32, np.float16)}),
    r"missing: discriminator_predictions/dense/bias/adam_m, .* and 90 more;": lambda values: values.update(
        {f"{TABLE}/adam_v": np.zeros([3500, 16], np.float32)}
    ),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_is_told(values, monkeypatch, expected, message):
    monkeypatch.setattr("electra_pretrain.checkpoint.fit.expected_variables", lambda config: expected)
    check_fit("run/model.ckpt-5", {**values, "global_step": np.int64(5)}, MICRO, "run/config.json")
    WRONG[message](values)
    with pytest.raises(UserError, match=f"^run/model.ckpt-5: is not of the model that run/config.json describes: .*{message}"):
        check_fit("run/model.ckpt-5", values, MICRO, "run/config.json")


def test_a_message_stays_short_whatever_does_not_fit(expected):
    others = {f"other/{number}": np.zeros(2, np.float32) for number in range(100)}
    misshapen = {name: np.zeros(number + 40_000, np.float32) for number, name in enumerate(expected)}
    for values in (others, {}, misshapen):
        problems = first_of(misfits(values, expected), FEW, "; ")
        assert problems.endswith(" more") and len(problems) < 1000
    assert listed(["a", "b", "c", "d", "e", "f"]) == "a, b, c, d, e and 1 more"
    assert listed([f"layer_{number}/x" for number in range(12)]) == "layer_*/x (12)"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_told(values, value):
    check_numbers("x", {**values, "global_step": np.int64(5)})
    values[BIAS][3] = value
    with pytest.raises(UserError, match=f"^x: holds values that are not finite, in {BIAS};"):
        check_numbers("x", values)


@pytest.mark.parametrize(
    ("source", "own", "remedy"),
    [
        ("untied", "tied", "its generator has embeddings of its own, the config's has none of its own; .* to untied,"),
        ("untied", "gradient_disentangled", "its generator has embeddings of its own, .* to untied,"),
        ("tied", "untied", r"its generator has none of its own, .* to tied \(or gradient_disentangled\),"),
    ],
)
def test_another_way_of_sharing_embeddings_is_told_by_its_field(source, own, remedy):
    config, other = (changed(MICRO, objective={"embedding_sharing": each}) for each in (own, source))
    values = {name: np.zeros(each.shape, np.float32) for name, each in expected_variables(other).items()}
    with pytest.raises(UserError, match=f"^old: {remedy} or start from the discriminator alone"):
        belonging(Pretrained("old", values, {}, None), expected_variables(config))
