"""Runs in phases, and runs that start from another run's weights."""

import dataclasses
import json
import shutil
import weakref

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain import run_pretraining
from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.checkpoint.names import is_optimizer_value
from electra_pretrain.config.load import differences
from electra_pretrain.config.schema import Config, PhaseConfig
from electra_pretrain.core.errors import UserError
from electra_pretrain.train import loop
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, SAMPLE_CORPUS, build, changed

PHASED = dataclasses.replace(
    changed(MICRO, training={"num_train_steps": 8, "save_checkpoints_steps": 3}),
    phases=(PhaseConfig(until_step=5, max_seq_length=16, train_batch_size=4, learning_rate=0.01),),
)


def one_device():
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def weights(folder):
    return bundle.read(listing.find(str(folder)))


def rows(folder, kind="train"):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return {row["step"]: row for row in map(json.loads, lines) if row["kind"] == kind}


@pytest.fixture(scope="module")
def short_records(tmp_path_factory, vocab_path):
    folder = str(tmp_path_factory.mktemp("short"))
    build(f"{SAMPLE_CORPUS}/comments.txt", vocab_path, folder, "--max_seq_length", "16", "--heldout_fraction", "0.1")
    return folder


@pytest.fixture(scope="module")
def held():
    """How many variables of the trainers before are alive when a phase's is built; `phased` fills it."""
    return []


@pytest.fixture(scope="module")
def phased(tmp_path_factory, records, short_records, held):
    folder, earlier = tmp_path_factory.mktemp("phased"), []

    class Watched(loop.Trainer):
        def __init__(self, *args, **kwargs):
            held.append(sum(variable() is not None for variable in earlier))
            super().__init__(*args, **kwargs)
            earlier.extend(weakref.ref(variable) for variable in self.variables().values())

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(loop, "Trainer", Watched)
        train(prepare(PHASED, [records, short_records], str(folder)), one_device())
    return folder


def test_a_phase_s_weights_and_moments_are_gone_before_the_next_ones_are_made(phased, held):
    assert held == [0, 0]


def test_all_phases_are_those_of_the_file_and_the_rest():
    (first, begin, middle), (second, again, end) = PHASED.all_phases()
    assert (begin, middle, again, end) == (0, 5, 5, 8)
    assert (first.data.max_seq_length, first.training.train_batch_size, first.optimizer.learning_rate) == (16, 4, 0.01)
    assert first.training.num_train_steps == 8
    assert second == dataclasses.replace(PHASED, phases=())
    assert len(MICRO.all_phases()) == 1


def test_each_phase_has_its_batch_length_and_rate_under_one_schedule(phased):
    assert listing.steps(str(phased)) == [3, 5, 6, 8]
    found = rows(phased)
    assert list(found) == [2, 3, 5, 6, 8] and list(rows(phased, "heldout")) == [3, 5, 6, 8]
    for step, row in found.items():
        peak = 0.01 if step <= 5 else 0.005
        assert row["learning_rate"] == pytest.approx(peak * (1 - step / 8) * min(1, step / 2), rel=1e-5)
        length = row["tokens_per_second"] / row["sequences_per_second"]  # without padding
        assert 8 < length < 16.01 if step <= 5 else 16.01 < length < 32.01  # written with six digits
    about = json.loads((phased / "run.json").read_text())
    assert about["data"]["max_seq_length"] == 32 and [d["max_seq_length"] for d in about["data_of_phases"]] == [16]


@pytest.mark.parametrize("kept", [3, 5, 6])
def test_resumed_within_and_between_phases_equals_straight(tmp_path, phased, records, short_records, kept):
    for path in phased.iterdir():
        if path.is_file() and not (path.name.startswith("model.ckpt") and f"-{kept}." not in path.name):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    train(prepare(PHASED, [short_records, records], str(tmp_path)), one_device())
    expected = weights(phased)
    for name, value in weights(tmp_path).items():
        np.testing.assert_array_equal(value, expected[name], name)


def test_data_and_phases_must_fit(tmp_path, records, short_records):
    with pytest.raises(
        UserError, match=r"phases\[0\] of the run needs one folder of records of 16 tokens, of which 0 were given"
    ):
        train(prepare(PHASED, [records], str(tmp_path)), one_device())
    with pytest.raises(UserError, match=r"of which 2 were given"):
        train(prepare(PHASED, [records, short_records, short_records], str(tmp_path)), one_device())
    with pytest.raises(UserError, match=r"no phase of the run has 16 tokens; leave it out"):
        train(prepare(MICRO, [records, short_records], str(tmp_path)), one_device())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wanted", ["apart", "packed"])
