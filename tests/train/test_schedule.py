"""Learning rates against NumPy written from the formulas, and where schedules begin and end."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.optimizer import OptimizerConfig
from electra_pretrain.config.schema import Config, PhaseConfig
from electra_pretrain.core.errors import UserError
from electra_pretrain.train.ownership import Owner
from electra_pretrain.train.schedule import learning_rate, own_rates
from tests.conftest import MICRO, changed

PEAK, STEPS = 1e-3, 1000
LINEAR = OptimizerConfig(learning_rate=PEAK, num_warmup_steps=100)
COSINE = dataclasses.replace(LINEAR, schedule="cosine")
WSD = dataclasses.replace(LINEAR, schedule="wsd", decay_steps=200)


def rates(config, num_steps=STEPS, updates=None):
    return learning_rate(tf.constant(np.arange(num_steps + 1) if updates is None else updates), config, num_steps).numpy()


@pytest.mark.parametrize("update", [0, 1, 50, 99, 100, 101, 500, 800, 801, 850, 999, 1000, 1200])
@pytest.mark.parametrize("warmup", [0, 100])
def test_the_formulas(update, warmup):
    t = min(update, STEPS)
    expected = {
        LINEAR: 1 - t / STEPS,
        dataclasses.replace(LINEAR, lr_decay_power=2.0): (1 - t / STEPS) ** 2,
        COSINE: 0.5 * (1 + np.cos(np.pi * max(0, t - warmup) / (STEPS - warmup))),
        WSD: 1 - np.sqrt(max(0, t - 800) / 200),
    }
    for config, decay in expected.items():
        found = learning_rate(tf.constant(update), dataclasses.replace(config, num_warmup_steps=warmup), STEPS)
        warm = min(1, update / warmup) if warmup else 1
        np.testing.assert_allclose(found, PEAK * decay * warm, rtol=1e-5, atol=1e-10, err_msg=config.schedule)


def test_the_line_is_to_the_bit_what_it_was_before_there_were_others():
    t = tf.range(0, STEPS + 200, dtype=tf.float32)
    before = PEAK * (1.0 - tf.minimum(t, STEPS) / STEPS) ** 1.0 * tf.minimum(1.0, t / 100)
    np.testing.assert_array_equal(rates(LINEAR, updates=np.arange(STEPS + 200)), before)


@pytest.mark.parametrize("config", [LINEAR, COSINE, WSD], ids=lambda config: config.schedule)
def test_all_begin_at_0_and_end_at_0_and_fall_after_the_warm_up(config):
    found = rates(config)
    assert found[0] == found[-1] == 0 and np.all(found[1:-1] > 0)
    assert np.all(np.diff(found[100:]) <= 0)
    late = rates(config, updates=np.array([STEPS + 1, 10 * STEPS]))
    assert not late.any()


def test_between_warm_up_and_decay_wsd_is_the_peak_and_cosine_begins_there():
    assert np.all(rates(WSD)[100:801] == np.float32(PEAK)) and rates(WSD)[801] < PEAK
    assert rates(COSINE)[100] == np.float32(PEAK)


@pytest.mark.parametrize("branched", [800, 300])
def test_a_branch_of_decay_alone_is_the_end_of_a_run_planned_so_to_the_bit(branched):
    branch = dataclasses.replace(WSD, num_warmup_steps=0)
    planned = rates(WSD, branched + 200)
    np.testing.assert_array_equal(rates(branch, 200), planned[branched:])


def test_prolonged_the_constant_part_goes_on():
    np.testing.assert_array_equal(rates(WSD)[:801], rates(WSD, 3000)[:801])
    assert np.all(rates(WSD, 3000)[800:2801] == np.float32(PEAK))


@pytest.mark.parametrize("config", [LINEAR, COSINE, WSD], ids=lambda config: config.schedule)
def test_phases_keep_one_schedule(config):
    """Each has its peaks; the shape is that of the whole run."""
    phases = (PhaseConfig(until_step=400, learning_rate=2e-3, discriminator_learning_rate=4e-3), PhaseConfig(until_step=900))
    whole = dataclasses.replace(MICRO, optimizer=config, training=dataclasses.replace(MICRO.training, num_train_steps=STEPS))
    first, second, last = dataclasses.replace(whole, phases=phases).all_phases()
    t = tf.range(STEPS + 1)
    shape = rates(config) / PEAK
    for phase, peak in ((first, 2e-3), (second, PEAK), (last, PEAK)):
        steps = phase.config.training.num_train_steps
        np.testing.assert_allclose(learning_rate(t, phase.config.optimizer, steps), peak * shape, rtol=1e-5)
        own = own_rates(t, phase.config.optimizer, steps)
        assert list(own) == ([Owner.DISCRIMINATOR] if phase is first else [])
    np.testing.assert_allclose(own_rates(t, first.config.optimizer, STEPS)[Owner.DISCRIMINATOR], 4e-3 * shape, rtol=1e-5)


def test_a_network_whose_rate_is_no_other_has_none_of_its_own():
    """So that nothing is computed otherwise."""
    same = dataclasses.replace(LINEAR, generator_learning_rate=PEAK, discriminator_learning_rate=0.0)
    assert own_rates(tf.constant(7), same, STEPS) == {}
    own = own_rates(tf.constant(7), dataclasses.replace(same, generator_learning_rate=3e-3), STEPS)
    assert list(own) == [Owner.GENERATOR] and float(own[Owner.GENERATOR]) == pytest.approx(3e-3 * 0.993 * 0.07)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"schedule": "cosine", "lr_decay_power": 2.0}, 'lr_decay_power = 2.0: goes with optimizer.schedule = "linear"'),
        (
            {"schedule": "wsd", "decay_steps": 2, "lr_decay_power": 0.5},
            'lr_decay_power = 0.5: goes with optimizer.schedule = "li',
        ),
        ({"schedule": "cosine", "num_warmup_steps": 6}, "num_warmup_steps = 6: must be below training.num_train_steps with"),
        ({"schedule": "wsd"}, 'decay_steps = 0: optimizer.schedule = "wsd" needs it above 0'),
        ({"decay_steps": 2}, 'decay_steps = 2: is for optimizer.schedule = "wsd" alone'),
        ({"schedule": "wsd", "decay_steps": 7}, r"decay_steps = 7: must lie in 0..training.num_train_steps"),
        ({"schedule": "wsd", "decay_steps": 5}, r"decay_steps = 5: with optimizer.num_warmup_steps it is more than"),
    ],
)
def test_what_would_have_no_effect_or_no_meaning_is_refused(fields, message):
    with pytest.raises(UserError, match=f"optimizer.{message}"):
        Config.from_dict(changed(MICRO, optimizer=fields).to_dict())
