"""Five training steps equal the released code's to float32 rounding: the truth that nothing may loosen.

`data/released_electra_A.npz` holds weights, batches, masked positions and samples as the released code had them, and all
that it computed from them. These numbers change only if the method does.
"""

import json

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model import masking, objective
from electra_pretrain.train.trainer import Trainer
from tests.conftest import DATA

STEPS = 5
SPECIAL_IDS = SpecialIds(0, 1, 2, 3, 4)


@pytest.fixture(scope="module")
def reference():
    with np.load(DATA / "released_electra_A.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def config():
    released = json.loads((DATA / "released_electra_A.json").read_text())
    sizes = released["model_hparam_overrides"]
    training = {"train_batch_size": released["train_batch_size"], "num_train_steps": released["num_train_steps"]}
    return Config.from_dict(
        {
            "model": {**sizes, "embedding_size": released["embedding_size"]},
            "objective": {"generator_hidden_size": released["generator_hidden_size"]},
            "optimizer": {name: released[name] for name in ("learning_rate", "num_warmup_steps")},
            "training": training,
            "data": {name: released[name] for name in ("vocab_size", "max_seq_length")},
        }
    )


@pytest.fixture(scope="module", params=[False, True], ids=["together", "one after the other"])
def computed(request, reference, config):
    """All that our step computes from the released code's inputs: per step, and the variables afterwards."""
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    trainer = Trainer(config, SPECIAL_IDS, strategy, one_after_the_other=request.param)
    for name, variable in trainer.variables().items():
        if not name.endswith(("adam_m", "adam_v")):
            variable.assign(reference[f"initial/{name}"])

    @tf.function
    def step(batch, positions, replaced, sampled_ids):
        weights = masking.slot_weights(batch.input_mask, masking.maskable(batch, SPECIAL_IDS), config.objective.mask_prob)
        positions = tf.where(weights > 0, positions, 0)
        masked = masking.write_masks(batch, positions, weights, replaced, SPECIAL_IDS)
        counts = objective.count(batch, masked)
        random = Random(0, 0, batch.rows)
        outputs = objective.compute_losses(
            trainer.model, batch, masked, counts, config.objective, random, training=True, sampled_ids=sampled_ids
        )
        hidden = trainer.model.discriminator_hidden(outputs.fake_input_ids, batch.input_mask, batch.segment_ids, None)
        sums = strategy.run(trainer.update, args=(batch, masked, sampled_ids))
        return masked, outputs, hidden, sums

    results = []
    for number in range(STEPS):
        given = {name: reference[f"batch/{name}"][number] for name in ("input_ids", "input_mask", "segment_ids")}
        batch = Batch(**{name: tf.constant(value) for name, value in given.items()}, rows=tf.range(3))
        positions = tf.constant(reference["batch/masked_lm_positions"][number])
        replaced = tf.constant(reference["batch/replace_uniform"][number] < masking.Masking().mask_token_prob)
        masked, outputs, hidden, sums = step(batch, positions, replaced, tf.constant(reference["batch/sampled_ids"][number]))
        results.append(
            {
                "masked_input_ids": masked.input_ids,
                "masked_lm_ids": masked.masked_lm_ids,
                "masked_lm_weights": masked.masked_lm_weights,
                "gen_logits": tf.reshape(outputs.gen_logits, [*masked.masked_lm_ids.shape, -1]),
                "fake_input_ids": outputs.fake_input_ids,
                "disc_labels": outputs.disc_labels,
                "disc_hidden": hidden,
                "disc_logits": outputs.disc_logits,
                "masked_lm_loss": outputs.masked_lm_loss,
                "disc_loss": outputs.disc_loss,
                "total_loss": outputs.total_loss,
                "grad_norm": sums["grad_norm"],
            }
        )
    after = {name: variable.numpy() for name, variable in trainer.variables().items()}
    return results, after


@pytest.mark.parametrize("name", ["masked_input_ids", "masked_lm_ids", "masked_lm_weights", "fake_input_ids", "disc_labels"])
def test_what_is_discrete_is_equal(reference, computed, name):
    for number in range(STEPS):
        np.testing.assert_array_equal(computed[0][number][name], reference[f"expected/{name}"][number], f"step {number}")


@pytest.mark.parametrize("name", ["gen_logits", "disc_hidden", "disc_logits"])
def test_activations(reference, computed, name):
    for number in range(STEPS):
        np.testing.assert_allclose(
            computed[0][number][name],
            reference[f"expected/{name}"][number],
            rtol=1e-5,
            atol=1e-5,
            err_msg=f"step {number}",
        )


@pytest.mark.parametrize("name", ["masked_lm_loss", "disc_loss", "total_loss", "grad_norm"])
def test_scalars(reference, computed, name):
    ours = [float(result[name]) for result in computed[0]]
    np.testing.assert_allclose(ours, reference[f"expected/{name}"], rtol=2e-6)


def test_learning_rate(reference, config):
    from electra_pretrain.train.schedule import learning_rate

    rates = [float(learning_rate(tf.constant(t), config.optimizer, config.training.num_train_steps)) for t in range(1, 6)]
    np.testing.assert_allclose(rates, reference["expected/learning_rate"], rtol=1e-6)


def test_weights_and_moments_after_five_steps(reference, computed):
    after = computed[1]
    names = {name.removeprefix("after/") for name in reference if name.startswith("after/")}
    assert names == set(after)
    for name in sorted(names):
        np.testing.assert_allclose(after[name], reference[f"after/{name}"], rtol=2e-5, atol=2e-6, err_msg=name)


def test_every_weight_moved(reference, computed):
    """The comparison above would prove little about a weight that training leaves alone."""
    still = [
        name
        for name, value in computed[1].items()
        if f"initial/{name}" in reference and np.array_equal(value, reference[f"initial/{name}"])
    ]
    assert still == []
