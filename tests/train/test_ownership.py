"""Whose a variable is, by its name, against which loss has a gradient for it."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import Denominators, discriminate, generate
from electra_pretrain.train.ownership import Owner, owner, owners
from tests.conftest import MICRO, changed


@pytest.mark.parametrize("objective", [{}, {"embedding_sharing": "untied"}, {"two_tower_generator": True}], ids=str)
def test_a_network_owns_what_its_loss_alone_moves(objective):
    config = changed(MICRO, objective=objective)
    model = Electra(config)
    named = model.named_variables()
    ids = tf.constant(np.random.default_rng(1).integers(5, 3000, [2, 32]), tf.int32)
    batch = Batch(ids, tf.ones_like(ids), tf.zeros_like(ids), tf.range(2))
    random, one = Random(0, 0, batch.rows), tf.constant(1.0)
    counts = Denominators(one, one, one)
    masked = mask_batch(batch, 0.15, SpecialIds(0, 1, 2, 3, 4), random)
    with tf.GradientTape(persistent=True) as tape:
        outputs = generate(model, batch, masked, counts, config.objective, random, True)
        generators = outputs.total_loss
        discriminators = discriminate(model, batch, outputs, counts, config.objective, random, True).disc_loss
    moved = [
        {name for name, one in zip(named, tape.gradient(loss, list(named.values())), strict=True) if one is not None}
        for loss in (generators, discriminators)
    ]
    of = owners(named, config.objective)
    found = {each: {name for name, its in of.items() if its is each} for each in Owner}
    # A head that has no part in a loss is the generator's nevertheless: two towers are read by one of their two.
    assert found[Owner.SHARED] == moved[0] & moved[1]
    assert found[Owner.DISCRIMINATOR] == moved[1] - moved[0]
    assert found[Owner.GENERATOR] >= moved[0] - moved[1]
    assert (found[Owner.SHARED] == set()) == (config.objective.embedding_sharing == "untied")


def test_of_disentangled_tables_the_generators_loss_moves_the_tables_and_the_discriminators_the_difference():
    objective = ObjectiveConfig(embedding_sharing="gradient_disentangled")
    expected = {
        "electra/embeddings/word_embeddings": Owner.GENERATOR,
        "electra/embeddings/position_embeddings": Owner.GENERATOR,
        "electra/embeddings/token_type_embeddings": Owner.SHARED,
        "electra/embeddings/LayerNorm/gamma": Owner.SHARED,
        "electra/embeddings_difference/word_embeddings": Owner.DISCRIMINATOR,
        "electra/embeddings_project/kernel": Owner.DISCRIMINATOR,
        "generator/embeddings_project/kernel": Owner.GENERATOR,
        "generator_predictions/output_bias": Owner.GENERATOR,
        "discriminator_predictions/dense/kernel": Owner.DISCRIMINATOR,
    }
    assert owners(expected, objective) == expected
    assert owner("electra/embeddings/word_embeddings", ObjectiveConfig()) is Owner.SHARED
