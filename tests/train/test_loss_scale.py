"""Float16: losses are scaled so that small gradients survive; gradients that overflow lower the scale and cost a step."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.checkpoint import bundle
from electra_pretrain.checkpoint.names import is_loss_scale
from electra_pretrain.checkpoint.variables import restore
from electra_pretrain.convert.run_export import export_tf1
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import count
from electra_pretrain.train import loss_scale
from electra_pretrain.train.gradients import Gradients
from electra_pretrain.train.loop import train
from electra_pretrain.train.loss_scale import CEILING, FLOOR, GROWTH_STEPS, INITIAL, LossScale
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, changed
from tests.train.test_training import metrics, one_device, weights

LOW = 256.0
FLOAT16 = changed(MICRO, training={"compute_dtype": "float16"})


def test_it_is_halved_by_an_overflow_and_doubled_after_enough_steps_without():
    state = LossScale()
    after = tf.function(state.after)
    scale, good_steps = INITIAL, 0
    for step in range(2 * GROWTH_STEPS + 10):
        finite = step not in (0, 1, GROWTH_STEPS, GROWTH_STEPS + 1)
        found = after(tf.constant(finite))
        state.scale.assign(found[0])
        state.good_steps.assign(found[1])
        scale, good_steps = (scale, good_steps + 1) if finite else (scale / 2, 0)
        if good_steps == GROWTH_STEPS:
            scale, good_steps = scale * 2, 0
        assert (float(state.scale), int(state.good_steps)) == (scale, good_steps), step
    assert scale == INITIAL / 16 * 2


@pytest.mark.parametrize(("start", "finite", "end"), [(FLOOR, False, FLOOR), (CEILING, True, CEILING)])
def test_it_has_a_floor_and_a_ceiling(start, finite, end):
    state = LossScale()
    state.scale.assign(start)
    state.good_steps.assign(GROWTH_STEPS - 1)
    assert bool(state.at_floor()) == (start == FLOOR)
    assert float(state.after(tf.constant(finite))[0]) == end


def test_gradients_of_scaled_losses_are_the_plain_ones_times_the_scale():
    """To the bit, in float32: a power of two changes the exponent alone."""
    config = changed(MICRO, training={"gradient_accumulation_steps": 2})
    model = Electra(config)
    gradients = Gradients(config, model, one_after_the_other=True)
    ids = tf.constant(np.random.default_rng(1).integers(5, 3000, [4, 32]), tf.int32)
    batch = Batch(ids, tf.ones_like(ids), tf.zeros_like(ids), tf.range(4))
    random = Random(0, 0, batch.rows)
    masked = mask_batch(batch, 0.15, SpecialIds(0, 1, 2, 3, 4), random)
    compute = tf.function(gradients.accumulate)
    plain, _ = compute(batch, masked, count(batch, masked), random)
    scaled, _ = compute(batch, masked, count(batch, masked), random, tf.constant(4096.0))
    assert any(np.abs(gradient).max() > 0 for gradient in plain)
    for one, other in zip(plain, scaled, strict=True):
        np.testing.assert_array_equal(one * 4096, other)


@pytest.fixture(scope="module")
def straight(tmp_path_factory, records):
    """With a scale to begin with that nothing overflows; the usual one costs such a small model its first three steps."""
    folder = tmp_path_factory.mktemp("float16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss_scale, "INITIAL", LOW)
        train(prepare(FLOAT16, [records], str(folder)), one_device())
    return folder


def test_it_trains_as_float32_does(straight, tmp_path, records):
    train(prepare(MICRO, [records], str(tmp_path)), one_device())
    for ours, theirs in zip(metrics(straight), metrics(tmp_path), strict=True):
        for name in ("masked_lm_loss", "disc_loss"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-3, err_msg=name)
        np.testing.assert_allclose(ours["grad_norm"], theirs["grad_norm"], rtol=2e-2)
        assert (ours["loss_scale"], ours["skipped_steps"], ours["nonfinite_steps"]) == (LOW, 0, 0)
        assert "loss_scale" not in theirs


def from_step_3(straight, folder, change):
    """A copy of the run at step 3, its checkpoint's values changed."""
    shutil.copytree(straight, folder)
    values = weights(folder, 3)
    change(values)
    for step in (3, 6):
        for path in folder.glob(f"model.ckpt-{step}.*"):
            path.unlink()
    bundle.save(str(folder), 3, values, keep=5)
    return folder