def test_folders_of_two_kinds_are_refused_together(records, short_records, tmp_path, wanted):
    """What the config says helps with neither."""
    shutil.copytree(short_records, tmp_path / "short")
    path = tmp_path / "short" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "short_documents": "packed"}))
    config = changed(PHASED, data={"short_documents": wanted})
    told = rf"^--data: all phases .* of several: {tmp_path}/short \(packed\), {records} \(apart\); build the others anew with"
    with pytest.raises(UserError, match=told):
        prepare(config, [records, str(tmp_path / "short")], str(tmp_path / "run"))


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([{"until_step": 6}], r"phases\[0\].until_step = 6: must be above 0, .* and below training.num_train_steps = 6"),
        ([{"until_step": 3}, {"until_step": 3}], r"phases\[1\].until_step = 3: must be above 3"),
        ([{"until_step": 3, "max_seq_length": 64}], r"phases\[0\]: data.max_seq_length = 64: must be"),
        ([{"until_step": 3, "gradient_accumulation_steps": 3}], r"phases\[0\]: training.train_batch_size = 8"),
        ([{"steps": 3}], r'phases\[0\]: unknown key "steps"; did you mean until_step'),
        ({"until_step": 3}, "phases = .*: must be a JSON list"),
    ],
)
def test_wrong_phases_are_named(phases, message):
    with pytest.raises(UserError, match=message):
        Config.from_dict({**MICRO.to_dict(), "phases": phases}, "file")


def test_other_phases_are_another_run(phased, records, short_records):
    other = dataclasses.replace(PHASED, phases=(dataclasses.replace(PHASED.phases[0], until_step=4),))
    assert list(differences(PHASED, other)) == ["phases"]
    with pytest.raises(UserError, match="holds a run of another config: phases was"):
        train(prepare(other, [records, short_records], str(phased)), one_device())


def same_weights(found, expected):
    names = [name for name in expected if not is_optimizer_value(name)]
    return all(np.array_equal(found[name], expected[name]) for name in names)


def start(config, records, folder):
    """As the command does it."""
    pretrained = run_pretraining.read_init_from(config, str(folder))
    train(prepare(config, [records], str(folder), pretrained), one_device())


@pytest.mark.parametrize(("step", "path"), [(8, ""), (3, "model.ckpt-3")])
def test_weights_from_another_run_moments_and_step_anew(tmp_path, phased, records, capfd, step, path):
    config = changed(
        MICRO,
        training={"num_train_steps": 1, "num_eval_steps": 0, "init_from": str(phased / path)},
        optimizer={"learning_rate": 1e-30},
    )
    start(config, records, tmp_path)
    assert f"weights from {phased}/model.ckpt-{step}; moments and step begin anew" in capfd.readouterr().err
    found = weights(tmp_path)
    assert found["global_step"] == 1
    assert same_weights(found, bundle.read(listing.find(str(phased), step)))
    assert not same_weights(found, bundle.read(listing.find(str(phased), 5)))
    # The moments of a first step: a tenth, and a thousandth, of the gradient and its square.
    m, v = (found[f"electra/embeddings/LayerNorm/beta/adam_{slot}"] for slot in "mv")
    np.testing.assert_allclose(np.square(10 * m), 1000 * v, rtol=1e-3)


def test_own_checkpoints_come_before_init_from(tmp_path, phased, records):
    config = changed(MICRO, training={"num_train_steps": 3, "init_from": str(phased)})
    start(config, records, tmp_path)
    before = weights(tmp_path)
    start(config, records, tmp_path)
    assert same_weights(weights(tmp_path), before)


def test_what_cannot_be_started_from_is_refused(tmp_path, phased, records):
    missing = changed(MICRO, training={"init_from": str(tmp_path / "none")})
    with pytest.raises(UserError, match="none: no such checkpoint"):
        start(missing, records, tmp_path / "run")
    other = changed(MICRO, model={"intermediate_size": 128}, training={"init_from": str(phased)})
    with pytest.raises(UserError, match=r"model.intermediate_size is 64 there, 128 in the config"):
        start(other, records, tmp_path / "run")
