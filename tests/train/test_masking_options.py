"""Runs whose share of masks changes and that mask whole words: resumed, split and scored like any other run."""

import json

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain import evaluate_pretraining
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.wordpiece import read_vocab
from electra_pretrain.train import trainer as trainer_module
from electra_pretrain.train.input import choose_sources, shard_paths, training_batches
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from electra_pretrain.train.trainer import Trainer
from electra_pretrain.train.word_pieces import read_continuations
from tests.conftest import changed
from tests.train.test_training import STEPWISE, assert_same_run, metrics, mirrored, one_device, weights

CONFIG = changed(
    STEPWISE,
    objective={"mask_prob": 0.4, "mask_prob_end": 0.1, "masking": "whole_word"},
    training={"save_checkpoints_steps": 2},
)


@pytest.fixture(scope="module")
def straight(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("straight")
    shares = []
    with pytest.MonkeyPatch.context() as patch:
        mask_batch = trainer_module.mask_batch
        patch.setattr(
            trainer_module,
            "mask_batch",
            lambda batch, share, *more, **named: shares.append(share) or mask_batch(batch, share, *more, **named),
        )
        train(prepare(CONFIG, [records], str(folder)), one_device())
    # Of the updates one tensor; of the held-out records the last share, at every checkpoint.
    assert [share for share in shares if not tf.is_tensor(share)] == [0.1] and len(shares) > 1
    return folder


def test_resumed_it_is_the_same_to_the_bit(tmp_path, straight, records):
    for path in straight.iterdir():
        if path.is_file() and "-4." not in path.name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    train(prepare(CONFIG, [records], str(tmp_path)), one_device())
    expected = weights(straight, 4)
    for name, value in weights(tmp_path, 4).items():
        np.testing.assert_array_equal(value, expected[name], name)
    assert metrics(tmp_path, "heldout") == metrics(straight, "heldout")


@pytest.mark.slow
def test_four_replicas_equal_one(tmp_path, straight, records):
    train(prepare(CONFIG, [records], str(tmp_path)), mirrored(4))
    assert_same_run(tmp_path, straight)


@pytest.mark.slow
def test_microbatches_equal_the_whole_batch(tmp_path, straight, records):
    train(prepare(changed(CONFIG, training={"gradient_accumulation_steps": 4}), [records], str(tmp_path)), one_device())
    assert_same_run(tmp_path, straight)


def test_scored_afterwards_it_has_the_run_s_own_scores(straight, records):
    rows = [json.loads(line) for line in (straight / "metrics.jsonl").read_text().splitlines()]
    written = next(row for row in rows if row["kind"] == "heldout" and row["step"] == 2)
    arguments = ["--model_dir", str(straight), "--data", records, "--step", "2"]
    found = evaluate_pretraining.evaluate_pretraining(evaluate_pretraining.parse_args(arguments))
    assert {name: found[name] for name in written if name != "kind"} == {k: v for k, v in written.items() if k != "kind"}


def test_each_step_masks_its_share_and_whole_words_of_the_records_vocabulary(records):
    (source,) = choose_sources(CONFIG, [records])
    special_ids, pieces = source.manifest.vocabulary.special_ids, read_continuations(CONFIG, source)
    tokens = read_vocab(f"{records}/vocab.txt")
    assert pieces.tolist() == [token.startswith("##") and token not in SPECIAL_TOKENS for token in tokens]
    trainer = Trainer(CONFIG, special_ids, one_device(), continues=pieces)
    batch = next(training_batches(CONFIG, source.manifest, shard_paths(source, None), 0, one_device()))
    lengths, whole, cut = batch.input_mask.numpy().sum(1), 0, 0
    for step in range(4):
        trainer.optimizer.global_step.assign(step)
        masked, _ = trainer._masked(batch, None)
        share = np.float32(0.4) + np.float32(0.1 - 0.4) * np.float32(step / 4)
        wanted = np.clip(np.round(lengths.astype(np.float32) * share), 1, 12)
        used = masked.masked_lm_weights.numpy() > 0
        assert used.sum(1).tolist() == np.minimum(wanted, masked.maskable.numpy().sum(1)).tolist()
        for row, places in enumerate(masked.masked_lm_positions.numpy()):
            chosen = set(places[used[row]].tolist())
            ids = batch.input_ids.numpy()[row]
            # A piece and the one that continues it are both masked, or neither is.
            pairs = [place for place in range(1, len(ids)) if pieces[ids[place]] and masked.maskable.numpy()[row][place - 1]]
            together = [(place in chosen) == (place - 1 in chosen) for place in pairs]
            whole, cut = whole + sum(together), cut + len(together) - sum(together)
            assert len(together) - sum(together) <= 1
    assert cut < whole / 50


def test_token_by_token_no_vocabulary_is_read(records):
    (source,) = choose_sources(STEPWISE, [records])
    assert read_continuations(STEPWISE, source._replace(folder="nowhere")) is None


def test_a_vocabulary_of_whole_words_alone_has_none_to_keep_together(tmp_path, records):
    (source,) = choose_sources(STEPWISE, [records])
    (tmp_path / "vocab.txt").write_text("\n".join([*SPECIAL_TOKENS, "하나", "둘"]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="every token is a word of its own, .*; set it to .token."):
        read_continuations(CONFIG, source._replace(folder=str(tmp_path)))
