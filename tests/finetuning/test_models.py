"""A model's config.json with wrong values: one line, whatever `transformers` raises."""

import json

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import models

CONFIG = {"model_type": "electra", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architectures": [1]}, r"config.json: architectures\[0\] = 1: must be text"),
        ({"id2label": {"a": "x"}}, 'config.json: id2label = "a": must be a number'),
        ({"hidden_size": True}, "hidden_size"),
        ({"hidden_size": 10**30}, "hidden_size = 1000.*: must be a whole number of 64 bits"),
        ({"num_hidden_layers": -1}, "num_hidden_layers = -1: must be at least 1"),
        ({"torch_dtype": []}, "config cannot be read"),
        ({"summary_type": {}}, "config cannot be read .*summary_type.*got dict"),
    ],
)
def test_wrong_values_are_told_in_a_line(tmp_path, values, message):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | values))
    with pytest.raises(UserError, match=message) as error:
        models.read_config(str(tmp_path))
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_a_byte_order_mark_in_a_vocabulary_is_named(tmp_path):
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n", encoding="utf-8-sig")
    with pytest.raises(UserError, match=f"--model {vocab}: begins with a byte order mark, .*; save the file as UTF-8 without"):
        models.load_tokenizer(str(tmp_path))
