"""Gradient-disentangled embeddings: each table's gradient against PyTorch, nothing changed at the start, runs as all others."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import torch

from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.checkpoint.average import read_mean
from electra_pretrain.core.batch import MaskedBatch
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.objective import compute_losses, count
from electra_pretrain.train.gradients import Gradients
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, changed
from tests.model.test_masking import batch_of
from tests.support import disentangled, released_weights
from tests.support.disentangled import CONFIG, DIFFERENCES, TABLES

SEQ = 20
BATCH = batch_of([SEQ, 13, 9], SEQ, vocab=released_weights.V)
POSITIONS, WEIGHTS = [[1, 4, 7], [2, 5, 0], [3, 0, 0]], [[1.0, 1, 1], [1, 1, 0], [1, 0, 0]]
SAMPLES = [[9, 30, 11], [12, 5, 0], [39, 0, 0]]


def masked():
    """Slots of three rows, some of them unused."""
    ids = BATCH.input_ids.numpy()
    positions, weights = np.array(POSITIONS), np.array(WEIGHTS)
    original, with_masks = np.take_along_axis(ids, positions, 1), ids.copy()
    for row, slot in zip(*np.nonzero(weights), strict=True):
        with_masks[row, positions[row, slot]] = 4
    numbers = (with_masks, BATCH.input_mask, BATCH.segment_ids, positions, original)
    return MaskedBatch(*(tf.constant(x, tf.int32) for x in numbers), tf.constant(weights, tf.float32), tf.ones(ids.shape))


def gradients_of(config, values):
    model, its_masked = Electra(config), masked()
    variables = model.named_variables()
    for name, variable in variables.items():
        variable.assign(values[name])
    random, samples = Random(1, 0, BATCH.rows), tf.constant(SAMPLES, tf.int32)
    found, _ = Gradients(config, model, False).compute(BATCH, its_masked, count(BATCH, its_masked), random, sampled_ids=samples)
    return dict(zip(variables, (gradient.numpy() for gradient in found), strict=True))


def torch_gradients(values):
    """Of both networks as `transformers` has them, each on its own; (generator's, discriminator's) by table."""
    its_masked, mask = masked(), torch.tensor(BATCH.input_mask.numpy()).long()
    used, positions = np.array(WEIGHTS) > 0, np.array(POSITIONS)
    generator = released_weights.transformers_model(values, "generator")
    discriminator = released_weights.transformers_model(disentangled.added(values), "electra")
    as_tensor = {"attention_mask": mask, "token_type_ids": torch.zeros_like(mask)}
    logits = generator(input_ids=torch.tensor(its_masked.input_ids.numpy()).long(), **as_tensor).logits
    rows, targets = np.nonzero(used)[0], torch.tensor(its_masked.masked_lm_ids.numpy()[used]).long()
    torch.nn.functional.cross_entropy(logits[rows, positions[used]], targets, reduction="mean").backward()
    ids = BATCH.input_ids.numpy().copy()
    ids[rows, positions[used]] = np.array(SAMPLES)[used]
    labels = torch.tensor(ids != BATCH.input_ids.numpy()).float()
    logits = discriminator(input_ids=torch.tensor(ids).long(), **as_tensor).logits
    losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    (50 * (losses * mask).sum() / mask.sum()).backward()
    return [
        {name: getattr(model.electra.embeddings, name).weight.grad.numpy() for name in (*TABLES, "token_type_embeddings")}
        for model in (generator, discriminator)
    ]


def test_each_loss_moves_its_own_part_as_pytorch_has_it():
    values = disentangled.make_values()
    ours = gradients_of(CONFIG, values)
    generators, discriminators = torch_gradients(values)
    for table in TABLES:
        theirs = generators[table], discriminators[table]
        assert not np.allclose(*theirs, atol=1e-3)
        np.testing.assert_allclose(ours[f"electra/embeddings/{table}"], theirs[0], rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(ours[f"electra/embeddings_difference/{table}"], theirs[1], rtol=1e-3, atol=1e-5)
    both = generators["token_type_embeddings"] + discriminators["token_type_embeddings"]
    np.testing.assert_allclose(ours["electra/embeddings/token_type_embeddings"], both, rtol=1e-3, atol=1e-5)


def test_with_a_difference_of_0_all_is_as_if_tied():
    """Outputs, and the sum of the two gradients of a table: to the bit."""
    tied, apart = changed(CONFIG, objective={"embedding_sharing": "tied"}), CONFIG
    models = [Electra(config) for config in (tied, apart)]
    variables = models[1].named_variables()
    assert set(variables) - set(models[0].named_variables()) == set(DIFFERENCES)
    assert not any(variables[name].numpy().any() for name in DIFFERENCES)
    outputs = [
        compute_losses(model, BATCH, masked(), count(BATCH, masked()), CONFIG.objective, Random(1, 0, BATCH.rows), True)
        for model in models
    ]
    for name in ("gen_logits", "sampled_ids", "disc_logits", "total_loss"):
        np.testing.assert_array_equal(*(getattr(output, name) for output in outputs), err_msg=name)
    values = {name: variable.numpy() for name, variable in variables.items()}
    one, both = (gradients_of(config, values) for config in (tied, apart))
    for name, gradient in one.items():
        difference = both.get(name.replace("embeddings/", "embeddings_difference/"), 0) if name.endswith(TABLES) else 0
        np.testing.assert_array_equal(both[name] + difference, gradient, err_msg=name)


def test_two_towers_share_their_tables_in_the_same_way():
    """The word table is read by both towers and by the head, all of them the generator's."""
    config = changed(CONFIG, objective={"two_tower_generator": True})
    model = Electra(config)
    variables = model.named_variables()
    assert set(DIFFERENCES) < set(variables)
    counts = count(BATCH, masked())
    with tf.GradientTape(persistent=True) as tape:
        outputs = compute_losses(model, BATCH, masked(), counts, config.objective, Random(1, 0, BATCH.rows), True)
    for table in TABLES:
        word, difference = (variables[f"electra/{scope}/{table}"] for scope in ("embeddings", "embeddings_difference"))
        assert tape.gradient(outputs.cloze_loss, difference) is None and tape.gradient(outputs.disc_loss, word) is None
        assert tape.gradient(outputs.disc_loss, difference) is not None
        assert tape.gradient(outputs.cloze_loss, word) is not None


