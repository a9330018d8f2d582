"""A run that begins with another's weights and moments: its bits, what is refused, and what of a half-done run may change."""

import numpy as np
import pytest

from electra_pretrain import run_pretraining
from electra_pretrain.checkpoint import bundle
from electra_pretrain.checkpoint.fit import expected_moments, expected_variables
from electra_pretrain.checkpoint.names import is_moment
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.load import to_text
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import Level
from electra_pretrain.train import loop
from electra_pretrain.train.loop import train
from electra_pretrain.train.optimizer import is_decayed
from electra_pretrain.train.preflight import Request, check_start, check_thoroughly
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, changed
from tests.train.test_training import metrics, one_device, weights

LONG = changed(
    MICRO,
    optimizer={"schedule": "wsd", "decay_steps": 2},
    training={"num_train_steps": 20, "save_checkpoints_steps": 2, "num_eval_steps": 0},
)


@pytest.fixture(scope="module")
def long(tmp_path_factory, records):
    """The first four steps of twenty."""
    folder = tmp_path_factory.mktemp("long")
    train(prepare(changed(LONG, training={"num_train_steps": 4}), [records], str(folder)), one_device())
    (folder / "config.json").write_text(to_text(LONG))  # as if it were half-done
    return folder


def branch_of(source, **optimizer):
    decay = {"decay_steps": 2, "num_warmup_steps": 0, **optimizer}
    training = {"num_train_steps": 2, "save_checkpoints_steps": 1, "init_from": source, "init_moments": True}
    return changed(LONG, optimizer=decay, training=training)


def begin(config, records, folder):
    """As the command does it."""
    pretrained = run_pretraining.read_init_from(config, str(folder))
    train(prepare(config, [records], str(folder), pretrained), one_device())


@pytest.fixture(scope="module")
def branch(tmp_path_factory, long, records):
    folder = tmp_path_factory.mktemp("branch")
    begin(branch_of(f"{long}/model.ckpt-2"), records, folder)
    return folder


def test_it_is_to_the_bit_the_run_that_goes_on_with_these_weights_and_moments(tmp_path, long, branch, records):
    """From a checkpoint that says that it is of step 0, for the steps are counted anew."""
    start = prepare(branch_of(""), [records], str(tmp_path))
    bundle.save(str(tmp_path), 0, weights(long, 2) | {"global_step": np.int64(0)}, keep=5)
    train(start, one_device())
    expected = weights(tmp_path)
    assert expected["global_step"] == 2
    found = weights(branch)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, name)
    rates = [row["learning_rate"] for row in metrics(branch)]
    np.testing.assert_allclose(rates, [0.005 * (1 - np.sqrt(0.5)), 0], rtol=1e-5)


def test_its_first_update_is_the_formula_with_these_moments(long, branch):
    before, after = weights(long, 2), weights(branch, 1)
    moved = 0
    for name in (name for name in before if f"{name}/adam_m" in before):
        m, v = (before[f"{name}/{slot}"].astype(np.float64) for slot in ("adam_m", "adam_v"))
        gradient = (after[f"{name}/adam_m"] - 0.9 * m) / 0.1
        v = 0.999 * v + 0.001 * gradient**2
        np.testing.assert_allclose(after[f"{name}/adam_v"], v, rtol=1e-3, atol=1e-10, err_msg=name)
        step = after[f"{name}/adam_m"] / (np.sqrt(v) + 1e-6) + (0.01 * before[name] if is_decayed(name) else 0)
        expected = before[name] - 0.005 * (1 - np.sqrt(0.5)) * step
        np.testing.assert_allclose(after[name], expected, rtol=1e-4, atol=1e-5, err_msg=name)
        moved += np.abs(after[name] - before[name]).max() > 1e-4
    assert moved > 20


def test_what_was_taken_is_said(tmp_path, long, records, capfd, monkeypatch):
    """A warm-up of 0 is not warned of, as the moments are there."""

    def built(*_):
        raise InterruptedError

    monkeypatch.setattr(loop, "training_batches", built)
    arguments = ["--config", str(tmp_path / "config.json"), "--data", records, "--model_dir", str(tmp_path / "run")]
    (tmp_path / "config.json").write_text(to_text(branch_of(f"{long}/model.ckpt-4")))
    with pytest.raises(InterruptedError):
        run_pretraining.run_pretraining(run_pretraining.parse_args(arguments))
    err = capfd.readouterr().err
    assert f"weights and moments from {long}/model.ckpt-4; steps are counted anew" in err
    assert "num_warmup_steps" not in err and "trained weights" not in err


def pretrained(values, origin="elsewhere"):
    return Pretrained(origin, {name: value for name, value in values.items() if "global_step" not in name}, {}, None)


@pytest.mark.parametrize("kind", ["export", "import"])
def test_a_source_without_moments_is_refused_before_anything_is_built(tmp_path, long, records, kind):
    """An import's are all zero."""
    values = weights(long, 2)
    for name in filter(is_moment, list(values)):
        values[name] = np.zeros_like(values[name])
        if kind == "export":
            del values[name]
    config, source = branch_of("elsewhere"), pretrained(values)
    said = r"^training.init_moments = true: elsewhere: has no moments .* name a run .* or set training.init_moments=false$"
    with pytest.raises(UserError, match=said):
        prepare(config, [records], str(tmp_path / "run"), source)
    request = Request(config, [records], str(tmp_path / "run"), None, None, source)
    findings, start = check_start(request)
    (failed,) = (finding.text for finding in findings if finding.is_failure)
    assert start is None and failed.startswith("training.init_moments")
    prepare(changed(config, training={"init_moments": False}), [records], str(tmp_path / "run"), source)


def test_preflight_holds_the_moments_names_and_shapes_against_the_config(tmp_path, long, records):
    name = "generator_predictions/output_bias/adam_v"
    values = weights(long, 2)
    without = {other: value for other, value in values.items() if other != name}
    cases = (
        (values, Level.OK, "weights and moments of elsewhere: names and shapes are those of the config"),
        (without, Level.FAILURE, f"missing: {name}"),
        ({**values, name: values[name][1:]}, Level.FAILURE, f"{name} has shape [3499] instead of [3500]"),
    )
    for source, level, said in cases:
        request = Request(branch_of("elsewhere"), [records], str(tmp_path / "run"), None, None, pretrained(source))
        found = check_thoroughly(request, check_start(request).start, 1, None)
        assert any(finding.level is level and said in finding.text for finding in found), said


def test_the_names_of_moments_are_the_optimisers(long):
    weights_of = expected_variables(LONG)
    assert set(expected_moments(weights_of, LONG)) | set(weights_of) | {"global_step"} == set(weights(long, 2))


def test_a_half_done_run_may_be_prolonged_with_another_decay_and_other_rates(long, records):
    rates = {"learning_rate": 0.1, "generator_learning_rate": 0.2, "discriminator_learning_rate": 0.3}
    longer = changed(LONG, optimizer={"decay_steps": 10, **rates}, training={"num_train_steps": 40})
    assert prepare(longer, [records], str(long)).config == longer
    for fields in ({"schedule": "linear", "decay_steps": 0}, {"clip_per_network": True}):
        with pytest.raises(UserError, match=f"holds a run of another config: optimizer.{next(iter(fields))} was"):
            prepare(changed(LONG, optimizer=fields), [records], str(long))