def test_the_scale_goes_on_from_a_checkpoint_to_the_bit(straight, tmp_path, records):
    def change(values):
        assert (values["loss_scale"], values["loss_scale_good_steps"]) == (LOW, 3)
        values["loss_scale"], values["loss_scale_good_steps"] = np.float32(1024), np.int64(GROWTH_STEPS - 1)

    folder = from_step_3(straight, tmp_path / "run", change)
    train(prepare(FLOAT16, [records], str(folder)), one_device())
    after = weights(folder)
    assert (after["loss_scale"], after["loss_scale_good_steps"]) == (2048, 2)

    same = from_step_3(straight, tmp_path / "same", lambda values: None)
    train(prepare(FLOAT16, [records], str(same)), one_device())
    expected = weights(straight)
    for name, value in weights(same).items():
        np.testing.assert_array_equal(value, expected[name], name)


def test_an_overflow_lowers_the_scale_and_is_no_nonfinite_step(straight, tmp_path, records):
    """A scale of 2^40 overflows whatever the gradients are; three steps are too few to come down from it."""
    config = changed(FLOAT16, training={"max_nonfinite_steps": 1})
    folder = from_step_3(straight, tmp_path / "run", lambda values: values.update(loss_scale=np.float32(2.0**40)))
    before = weights(folder)
    train(prepare(config, [records], str(folder)), one_device())
    after = weights(folder)
    assert (after["loss_scale"], after["global_step"]) == (2.0**37, 6)
    assert all(np.array_equal(after[name], before[name]) for name in before if "/" in name)
    late = [row for row in metrics(folder) if row["step"] > 3]
    assert sum(row["skipped_steps"] for row in late) == 3 and not any(row["nonfinite_steps"] for row in late)
    assert "grad_norm" not in late[-1]


def test_at_the_floor_it_is_one(straight, tmp_path, records):
    def broken(values):
        values["loss_scale"] = np.float32(2)
        values["electra/embeddings/LayerNorm/beta"][:] = 3e38  # whose sum no float32 holds

    config = changed(FLOAT16, training={"max_nonfinite_steps": 2, "iterations_per_loop": 1})
    folder = from_step_3(straight, tmp_path / "run", broken)
    # The first lowers the scale to its floor; the next two are steps 4 and 5, counted from 0.
    with pytest.raises(UserError, match="gradients of 2 steps in a row were not finite, up to step 5"):
        train(prepare(config, [records], str(folder)), one_device())


def test_a_checkpoint_without_a_scale_may_be_gone_on_from(straight, tmp_path):
    """As an import makes them, which knows nothing of float16."""
    values = {name: value for name, value in weights(straight, 3).items() if not is_loss_scale(name)}
    prefix = bundle.save(str(tmp_path), 3, values, keep=1)
    variables, own = {name: tf.Variable(tf.zeros_like(value)) for name, value in values.items()}, LossScale()
    restore(prefix, variables | own.named_variables())
    assert float(own.scale) == INITIAL
    assert all(np.array_equal(variables[name], value) for name, value in values.items())


def test_nothing_of_it_is_exported(straight, tmp_path):
    prefix = export_tf1(str(straight), str(tmp_path), None, 1, keep_optimizer=True)
    names = {name for name, _ in tf.train.list_variables(prefix)}
    assert "electra/embeddings/word_embeddings/adam_m" in names and not any(map(is_loss_scale, names))