RUN = changed(
    MICRO,
    objective={"embedding_sharing": "gradient_disentangled"},
    training={"num_train_steps": 4, "save_checkpoints_steps": 2, "num_eval_steps": 0},
)


def run(folder, config, records, strategy=None):
    train(prepare(config, [records], str(folder)), strategy or tf.distribute.OneDeviceStrategy("/cpu:0"))
    return bundle.read(listing.find(str(folder)))


@pytest.fixture(scope="module")
def straight(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("straight")
    run(folder, RUN, records)
    return folder


def test_a_run_resumes_bit_for_bit_and_its_mean_is_that_of_the_sums(tmp_path, straight, records):
    expected = bundle.read(listing.find(str(straight)))
    assert all(expected[f"{name}{slot}"].any() for name in DIFFERENCES for slot in ("", "/adam_m", "/adam_v"))
    shutil.copytree(straight, tmp_path / "run")
    for path in (tmp_path / "run").glob("model.ckpt-4.*"):
        path.unlink()
    resumed = run(tmp_path / "run", RUN, records)
    assert resumed.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(resumed[name], value, err_msg=name)
    both = [disentangled.added(bundle.read(listing.find(str(straight), step))) for step in (2, 4)]
    mean = disentangled.added(read_mean(str(straight), None, 2))
    for name in (f"electra/embeddings/{table}" for table in TABLES):
        np.testing.assert_allclose(mean[name], (both[0][name] + both[1][name]) / 2, atol=1e-7)
        assert not np.array_equal(both[0][name], both[1][name])


@pytest.mark.slow
def test_replicas_microbatches_and_remat_make_the_same_run(tmp_path, straight, records):
    config = changed(RUN, training={"gradient_accumulation_steps": 2, "remat": True})
    found = run(tmp_path, config, records, tf.distribute.MirroredStrategy([f"/cpu:{number}" for number in range(4)]))
    for name, value in bundle.read(listing.find(str(straight))).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=2e-5, err_msg=name)
