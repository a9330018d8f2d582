"""Records: every token once, the schema, the same bytes for any number of processes, restarts, the manifest."""

import collections
import filecmp
import gzip
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.provenance import write_steps
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.records import build as build_module
from electra_pretrain.records import shards as shards_module
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import SAMPLE_CORPUS, SEQ, build

CORPUS = f"{SAMPLE_CORPUS}/news.txt,{SAMPLE_CORPUS}/law.txt"


def read_examples(folder, split="*"):
    names = sorted(name for name in os.listdir(folder) if name.endswith(".tfrecord") and name.startswith(split.strip("*")))
    for record in tf.data.TFRecordDataset([os.path.join(folder, name) for name in names]).as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        yield {name: np.array(feature.int64_list.value) for name, feature in features.items()}


def same_files(one, other):
    names = sorted(os.listdir(one))
    assert names == sorted(os.listdir(other))
    assert filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


def test_every_token_of_the_corpus_lands_in_exactly_one_example(tmp_path, vocab_path):
    build(CORPUS, vocab_path, str(tmp_path), "--heldout_fraction", "0.2")
    tokenizer = load_tokenizer(vocab_path, False)
    documents = Corpus(CORPUS.split(",")).documents()
    expected, _ = tokenizer.encode_lines([sentence for document in documents for sentence in document])
    found: collections.Counter = collections.Counter()
    special = tokenizer.special_ids
    for example in read_examples(tmp_path):
        assert set(example) == {"input_ids", "input_mask", "segment_ids"}
        ids, mask, segments = example["input_ids"], example["input_mask"], example["segment_ids"]
        n = int(mask.sum())
        assert len(ids) == len(mask) == len(segments) == SEQ
        assert mask[:n].all() and (ids[n:] == special.pad).all() and not segments[n:].any()
        assert ids[0] == special.cls and ids[n - 1] == special.sep
        separators = np.nonzero(ids == special.sep)[0]
        assert len(separators) in (1, 2)
        assert (segments[:n] == (np.arange(n) > separators[0])).all()
        found.update(ids[(ids != special.sep) & (ids != special.cls) & (mask > 0)].tolist())
    assert found == collections.Counter(expected.tolist())
    manifest = load_manifest(str(tmp_path))
    assert manifest.counts.tokens == len(expected)
    assert manifest.counts.unk_tokens == (expected == special.unk).sum()
    assert sum(1 for _ in read_examples(tmp_path, "train")) == manifest.train_examples
    assert sum(1 for _ in read_examples(tmp_path, "heldout")) == manifest.heldout_examples > 0


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks and several shards from a small corpus."""
    monkeypatch.setattr(shards_module, "MAX_SHARD_BYTES", 40_000)
    monkeypatch.setattr(build_module, "RECORDS_BLOCK_CHARACTERS", 4000)


def test_same_bytes_for_any_number_of_processes(tmp_path, vocab_path, small_blocks):
    for processes in (1, 2, 3):
        build(CORPUS, vocab_path, str(tmp_path / str(processes)), "--num_processes", str(processes))
    assert len(load_manifest(str(tmp_path / "1")).train_shards) > 3
    same_files(tmp_path / "1", tmp_path / "2")
    same_files(tmp_path / "1", tmp_path / "3")


def test_another_seed_gives_another_order(tmp_path, vocab_path):
    for seed in ("0", "1"):
        build(CORPUS, vocab_path, str(tmp_path / seed), "--seed", seed)
    first, second = ([tuple(e["input_ids"]) for e in read_examples(tmp_path / seed, "train")] for seed in "01")
    assert first != second


def test_shards_are_a_shuffle_of_the_whole_corpus(tmp_path, vocab_path, small_blocks):
    build(CORPUS, vocab_path, str(tmp_path), "--heldout_fraction", "0")
    tokenizer = load_tokenizer(vocab_path, False)
    article = tokenizer.encode_lines(["제1조"])[0].tolist()
    shards = load_manifest(str(tmp_path)).train_shards
    assert len(shards) > 3
    for shard in shards:
        ids = [e["input_ids"] for e in read_examples(tmp_path, shard.name)]
        assert len(ids) == shard.examples
        law = np.mean([article[0] in row for row in ids])
        assert 0 < law < 0.9, f"{shard.name} holds one half of the corpus only"


def test_a_killed_build_goes_on_and_gives_the_same_bytes(tmp_path, vocab_path, small_blocks, monkeypatch):
    build(CORPUS, vocab_path, str(tmp_path / "whole"))
    made = []

    def failing_after(count, function):
        def wrapped(*arguments):
            if len(made) >= count:
                raise KeyboardInterrupt
            made.append(arguments[0])
            return function(*arguments)

        return wrapped

    for step, count in (("build_raw_block", 3), ("build_shard", 2)):
        with monkeypatch.context() as patch:
            made.clear()
            patch.setattr(build_module, step, failing_after(count, getattr(build_module, step)))
            with pytest.raises(KeyboardInterrupt):
                build(CORPUS, vocab_path, str(tmp_path / "killed"))
        assert not os.path.exists(tmp_path / "killed" / "manifest.json")
    encoded = []
    with monkeypatch.context() as patch:
        original = WordPieceTokenizer.encode_lines
        patch.setattr(
            WordPieceTokenizer,
            "encode_lines",
            lambda self, lines: (encoded.append(1), original(self, lines))[1],
        )
        build(CORPUS, vocab_path, str(tmp_path / "killed"))
    assert encoded == [], "finished blocks were made again"
    same_files(tmp_path / "whole", tmp_path / "killed")


def test_running_a_finished_build_again_changes_nothing_and_another_is_refused(tmp_path, vocab_path):
    build(CORPUS, vocab_path, str(tmp_path))
    before = {name: os.stat(tmp_path / name).st_mtime_ns for name in os.listdir(tmp_path)}
    build(CORPUS, vocab_path, str(tmp_path))
    assert {name: os.stat(tmp_path / name).st_mtime_ns for name in os.listdir(tmp_path)} == before
    refused = f"^{tmp_path}: holds records of other input or settings"
    with pytest.raises(UserError, match=rf"{refused} \(--seed 0 there, 5 here\); choose another"):
        build(CORPUS, vocab_path, str(tmp_path), "--seed", "5")
    more = ["--max_seq_length", "16", "--short_documents", "joined", "--lower_case"]
    named = "another --lower_case, --max_seq_length 32 there, 16 here, --short_documents apart there, joined here"
    with pytest.raises(UserError, match=rf"{refused} \({named}\); choose another"):
        build(CORPUS, vocab_path, str(tmp_path), *more)
    with pytest.raises(UserError, match=f"{refused}; choose another"):
        build(f"{SAMPLE_CORPUS}/law.txt", vocab_path, str(tmp_path))


def test_what_else_lies_in_the_output_stays_as_it_is(tmp_path, vocab_path):
    """Names that resemble the command's own among it."""
    names = ["notes.txt", "notes.tmp-2024", "train-00000-of-00001.tfrecord.old", "train.tfrecord", "vocab.txt.json", "run/x"]
    (tmp_path / "run").mkdir()
    for name in names:
        (tmp_path / name).write_text(f"mine: {name}")
    build(CORPUS, vocab_path, str(tmp_path))
    assert {name: (tmp_path / name).read_text() for name in names} == {name: f"mine: {name}" for name in names}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vocab.txt", "vocab.txt: is another vocabulary than --vocab and would be lost"),
        ("train-00000-of-00001.tfrecord", "holds train-00000-of-00001.tfrecord, of which no manifest tells"),
        ("heldout-00007-of-00009.tfrecord", "holds heldout-00007-of-00009.tfrecord, of which no manifest tells"),
        ("manifest.json", "manifest.json, line 1, column 1: not valid JSON .*into another folder"),
    ],
)
def test_a_foreign_file_in_the_place_of_ones_own_is_refused(tmp_path, vocab_path, name, message):
    (tmp_path / name).write_text("mine")
    for _ in range(2):  # the first try leaves nothing that the second would take for a build begun
        with pytest.raises(UserError, match=message) as raised:
            build(CORPUS, vocab_path, str(tmp_path))
        assert "\n" not in str(raised.value)
    assert os.listdir(tmp_path) == [name] and (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["run.json", "import.json", ".export_hf.json", ".export_tf1.json"])
