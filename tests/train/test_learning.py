"""Every objective learns: short runs on a made-up language in which each token decides the next."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.train.metrics import summarize
from electra_pretrain.train.trainer import Trainer
from tests.conftest import MICRO, changed

VOCAB, SEQ, BATCH, STEPS = 40, 16, 32, 1000
FIRST_WORD = 5
UNIGRAM_ENTROPY = np.log(VOCAB - FIRST_WORD)
CONFIG = changed(
    MICRO,
    model={
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "embedding_size": 64,
        "intermediate_size": 128,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.1,
    },
    optimizer={"learning_rate": 0.001, "num_warmup_steps": 50, "adam_beta_2": 0.98},
    training={"train_batch_size": BATCH, "num_train_steps": STEPS},
    data={"vocab_size": VOCAB, "max_seq_length": SEQ},
)
ELECTRIC = {"electra_objective": False, "electric_objective": True, "two_tower_generator": True}
VARIANTS = {
    "electra": {},
    "masked language model": {"electra_objective": False},
    "electric": ELECTRIC,
    "electric against raw noise": {**ELECTRIC, "gen_weight": 0.0},
    "two towers": {"two_tower_generator": True},
    "two towers left as they are": {"two_tower_generator": True, "gen_weight": 0.0},
    "uniform generator": {"uniform_generator": True},
    "tied generator": {"untied_generator": False},
    "embeddings of its own": {"embedding_sharing": "untied", "generator_hidden_size": 1.0},
    "a difference of its own": {"embedding_sharing": "gradient_disentangled"},
    "disallow correct": {"disallow_correct": True},
    "temperature": {"temperature": 2.0},
    "generator layers": {"generator_layers": 0.5},
}


def sentences(seed: int, count: int) -> np.ndarray:
    """[count, SEQ]: [CLS], a walk along one fixed cycle through all words from a random start, [SEP]."""
    rng = np.random.default_rng(0)
    cycle = rng.permutation(VOCAB - FIRST_WORD) + FIRST_WORD
    starts = np.random.default_rng(seed).integers(0, len(cycle), (count, 1))
    words = cycle[(starts + np.arange(SEQ - 2)) % len(cycle)]
    return np.concatenate([np.full((count, 1), 2), words, np.full((count, 1), 3)], axis=1).astype(np.int32)


def batches(seed: int, count: int) -> tf.data.Dataset:
    ids = sentences(seed, count * BATCH).reshape(count, BATCH, SEQ)
    ones, rows = np.ones_like(ids), np.tile(np.arange(BATCH, dtype=np.int32), (count, 1))
    return tf.data.Dataset.from_tensor_slices(Batch(ids, ones, 0 * ones, rows))


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_learns(name):
    config = changed(CONFIG, objective={"generator_hidden_size": 0.5, **VARIANTS[name]})
    objective = config.objective
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    trainer = Trainer(config, SpecialIds(0, 1, 2, 3, 4), strategy)
    trainer.train_steps(iter(strategy.experimental_distribute_dataset(batches(1, STEPS))), tf.constant(STEPS))
    totals: dict[str, np.ndarray] = {}
    for batch in batches(2, 20):
        for key, value in trainer.evaluate_batch(batch).items():
            totals[key] = totals.get(key, 0) + value.numpy().astype(np.float64)
    metrics = summarize(totals)
    if objective.uniform_generator:
        np.testing.assert_allclose(metrics["masked_lm_loss"], np.log(VOCAB), rtol=1e-4)
    elif objective.gen_weight:
        # Whoever counts words, and copies the 15% that are drawn but left in place, ends at 0.85 of the entropy.
        assert metrics["masked_lm_loss"] < 0.5 * 0.85 * UNIGRAM_ENTROPY
    # Towers learn from every token and soon make no mistake here, which leaves nothing to find.
    if objective.has_discriminator and not (objective.two_tower_generator and objective.gen_weight):
        assert metrics["disc_auc"] > 0.9
