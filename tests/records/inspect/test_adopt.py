"""Records that another builder wrote: checked one by one, given a manifest, trained on."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain import inspect_data, run_pretraining
from electra_pretrain.checkpoint import listing
from electra_pretrain.convert.model_card import CardFacts, model_card
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.wordpiece import read_vocab
from tests.conftest import MICRO, SAMPLE_CORPUS, SEQ, VOCAB_SIZE, build, changed
from tests.records.test_build import read_examples
from tests.support.tensorflow_records import read, write

FILES, EXAMPLES = 4, 30
PAD, UNK, CLS, SEP = 0, 1, 2, 3


def example(first, second=()):
    """As the released builder lays it out, written down here anew: ids, mask, segments."""
    ids = [CLS, *first, SEP, *((*second, SEP) if second else ())]
    segments = [0] * (len(first) + 2) + [1] * (len(second) + 1 if second else 0)
    padding = [0] * (SEQ - len(ids))
    return {"input_ids": ids + padding, "input_mask": [1] * len(ids) + padding, "segment_ids": segments + padding}


def serialized(features):
    lists = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=values)) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString()


def name_of(number, of=FILES):
    return f"pretrain_data.tfrecord-{number}-of-{of}"


def random_example(random):
    length = random.integers(4, SEQ - 3)
    text = random.integers(5, VOCAB_SIZE, length).tolist()
    middle = int(random.integers(1, length))
    return example(text) if random.random() < 0.1 else example(text[:middle], text[middle:])


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "records").mkdir()
    for number in range(FILES):
        write(tmp_path / "records" / name_of(number), (serialized(random_example(random)) for _ in range(EXAMPLES)))
    return tmp_path / "records"


def adopt(folder, vocab_path, *more):
    arguments = [str(folder), "--adopt", "--vocab", vocab_path, "--num_processes", "1", *more]
    inspect_data.inspect_data(inspect_data.parse_args(arguments))


def spoil(folder, number, record, features):
    """Replace one record, counted from 1."""
    path = folder / name_of(number)
    records = read(path)
    records[record - 1] = features if isinstance(features, bytes) else serialized(features)
    write(path, records)


def test_adopted_records_are_trained_on(folder, vocab_path, tmp_path):
    adopt(folder, vocab_path, "--heldout_fraction", "0.25")
    manifest = load_manifest(str(folder))
    assert (manifest.train_examples, manifest.heldout_examples) == (3 * EXAMPLES, EXAMPLES)
    config = changed(MICRO, training={"num_train_steps": 1, "save_checkpoints_steps": 1, "iterations_per_loop": 1})
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    arguments = ["--config", str(tmp_path / "config.json"), "--data", str(folder), "--model_dir", str(tmp_path / "run")]
    run_pretraining.run_pretraining(run_pretraining.parse_args(arguments))
    assert listing.steps(str(tmp_path / "run")) == [1]
    card = model_card("generator", config, CardFacts(1, manifest.to_dict(), {}, None, None))
    assert "| documents | not known |" in card and "| training rows | 90 of 32 tokens |" in card


def test_the_manifest_counts_what_is_there(folder, vocab_path, capfd):
    adopt(folder, vocab_path, "--heldout_fraction", "0")
    manifest = load_manifest(str(folder))
    names = [name_of(number) for number in range(FILES)]
    assert [(shard.name, shard.examples) for shard in manifest.train_shards] == [(name, EXAMPLES) for name in names]
    records = [record for name in names for record in read(folder / name)]
    ids = [tf.train.Example.FromString(record).features.feature["input_ids"].int64_list.value for record in records]
    assert manifest.counts.tokens == sum(index > SEP for row in ids for index in row)
    padding = 1 - sum(index != PAD for row in ids for index in row) / (len(ids) * SEQ)
    assert manifest.padding == padding and (manifest.short_documents, manifest.examples_a_row) == ("apart", 1)
    assert read_vocab(str(folder / "vocab.txt")) == read_vocab(vocab_path)
    out = capfd.readouterr().out
    inspect_data.inspect_data(inspect_data.parse_args([str(folder), "--num_processes", "1"]))
    assert capfd.readouterr().out == out, "adopted records are verified as all others are"


LATIN = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cafe", "café", "\u1100", "##\u1161", "가", "bar"]


@pytest.mark.parametrize(("token", "stripped"), [("cafe", True), ("\u1100", True), ("café", False), ("가", False)])
def test_whether_accents_were_taken_off_is_told_by_the_records(tmp_path, token, stripped):
    """The released builder, where it lower-cases, takes accents off and breaks Hangul; one token of others shows others."""
    vocab, folder = tmp_path / "vocab.txt", tmp_path / "records"
    vocab.write_text("".join(f"{token}\n" for token in LATIN))
    folder.mkdir()
    write(folder / name_of(0, 1), [serialized(example([LATIN.index("bar"), LATIN.index(token)]))] * 3)
    adopt(folder, str(vocab), "--lower_case", "--heldout_fraction", "0")
    assert load_manifest(str(folder)).vocabulary.strip_accents is stripped
    (tmp_path / "text.txt").write_text("Café BAR\n")
    build(str(tmp_path / "text.txt"), f"{folder}/vocab.txt", str(tmp_path / "more"), "--lower_case")
    assert load_manifest(str(tmp_path / "more")).vocabulary.strip_accents is stripped
    (row,) = [row for split in ("train", "heldout") for row in read_examples(tmp_path / "more", split)]
    assert [LATIN[index] for index in row["input_ids"] if index > SEP] == ["cafe" if stripped else "café", "bar"]


def test_cased_records_keep_their_accents(folder, vocab_path):
    adopt(folder, vocab_path)
    assert load_manifest(str(folder)).vocabulary.strip_accents is False and not (folder / "vocab.txt.json").exists()


def test_ten_or_more_files_are_taken_in_the_order_of_their_numbers(tmp_path, vocab_path):
    for number in range(11):
        write(tmp_path / name_of(number, 11), [serialized(example([5 + number]))])
    adopt(tmp_path, vocab_path, "--heldout_fraction", "0")
    assert [shard.name for shard in load_manifest(str(tmp_path)).train_shards] == [name_of(n, 11) for n in range(11)]


def test_unknown_tokens_are_marked(folder, vocab_path, tmp_path, capfd):
    spoil(folder, 0, 1, example([5, UNK, 6]))
    adopt(folder, vocab_path, "--num_examples", str(FILES * EXAMPLES), "--html", str(tmp_path / "page.html"))
    tokens = read_vocab(vocab_path)
    assert f"{name_of(0)}, record 1: 5 tokens, 27 padding\n  A  {tokens[5]} [UNK] {tokens[6]}\n" in capfd.readouterr().out
    assert (tmp_path / "page.html").read_text().count('<i class="unk">[UNK]</i>') == 1


FULL = list(range(5, SEQ + 3))
WRONG = {
    "id 3500 is not in the vocabulary, 0 to 3499": example([5, VOCAB_SIZE]),
    "id -1 is not in the vocabulary": example([5, -1]),
    "id 4294967301 is not in the vocabulary": example([5, 2**32 + 5]),
    "begins with id 5; [CLS] is 2": example([5]) | {"input_ids": [5, 5, 3] + [0] * (SEQ - 3)},
    "ends with id 6; [SEP] is 3": example([5, 6]) | {"input_ids": [2, 5, 6, 6] + [0] * (SEQ - 4)},
    "3 [SEP]; there must be one or two": example([5], [6, SEP, 7]),
    "segment_ids are not 0 up to": example([5], [6]) | {"segment_ids": [0] * SEQ},
    "padding holds other ids": example([5]) | {"input_ids": [2, 5, 3] + [0] * (SEQ - 4) + [9]},
    "input_mask is not ones followed by zeros": example([5]) | {"input_mask": [1, 0, 1, 1] + [0] * (SEQ - 4)},
    "0 tokens; there must be [CLS] and [SEP]": {name: [0] * SEQ for name in example([5])},
    "input_ids has 31 values instead of 32": example([5]) | {"input_ids": [2, 5, 3] + [0] * (SEQ - 4)},
    "has no int64 list segment_ids": {name: values for name, values in example([5]).items() if name != "segment_ids"},
    "not a tf.train.Example": b"no example",
}


@pytest.mark.parametrize("problem", WRONG)
def test_what_is_wrong_is_named_by_file_and_record(folder, vocab_path, capfd, problem):
    spoil(folder, 2, 17, WRONG[problem])
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError, match="faults, named above: 1; nothing was written"):
        adopt(folder, vocab_path)
    (line,) = [line for line in capfd.readouterr().err.splitlines() if str(folder) in line]
    assert f": error: {folder / name_of(2)}, record 17: {problem}" in line
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_full_record_and_one_of_a_single_segment_are_right(folder, vocab_path):
    spoil(folder, 0, 1, example(FULL))
    spoil(folder, 0, 2, example(FULL[:10], FULL[:-11]))
    adopt(folder, vocab_path)


def test_packed_rows_whose_manifest_is_lost_are_told_as_what_they_are(tmp_path, vocab_path, capfd):
    corpus = f"{SAMPLE_CORPUS}/comments.txt"
    build(corpus, vocab_path, str(tmp_path), "--short_documents", "packed", "--max_seq_length", "128")
    (tmp_path / "manifest.json").unlink()
    capfd.readouterr()
    with pytest.raises(UserError, match=rf"^{tmp_path}: these look like rows of several documents .*; put the manifest.json"):
        adopt(tmp_path, vocab_path)
    assert "error" not in capfd.readouterr().err and not (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("empty", [[1], [1, 3], range(FILES)])
def test_files_without_a_record_are_refused(folder, vocab_path, empty):
    for number in empty:
        write(folder / name_of(number), [])
    more = f" and {len(empty) - 1} more" if len(empty) > 1 else ""
    with pytest.raises(UserError, match=rf"^{folder / name_of(empty[0])}{more}: empty, of 4 files of records; copy again"):
        adopt(folder, vocab_path)
    assert not (folder / "manifest.json").exists()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_refused(folder, vocab_path, make):
    (folder / name_of(1)).unlink()
    make(folder / name_of(1))
    with pytest.raises(UserError, match=rf"{name_of(1)}: is no regular file, and holds nothing to read; move it away"):
        adopt(folder, vocab_path)


def test_folders_that_will_not_do(folder, vocab_path, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no records"):
        adopt(tmp_path / "empty", vocab_path)
    with pytest.raises(UserError, match="no such folder"):
        adopt(tmp_path / "nowhere", vocab_path)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in [*read_vocab(vocab_path), "[new]"]))
    with pytest.raises(UserError, match="differs from --vocab"):
        adopt(folder, vocab_path)
    (folder / "vocab.txt").unlink()
    (folder / name_of(1)).rename(tmp_path / "aside")
    with pytest.raises(UserError, match=r"tfrecord-1-of-4: missing, one of 1 of 4 files"):
        adopt(folder, vocab_path)
    (tmp_path / "aside").rename(folder / name_of(1))
    adopt(folder, vocab_path)
    with pytest.raises(UserError, match="has a manifest already"):
        adopt(folder, vocab_path)
    for number in range(FILES):
        write(folder / name_of(number), [b"no example"])
    (folder / "manifest.json").unlink()
    with pytest.raises(UserError, match="begins with no tf.train.Example"):
        adopt(folder, vocab_path)


def test_that_nothing_is_held_out_is_said(folder, vocab_path, capfd):
    adopt(folder, vocab_path, "--heldout_fraction", "0.01")
    assert f"warning: {folder}: nothing is held out for evaluation: --heldout_fraction 0.01 of 4 fi" in capfd.readouterr().err