def test_records_do_not_come_to_lie_among_weights(tmp_path, vocab_path, name):
    """Whose vocabulary may be the same."""
    (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match="--output .*: is the folder of a run, an import or an export; choose another"):
        build(CORPUS, vocab_path, str(tmp_path))
    assert os.listdir(tmp_path) == [name]


def test_heldout_documents_are_whole_documents(tmp_path, vocab_path):
    """By document, never by example: no text stands on both sides."""
    build(CORPUS, vocab_path, str(tmp_path), "--heldout_fraction", "0.3")
    manifest = load_manifest(str(tmp_path))
    assert 0.1 < manifest.counts.heldout_documents / manifest.counts.documents < 0.5
    tokenizer = load_tokenizer(vocab_path, False)
    heldout = {tuple(e["input_ids"][1:9]) for e in read_examples(tmp_path, "heldout")}
    starts = [tuple(tokenizer.encode_lines(document)[0][:8].tolist()) for document in Corpus(CORPUS.split(",")).documents()]
    assert sum(start in heldout for start in starts) == manifest.counts.heldout_documents


def text_of(example, special):
    ids = example["input_ids"]
    return ids[(ids != special.sep) & (ids != special.cls) & (example["input_mask"] > 0)].tolist()


def test_every_pass_holds_every_token_and_keeps_the_same_documents_out(tmp_path, vocab_path):
    for factor in ("1", "3"):
        build(CORPUS, vocab_path, str(tmp_path / factor), "--heldout_fraction", "0.3", "--dupe_factor", factor)
    special = load_tokenizer(vocab_path, False).special_ids
    for split in ("train", "heldout"):
        once, thrice = ([text_of(example, special) for example in read_examples(tmp_path / f, split)] for f in "13")
        counted = collections.Counter(itertools.chain.from_iterable(once))
        assert collections.Counter(itertools.chain.from_iterable(thrice)) == {token: 3 * n for token, n in counted.items()}
        assert len({tuple(row) for row in thrice}) > 1.5 * len(once), "the passes cut alike"
    one, three = (load_manifest(str(tmp_path / factor)) for factor in "13")
    assert one.counts.heldout_documents == three.counts.heldout_documents and three.dupe_factor == 3
    assert one.fingerprint != three.fingerprint
    assert 0.5 < three.overflow_rate / one.overflow_rate < 2


