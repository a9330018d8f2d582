"""Runs: resumed bit for bit, split over replicas and microbatches without a difference, complete in their folder, learning."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.checkpoint import bundle, listing
from electra_pretrain.config.load import load_config, to_text
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.train import loop
from electra_pretrain.train.input import choose_sources, global_batch, shard_paths, training_batches, training_records
from electra_pretrain.train.loop import train
from electra_pretrain.train.report import Report
from electra_pretrain.train.start import prepare
from electra_pretrain.train.trainer import Trainer
from tests.conftest import MICRO, changed


def one_device():
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def mirrored(count):
    return tf.distribute.MirroredStrategy([f"/cpu:{number}" for number in range(count)])


def metrics(folder, kind="train"):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]


def weights(folder, step=None):
    return bundle.read(listing.find(str(folder), step))


@pytest.fixture(scope="module")
def straight(tmp_path_factory, records):
    """Six steps of a micro model, without interruption."""
    folder = tmp_path_factory.mktemp("straight")
    train(prepare(MICRO, [records], str(folder)), one_device())
    return folder


def test_folder_holds_everything(straight):
    assert set(os.listdir(straight)) == {
        "config.json", "run.json", "vocab.txt", "metrics.jsonl", "tensorboard",
        *(f"model.ckpt-{step}{suffix}" for step in (3, 6) for suffix in (".index", ".data-00000-of-00001")),
    }  # fmt: skip
    assert load_config(str(straight / "config.json")) == MICRO
    assert json.loads((straight / "run.json").read_text())["data"]["max_seq_length"] == 32


def test_scalars_are_in_tensorboard_and_metrics(straight):
    train, heldout = metrics(straight), metrics(straight, "heldout")
    assert [row["step"] for row in train] == [2, 3, 5, 6]
    assert [row["step"] for row in heldout] == [3, 6]
    wanted = {
        "masked_lm_loss",
        "masked_lm_accuracy",
        "sampled_masked_lm_accuracy",
        "disc_loss",
        "disc_accuracy",
        "disc_baseline_accuracy",
        "disc_auc",
    }
    assert wanted <= set(heldout[-1])
    assert wanted | {
        "learning_rate",
        "grad_norm",
        "sequences_per_second",
        "tokens_per_second",
        "hours_left",
        "total_loss",
    } <= set(train[-1])
    events = [path for path in (straight / "tensorboard" / "train").iterdir() if "tfevents" in path.name]
    seen = {}
    for path in events:
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                seen.setdefault(value.tag, {})[event.step] = value.simple_value
    np.testing.assert_allclose(seen["masked_lm_loss"][6], train[-1]["masked_lm_loss"], rtol=1e-5)


def test_killed_and_resumed_equals_straight_bit_for_bit(tmp_path, straight, records, monkeypatch):
    class Killed(Exception):
        pass

    keep = Report.keep

    def killed_at_5(report, step, loop):
        if step >= 5:
            raise Killed
        keep(report, step, loop)

    with monkeypatch.context() as patch:
        patch.setattr(Report, "keep", killed_at_5)
        with pytest.raises(Killed):
            train(prepare(MICRO, [records], str(tmp_path)), one_device())
    assert listing.steps(str(tmp_path)) == [3]
    train(prepare(MICRO, [records], str(tmp_path)), one_device())
    resumed, uninterrupted = weights(tmp_path), weights(straight)
    assert resumed.keys() == uninterrupted.keys()
    for name, value in uninterrupted.items():
        np.testing.assert_array_equal(resumed[name], value, name)
    timing = {"sequences_per_second", "tokens_per_second", "hours_left", "idle_seconds", "share_of_peak"}
    for ours, theirs in zip(metrics(tmp_path), metrics(straight), strict=True):
        assert {k: v for k, v in ours.items() if k not in timing} == {k: v for k, v in theirs.items() if k not in timing}
    assert metrics(tmp_path, "heldout") == metrics(straight, "heldout")


def test_a_finished_run_started_again_does_nothing(straight, records):
    before = {name: os.stat(straight / name).st_mtime_ns for name in os.listdir(straight) if name.startswith("model")}
    train(prepare(MICRO, [records], str(straight)), one_device())
    assert {name: os.stat(straight / name).st_mtime_ns for name in before} == before


STEPWISE = changed(MICRO, training={"iterations_per_loop": 1, "num_train_steps": 4, "save_checkpoints_steps": 4})


@pytest.fixture(scope="module")
def whole_batch(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("whole")
    train(prepare(STEPWISE, [records], str(folder)), one_device())
    return folder


def tokens_per_row(row):
    return row["tokens_per_second"] / row["sequences_per_second"]


def test_padding_is_not_among_the_tokens_a_second(whole_batch, records):
    (source,) = choose_sources(STEPWISE, [records])
    read, size = training_records(STEPWISE, source.manifest, shard_paths(source, None)), STEPWISE.training.train_batch_size
    padded = False
    for step, row in enumerate(metrics(whole_batch)):
        masks = global_batch(read, size, step, 1).input_mask
        assert tokens_per_row(row) == pytest.approx(masks.sum() / size, rel=1e-5)
        padded |= masks.sum() < masks.size
    assert padded


def assert_same_run(folder, other):
    """The same masks and samples, hence the same losses step by step, and the same weights, to float32 rounding."""
    for ours, theirs in zip(metrics(folder), metrics(other), strict=True):
        for name in ("masked_lm_loss", "disc_loss", "grad_norm", "total_loss"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, err_msg=f"step {ours['step']} {name}")
        for name in ("sampled_masked_lm_accuracy", "disc_baseline_accuracy"):
            assert ours[name] == theirs[name], name
        assert tokens_per_row(ours) == pytest.approx(tokens_per_row(theirs), rel=1e-5)
    values = weights(other)
    for name, value in weights(folder).items():
        np.testing.assert_allclose(value, values[name], rtol=1e-3, atol=2e-5, err_msg=name)


def test_four_replicas_equal_one_with_dropout_on(tmp_path, whole_batch, records):
    assert STEPWISE.model.hidden_dropout_prob == STEPWISE.model.attention_probs_dropout_prob == 0.1
    train(prepare(STEPWISE, [records], str(tmp_path)), mirrored(4))
    assert_same_run(tmp_path, whole_batch)


def test_accumulated_microbatches_equal_the_whole_batch(tmp_path, whole_batch, records):
    train(prepare(changed(STEPWISE, training={"gradient_accumulation_steps": 4}), [records], str(tmp_path)), one_device())
    assert_same_run(tmp_path, whole_batch)


def test_replicas_stay_identical(records):
    # As many as above: within one process, TensorFlow's collectives keep the size that they were first used with.
    strategy = mirrored(4)
    (source,) = choose_sources(STEPWISE, [records])
    trainer = Trainer(STEPWISE, source.manifest.vocabulary.special_ids, strategy)
    batches = training_batches(STEPWISE, source.manifest, shard_paths(source, None), 0, strategy)
    trainer.train_steps(batches, tf.constant(3))
    for name, variable in trainer.variables().items():
        first, *others = (value.numpy() for value in strategy.experimental_local_results(variable))
        assert len(others) == 3
        for other in others:
            np.testing.assert_array_equal(first, other, name)


def test_it_learns(tmp_path, records):
    """Both networks, on real text: well below the loss of a fresh model, and better than chance."""
    config = changed(
        MICRO,
        training={
            "num_train_steps": 120,
            "save_checkpoints_steps": 120,
            "iterations_per_loop": 10,
            "train_batch_size": 16,
        },
        optimizer={"learning_rate": 0.003},
    )
    train(prepare(config, [records], str(tmp_path)), one_device())
    first, last = metrics(tmp_path)[0], metrics(tmp_path)[-1]
    heldout = metrics(tmp_path, "heldout")[-1]
    assert last["masked_lm_loss"] < first["masked_lm_loss"] - 0.7
    assert heldout["masked_lm_loss"] < np.log(config.data.vocab_size) - 1
    assert last["total_loss"] < first["total_loss"]


def test_checkpoints_are_kept_and_removed(tmp_path, records):
    config = changed(
        MICRO,
        training={"save_checkpoints_steps": 1, "keep_checkpoint_max": 2, "num_train_steps": 5, "num_eval_steps": 0},
    )
    train(prepare(config, [records], str(tmp_path)), one_device())
    assert listing.steps(str(tmp_path)) == [4, 5]
    assert not [name for name in os.listdir(tmp_path) if "tmp" in name]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_and_goes_on_later(tmp_path, straight, records, monkeypatch, number):
    plan = changed(MICRO, training={"iterations_per_loop": 1})
    asked = []

    def ask(report, step, loop):
        if not asked:
            asked.append(step)
            os.kill(os.getpid(), number)
        keep(report, step, loop)

    keep = Report.keep
    monkeypatch.setattr(Report, "keep", ask)
    with pytest.raises(Stopped, match=f"{number.name}: stopped at step 1, which is saved"):
        train(prepare(plan, [records], str(tmp_path)), one_device())
    assert listing.steps(str(tmp_path)) == [1]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    train(prepare(plan, [records], str(tmp_path)), one_device())
    after = weights(tmp_path)
    assert all(np.array_equal(value, after[name]) for name, value in weights(straight).items())


def test_checkpoints_carry_the_released_names(straight):
    names = {name for name, _ in tf.train.list_variables(listing.find(str(straight)))}
    assert {"global_step", "electra/embeddings/word_embeddings", "electra/embeddings/word_embeddings/adam_m"} <= names
    assert "generator/encoder/layer_0/attention/self/query/kernel/adam_v" in names
    assert int(weights(straight)["global_step"]) == 6


@pytest.fixture
def copied(straight, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(straight, folder)
    return folder


def test_another_config_is_refused_field_by_field(copied, records):
    other = changed(MICRO, model={"num_attention_heads": 4}, training={"seed": 3, "num_train_steps": 7})
    with pytest.raises(
        UserError, match="model.num_attention_heads was 2, is 4; training.seed was 0, is 3; use that config"
    ) as raised:
        train(prepare(other, [records], str(copied)), one_device())
    assert "num_train_steps was" not in str(raised.value)


def test_a_checkpoint_of_other_shapes_is_refused(copied, records):
    config = changed(MICRO, model={"intermediate_size": 128})
    (copied / "config.json").write_text(to_text(config))  # as if it had been edited
    with pytest.raises(UserError, match=r"a checkpoint of another config: .*has shape \[.*\] instead of"):
        train(prepare(config, [records], str(copied)), one_device())


def test_more_steps_may_be_asked_for(copied, records):
    longer = changed(MICRO, training={"num_train_steps": 8})
    train(prepare(longer, [records], str(copied)), one_device())
    assert listing.steps(str(copied)) == [3, 6, 8]


def test_fewer_steps_than_reached_are_refused(copied, records):
    with pytest.raises(UserError, match="is at step 6 already, beyond training.num_train_steps = 4"):
        train(prepare(changed(MICRO, training={"num_train_steps": 4}), [records], str(copied)), one_device())
    assert load_config(str(copied / "config.json")) == MICRO


def test_an_evaluation_that_was_cut_off_is_made_up_for(copied, straight, records):
    """Stopped after a checkpoint, before its evaluation; the last line is damaged besides."""
    rows = (copied / "metrics.jsonl").read_text().splitlines()
    kept = [row for row in rows if '"heldout", "step": 6' not in row]
    (copied / "metrics.jsonl").write_text("\n".join([*kept, '{"kind": "hel']))
    train(prepare(MICRO, [records], str(copied)), one_device())
    assert metrics(copied) == metrics(straight) and metrics(copied, "heldout") == metrics(straight, "heldout")


def cut(folder, step):
    path = folder / f"model.ckpt-{step}.data-00000-of-00001"
    path.write_bytes(path.read_bytes()[:1000])


def test_a_damaged_checkpoint_gives_way_to_the_one_before(copied, straight, records, capfd):
    path = copied / "model.ckpt-6.data-00000-of-00001"
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    train(prepare(MICRO, [records], str(copied)), one_device())
    err = capfd.readouterr().err
    assert "model.ckpt-6: damaged checkpoint" in err and "going on from step 3" in err
    after = weights(copied)
    assert all(np.array_equal(value, after[name]) for name, value in weights(straight).items())


def test_steps_that_are_not_finite_end_the_run_with_their_batch_kept(copied, records, capfd):
    values = weights(copied, 3)
    values["electra/embeddings/LayerNorm/beta"][:] = 3e38  # whose sum no float32 holds
    for step in (3, 6):
        for path in copied.glob(f"model.ckpt-{step}.*"):
            path.unlink()
    bundle.save(str(copied), 3, values, keep=5)
    limited = changed(MICRO, training={"max_nonfinite_steps": 2})
    with pytest.raises(UserError, match="gradients of 2 steps in a row were not finite, up to step 4"):
        train(prepare(limited, [records], str(copied)), one_device())
    assert "2 steps not applied, the last of them step 4" in capfd.readouterr().err
    with np.load(copied / "nonfinite-batch-4.npz") as batch:
        assert batch["input_ids"].shape == (8, MICRO.data.max_seq_length) and (batch["input_ids"][:, 0] == 2).all()


def test_a_device_without_enough_memory_is_told_of_in_one_line(tmp_path, records, monkeypatch):
    def exhausted(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "Out of memory while trying to allocate 12345 bytes.\nMore")

    monkeypatch.setattr(Trainer, "run_steps", exhausted)
    with pytest.raises(UserError, match=r"^out of memory: .*gradient_accumulation_steps=2.*last checkpoint$"):
        train(prepare(MICRO, [records], str(tmp_path)), one_device())


def test_where_every_checkpoint_is_damaged_the_run_stops(copied, records):
    for step in (3, 6):
        cut(copied, step)
    with pytest.raises(UserError, match="model.ckpt-3: damaged checkpoint"):
        train(prepare(changed(MICRO, training={"num_train_steps": 8}), [records], str(copied)), one_device())


def test_batch_must_be_divisible_by_replicas(tmp_path, records):
    with pytest.raises(UserError, match="training.train_batch_size = 6: must be divisible by 4 replicas"):
        train(prepare(changed(MICRO, training={"train_batch_size": 6}), [records], str(tmp_path)), mirrored(4))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vocab_size": 3501}, "data.vocab_size is 3501 in the config, 3500 in the records"),
        ({"max_seq_length": 16}, "data.max_seq_length is 16 in the config, 32 in the records"),
        ({"do_lower_case": True}, "data.do_lower_case is True in the config, False in the records"),
        (
            {"short_documents": "packed", "max_seq_length": 16},
            "data.max_seq_length is 16 in the config, 32 in the records; data.short_documents is packed in the config, apart "
            "in the records; take these records as they are, --set data.max_seq_length=32 --set data.short_documents=apart, "
            "or give other --data, built as the config says$",
        ),
    ],
)
def test_records_that_do_not_fit_are_refused(tmp_path, records, fields, message):
    with pytest.raises(UserError, match=f"manifest.json: {message}"):
        train(prepare(changed(MICRO, data=fields), [records], str(tmp_path)), one_device())


def damaged_copy(records, tmp_path, change):
    folder = tmp_path / "records"
    shutil.copytree(records, folder)
    path = folder / "train-00000-of-00001.tfrecord"
    path.write_bytes(change(path.read_bytes()))
    return str(folder)


def test_a_truncated_shard_is_named_before_the_start(tmp_path, records):
    folder = damaged_copy(records, tmp_path, lambda content: content[:-100])
    with pytest.raises(UserError, match=r"train-00000-of-00001.tfrecord: truncated \(\d+ bytes, the manifest says \d+\)"):
        train(prepare(MICRO, [folder], str(tmp_path / "run")), one_device())


def test_a_flipped_byte_is_named_with_its_record(tmp_path, records):
    def flip(content):
        place = len(content) // 2
        return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]

    folder = damaged_copy(records, tmp_path, flip)
    named = r"train-00000-of-00001.tfrecord, record \d+: its checksum is wrong: a byte of it has changed; copy the file again"
    with pytest.raises(UserError, match=named):
        train(prepare(MICRO, [folder], str(tmp_path / "run")), one_device())


def test_copies_without_damaged_records_outlive_the_run_only_where_it_writes(tmp_path):
    with loop._left_out_folder(str(tmp_path), writes=False, skip_bad_records=True) as folder:
        assert os.path.isdir(folder) and not folder.startswith(str(tmp_path))
    assert not os.path.exists(folder)
    with loop._left_out_folder(str(tmp_path), writes=True, skip_bad_records=True) as folder:
        assert folder == str(tmp_path / "left_out")


def test_a_flipped_byte_costs_one_record_where_that_is_wanted(tmp_path, straight, records, capfd):
    """The batches of these steps hold other records: they train as they would have."""

    def flip(content):
        return content[:-30] + bytes([content[-30] ^ 1]) + content[-29:]

    folder = damaged_copy(records, tmp_path, flip)
    train(prepare(MICRO, [folder], str(tmp_path / "run")), one_device(), skip_bad_records=True)
    last = load_manifest(records).train_examples
    assert f"1 of {last} records unreadable, left out: {last}" in capfd.readouterr().err
    assert (tmp_path / "run" / "left_out" / "32" / "train-00000-of-00001.tfrecord").exists()
    ours, theirs = metrics(tmp_path / "run"), metrics(straight)
    assert [row["masked_lm_loss"] for row in ours] == [row["masked_lm_loss"] for row in theirs]


def test_remat_is_the_same_run(tmp_path, straight, records):
    train(prepare(changed(MICRO, training={"remat": True}), [records], str(tmp_path)), one_device())
    expected = weights(straight)
    for name, value in weights(tmp_path).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-3, atol=2e-5, err_msg=name)


def test_a_checkpoint_that_cannot_be_written_ends_the_run(tmp_path, records, monkeypatch):
    def full(*_):
        raise UserError("no room")

    monkeypatch.setattr(bundle, "save", full)
    with pytest.raises(UserError, match="no room"):
        train(prepare(MICRO, [records], str(tmp_path)), one_device())


def test_other_records_under_the_same_run_are_refused(copied, tmp_path, vocab_path):
    from tests.conftest import SAMPLE_CORPUS, build

    build(f"{SAMPLE_CORPUS}/law.txt", vocab_path, str(tmp_path / "other"))
    with pytest.raises(UserError, match="that run used other records"):
        train(prepare(MICRO, [str(tmp_path / "other")], str(copied)), one_device())
