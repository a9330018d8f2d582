"""BERT, ALBERT and DistilBERT of `transformers`, read as our networks: the same logits, and what is no such model named."""

import json

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

from electra_pretrain.checkpoint.belonging import assign
from electra_pretrain.convert.sources import read_pretrained, read_teacher
from electra_pretrain.core.batch import MaskedBatch
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.electra import Electra

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
BERT = {"vocab_size": 90, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
BERT |= {"max_position_embeddings": 24, "initializer_range": 0.2}
ALBERT = BERT | {"embedding_size": 16, "hidden_act": "gelu", "hidden_dropout_prob": 0.1}
DISTILBERT = {"vocab_size": 90, "dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 24}
KINDS = {
    "BertForMaskedLM": ("BertConfig", BERT),
    "BertForPreTraining": ("BertConfig", BERT),
    "AlbertForMaskedLM": ("AlbertConfig", ALBERT),
    "AlbertForMaskedLM, three groups": ("AlbertConfig", ALBERT | {"num_hidden_groups": 3}),
    "DistilBertForMaskedLM": ("DistilBertConfig", DISTILBERT | {"initializer_range": 0.2}),
}


def write(folder, kind):
    config, settings = KINDS[kind]
    torch.manual_seed(3)
    model = getattr(transformers, kind.split(",")[0])(getattr(transformers, config)(**settings))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape) * 0.05)
    model.eval().save_pretrained(folder)
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_logits(kind, tmp_path):
    theirs = write(tmp_path, kind)
    teacher = read_teacher(str(tmp_path))
    assert not teacher.config.objective.has_discriminator
    ours = Electra(teacher.config)
    assert assign(teacher.pretrained, ours.named_variables())
    ids = np.random.default_rng(1).integers(0, 90, [2, 24])
    mask = (np.arange(24) < [[24], [15]]).astype(np.int64)
    with torch.no_grad():
        logits = theirs(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask))
    logits = (logits.prediction_logits if kind == "BertForPreTraining" else logits.logits).numpy()
    read, seen = tf.constant(ids, tf.int32), tf.constant(mask, tf.int32)
    masked = MaskedBatch(
        read, seen, tf.zeros_like(read), *[tf.zeros([2, 1], tf.int32)] * 2, tf.zeros([2, 1]), tf.zeros([2, 24])
    )
    found = ours.masked_lm_logits(ours.masked_lm_hidden(masked, None)).numpy().reshape(logits.shape)
    np.testing.assert_allclose(found[mask > 0], logits[mask > 0], atol=1e-5, rtol=1e-5)
    assert logits.std() > 0.1


def test_the_first_releases_names_and_a_network_without_its_head(tmp_path):
    model = write(tmp_path / "new", "BertForMaskedLM")
    expected = read_pretrained(str(tmp_path / "new")).values
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in model.state_dict().items()}
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text((tmp_path / "new" / "config.json").read_text())
    torch.save(old, tmp_path / "old" / "pytorch_model.bin")
    found = read_pretrained(str(tmp_path / "old")).values
    assert found.keys() == expected.keys() and all(np.array_equal(found[name], value) for name, value in expected.items())
    model.bert.save_pretrained(tmp_path / "bare")
    bare = read_pretrained(str(tmp_path / "bare")).values
    assert set(bare) == {name for name in expected if name.startswith("electra/")}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_act": "gelu_new"}, "config.json: hidden_act = .gelu_new.; models here have .gelu."),
        ({"num_hidden_layers": 4}, "does not fit the weights beside it: num_hidden_layers = 4, the weights have 3"),
        ({"auto_map": {"AutoModel": "code.py"}}, "auto_map: this model needs code of its own, which is never run here"),
        ({"hidden_size": "wide"}, "hidden_size = .wide.: must be a whole number"),
    ],
)
def test_another_config_is_refused(settings, message, tmp_path):
    write(tmp_path, "BertForMaskedLM")
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    with pytest.raises(UserError, match=message):
        read_pretrained(str(tmp_path))


def test_a_head_of_another_table_and_other_heads_are_refused(tmp_path):
    model = write(tmp_path, "BertForMaskedLM")
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    (tmp_path / "model.safetensors").unlink()
    torch.save(state | {"cls.predictions.decoder.weight": torch.zeros(90, 32)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="cls.predictions.decoder.weight is not electra/embeddings/word_embeddings"):
        read_pretrained(str(tmp_path))
    torch.save(state | {"classifier.weight": torch.zeros(2, 32)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="left over: classifier.weight; give a model of BertForMaskedLM"):
        read_pretrained(str(tmp_path))