def test_copies_of_a_document_are_held_out_together(tmp_path, vocab_path, small_blocks):
    """Wherever they stand, so that nothing held out was seen in training."""
    documents = [[f"문서 {number}번의 첫 문장이다.", f"그리고 {number * 7}번째 이야기."] for number in range(200)]
    corpus = tmp_path / "a.txt"
    corpus.write_text("\n\n".join("\n".join(document) for document in [*documents, *reversed(documents), *documents]))
    build(str(corpus), vocab_path, str(tmp_path / "out"), "--heldout_fraction", "0.3")
    special = load_tokenizer(vocab_path, False).special_ids
    train, heldout = ({tuple(text_of(e, special)) for e in read_examples(tmp_path / "out", s)} for s in ("train", "heldout"))
    assert len(heldout) > 30 and not train & heldout
    assert load_manifest(str(tmp_path / "out")).counts.heldout_documents % 3 == 0


def test_the_chances_of_short_and_single_segments_are_settings(tmp_path, vocab_path):
    def made(name, *arguments):
        build(CORPUS, vocab_path, str(tmp_path / name), "--heldout_fraction", "0", *arguments)
        examples = list(read_examples(tmp_path / name))
        single = np.mean([not example["segment_ids"].any() for example in examples])
        return single, np.mean([example["input_mask"].sum() for example in examples])

    assert made("single", "--single_segment_prob", "1")[0] == 1
    pairs = made("pairs", "--single_segment_prob", "0", "--short_example_prob", "0")
    short = made("short", "--single_segment_prob", "0", "--short_example_prob", "1")
    assert pairs[0] < 0.5 and short[1] < 0.95 * pairs[1]
    values = json.loads((tmp_path / "short" / "manifest.json").read_text())
    assert (values["single_segment_prob"], values["short_example_prob"]) == (0, 1)


@pytest.mark.parametrize("flag, value", [("dupe_factor", "0"), ("short_example_prob", "1.5"), ("single_segment_prob", "-0.1")])
def test_settings_out_of_range_are_named(tmp_path, vocab_path, flag, value):
    with pytest.raises(UserError, match=f"--{flag} {value}: must"):
        build(CORPUS, vocab_path, str(tmp_path / "out"), f"--{flag}={value}")


