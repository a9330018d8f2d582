"""What no model can take is named, and let through by no graph: both agree on every value."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import RECORD_FEATURES
from electra_pretrain.records.values import assert_values, value_problems

VOCAB_SIZE, SEQ = 10, 4
EDGES = [0, 1, 2, 9, 10, -1, 2**31, 2**32 + 1, -(2**63), 2**63 - 1]


def passes(features):
    try:
        assert_values({name: tf.constant(values) for name, values in features.items()}, VOCAB_SIZE)
    except tf.errors.InvalidArgumentError:
        return False
    return True


@pytest.mark.parametrize("value", EDGES)
@pytest.mark.parametrize("name", RECORD_FEATURES)
def test_both_agree(name, value):
    features = {each: np.ones((3, SEQ), np.int64) for each in RECORD_FEATURES}
    features[name][1, 2] = value
    right = 0 <= value < (VOCAB_SIZE if name == "input_ids" else 2)
    said = f"id {value} is not in the vocabulary, 0 to 9" if name == "input_ids" else f"{name} holds {value}; it must be 0 or 1"
    assert value_problems(features, VOCAB_SIZE) == ({} if right else {1: said})
    assert passes(features) == right


def test_a_row_of_padding_passes():
    features = {name: np.zeros((2, SEQ), np.int64) for name in RECORD_FEATURES}
    assert passes(features) and not value_problems(features, VOCAB_SIZE)
