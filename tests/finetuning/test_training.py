"""What a training is made of: rates by layer, and which examples share a batch."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.batches import LengthGroupedSampler, by_length
from electra_pretrain.finetuning.layer_rates import parameter_groups


def test_layers_rates_fall_towards_the_input():
    """By hand, of two layers, a rate of 1 and a decay of 0.5: the head is 4 deep, layer 1 two below it, layer 0 three."""
    names = [
        "electra.embeddings.word_embeddings.weight",
        "electra.embeddings.LayerNorm.weight",
        "electra.embeddings_project.weight",
        "electra.embeddings_project.bias",
        "electra.encoder.layer.0.attention.self.query.weight",
        "electra.encoder.layer.0.output.LayerNorm.bias",
        "electra.encoder.layer.1.output.dense.weight",
        "classifier.dense.weight",
        "classifier.dense.bias",
    ]
    groups = parameter_groups([(name, name) for name in names], 2, 1.0, 0.5, 0.01)
    found = {name: (group["lr"], group["weight_decay"]) for group in groups for name in group["params"]}
    assert found == {
        names[0]: (0.0625, 0.01),
        names[1]: (0.0625, 0.0),
        names[2]: (0.0625, 0.01),
        names[3]: (0.0625, 0.0),
        names[4]: (0.125, 0.01),
        names[5]: (0.125, 0.0),
        names[6]: (0.25, 0.01),
        names[7]: (1.0, 0.01),
        names[8]: (1.0, 0.0),
    }


def test_a_model_without_such_layers_takes_one_rate_only():
    parameters = [("encoder.block.0.ffn.lin1.weight", 0)]
    assert len(parameter_groups(parameters, 1, 1e-4, 1.0, 0.0)) == 1
    with pytest.raises(UserError, match="not named encoder.layer.N"):
        parameter_groups(parameters, 1, 1e-4, 0.8, 0.0)


def test_layers_are_known_by_bert_s_name_and_distilbert_s():
    names = ["encoder.layer.0.output.dense.weight", "distilbert.transformer.layer.0.ffn.lin1.weight"]
    (group,) = parameter_groups([(name, name) for name in names], 1, 1.0, 0.5, 0.0)
    assert group["params"] == names and group["lr"] == 0.25


def test_every_parameter_of_a_model_is_trained_once_and_two_layers_deep_below_the_head():
    import transformers

    config = transformers.ElectraConfig(
        num_hidden_layers=3, hidden_size=8, embedding_size=4, num_attention_heads=1, vocab_size=9
    )
    model = transformers.ElectraForTokenClassification(config)
    groups = parameter_groups(model.named_parameters(), 3, 1e-4, 0.9, 0.01)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert sorted({group["lr"] for group in groups}) == pytest.approx([1e-4 * 0.9**below for below in (5, 4, 3, 2, 0)])


def test_an_epoch_has_every_example_once_in_batches_of_like_length():
    lengths = [3 + index * 7 % 50 for index in range(203)]
    sampler = LengthGroupedSampler(lengths, 8, seed=1, grouped=True)
    first = list(sampler)
    assert sorted(first) == list(range(203))
    spread = [max(part) - min(part) for start in range(0, 203, 8) if (part := [lengths[i] for i in first[start : start + 8]])]
    assert max(spread) <= 4
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(LengthGroupedSampler(lengths, 8, seed=2, grouped=True)) != first


def test_batches_for_scoring_go_from_long_to_short():
    assert by_length([3, 9, 5, 9, 1], 2) == [[1, 3], [2, 0], [4]]