def test_what_made_the_text_goes_into_the_manifest(tmp_path, vocab_path):
    steps = [{"command": "clean_corpus", "recipe": "kcelectra"}, {"command": "dedup", "kept": 7}]
    (tmp_path / "a.txt").write_text("첫째 문장이다.\n")
    write_steps(str(tmp_path), steps)
    build(str(tmp_path / "a.txt"), vocab_path, str(tmp_path / "out"), "--heldout_fraction", "0")
    assert load_manifest(str(tmp_path / "out")).corpus_steps == tuple(steps)


def test_records_of_the_earlier_format_say_what_to_do(tmp_path, vocab_path):
    build(CORPUS, vocab_path, str(tmp_path))
    path = tmp_path / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 2', '"format_version": 1'))
    with pytest.raises(UserError, match="format 1 is not 2; build the data again, into another folder"):
        load_manifest(str(tmp_path))


def test_compressed_text_gives_the_same_records(tmp_path, vocab_path):
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_bytes((SAMPLE_CORPUS / "news.txt").read_bytes())
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        build(str(path), vocab_path, str(tmp_path / path.suffix))
    name = "train-00000-of-00001.tfrecord"
    assert (tmp_path / ".txt" / name).read_bytes() == (tmp_path / ".gz" / name).read_bytes()


def test_manifest_says_what_was_done(tmp_path, vocab_path):
    build(CORPUS, vocab_path, str(tmp_path))
    values = json.loads((tmp_path / "manifest.json").read_text())
    assert values["vocabulary"] | {"sha256": ""} == {
        "type": "wordpiece", "sha256": "", "size": 3500, "do_lower_case": False, "strip_accents": False,
        "unicode_normalization": "NFC", "special_ids": {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4},
    }  # fmt: skip
    assert [source["bytes"] for source in values["sources"]] == [os.path.getsize(path) for path in CORPUS.split(",")]
    assert values["counts"]["documents"] > 70 and 0 < values["overflow_rate"] < 1
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")], "the work folder is gone"


def test_an_edited_source_of_the_same_size_is_noticed(tmp_path, vocab_path):
    corpus = tmp_path / "a.txt"
    corpus.write_text("첫째 문장이다.\n")
    build(str(corpus), vocab_path, str(tmp_path / "out"), "--heldout_fraction", "0")
    corpus.write_text("둘째 문장이다.\n")
    with pytest.raises(UserError, match="holds records of other input"):
        build(str(corpus), vocab_path, str(tmp_path / "out"), "--heldout_fraction", "0")


def test_the_same_text_under_another_name_is_the_same_input(tmp_path, vocab_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("첫째 문장이다.\n")
        build(str(tmp_path / name), vocab_path, str(tmp_path / "out"), "--heldout_fraction", "0")


def test_workers_end_when_the_command_is_killed(tmp_path, vocab_path):
    """An orphan would hold memory, and write into a folder that a rerun works in."""
    corpus = tmp_path / "a.txt"
    corpus.write_text(("가나다 " * 50 + "\n\n") * 100_000)
    arguments = ["--corpus", str(corpus), "--vocab", vocab_path, "--output", str(tmp_path / "out"), "--max_seq_length", "32"]
    command = subprocess.Popen([sys.executable, "-m", "electra_pretrain.build_data", *arguments, "--num_processes", "2"])
    deadline = time.monotonic() + 60
    while len(found := _children(command.pid)) < 3 and time.monotonic() < deadline:  # two workers, the resource tracker
        time.sleep(0.1)
    time.sleep(2)
    assert len(found) == 3
    command.kill()
    command.wait()
    deadline = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{pid}") for pid in found) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [pid for pid in found if os.path.exists(f"/proc/{pid}")]


def _children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def test_what_a_killed_process_left_is_swept_up(tmp_path, vocab_path):
    (tmp_path / f"train-00000-of-00001.tfrecord.tmp-99999-{socket.gethostname()}").write_text("half")
    build(CORPUS, vocab_path, str(tmp_path))
    assert not [name for name in os.listdir(tmp_path) if ".tmp-" in name]
