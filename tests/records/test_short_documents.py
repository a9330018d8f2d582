"""The three ways of documents into rows: nothing lost, nothing in both splits, and how full the rows are."""

import collections
import itertools
import json

import numpy as np
import pytest

from electra_pretrain.records import build as build_module
from electra_pretrain.records import shards as shards_module
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.records.ruin import check_records
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from tests.conftest import SAMPLE_CORPUS, build
from tests.records.test_build import read_examples, same_files

CLS, SEP = 2, 3
CORPUS = f"{SAMPLE_CORPUS}/comments.txt,{SAMPLE_CORPUS}/law.txt"


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks and several shards from a small corpus."""
    monkeypatch.setattr(shards_module, "MAX_SHARD_BYTES", 40_000)
    monkeypatch.setattr(build_module, "RECORDS_BLOCK_CHARACTERS", 4000)


def comments(path, count):
    """Documents of about 50 tokens, no two alike, some of several sentences."""
    random = np.random.default_rng(0)
    words = (SAMPLE_CORPUS / "comments.txt").read_text(encoding="utf-8").split()

    def sentence(number):
        return " ".join(str(word) for word in random.choice(words, number))

    documents = [[f"{n}번", *(sentence(random.integers(2, 14)) for _ in range(random.integers(1, 4)))] for n in range(count)]
    path.write_text("\n\n".join("\n".join(document) for document in documents), encoding="utf-8")
    return str(path)


def documents_of(example):
    """Part a packed row at its [CLS]s: ids and segments of each document."""
    length = int(example["input_mask"].sum())
    assert example["input_mask"][:length].all() and not example["input_ids"][length:].any()
    ids, segments = example["input_ids"][:length].tolist(), example["segment_ids"][:length].tolist()
    starts = [place for place, index in enumerate(ids) if index == CLS]
    assert starts[0] == 0
    return [(tuple(ids[a:b]), tuple(segments[a:b])) for a, b in itertools.pairwise([*starts, length])]


def text_of(example):
    return tuple(index for index in example["input_ids"].tolist() if index > SEP or index == 1)


@pytest.mark.parametrize("passes", ["1", "2"])
def test_packed_rows_hold_the_examples_of_rows_apart_and_each_once(tmp_path, vocab_path, small_blocks, passes):
    corpus = comments(tmp_path / "comments.txt", 300)
    settings = ("--heldout_fraction", "0.2", "--dupe_factor", passes, "--max_seq_length", "128")
    for kind in ("apart", "packed"):
        build(corpus, vocab_path, str(tmp_path / kind), "--short_documents", kind, *settings)
    for split in ("train", "heldout"):
        apart, packed = (list(read_examples(tmp_path / kind, split)) for kind in ("apart", "packed"))
        rows = [documents_of(example) for example in packed]
        found = collections.Counter(itertools.chain.from_iterable(rows))
        assert found == collections.Counter(itertools.chain.from_iterable(map(documents_of, apart)))
        assert len(packed) < 0.8 * len(apart) and max(map(len, rows)) > 3
        assert sum(len(set(row)) < len(row) for row in rows) == 0, "a pass's copy stands beside the text"
    one, other = (load_manifest(str(tmp_path / kind)) for kind in ("apart", "packed"))
    assert one.counts == other.counts and one.contents == other.contents and one.fingerprint != other.fingerprint
    assert (one.short_documents, one.examples_a_row) == ("apart", 1) and other.short_documents == "packed"
    assert other.examples_a_row == one.rows / other.rows


def test_joined_rows_are_stretches_of_their_split_s_documents_one_after_the_other(tmp_path, vocab_path):
    corpus = comments(tmp_path / "comments.txt", 400)
    settings = ("--heldout_fraction", "0.2", "--max_seq_length", "64")
    for kind in ("apart", "joined"):
        build(corpus, vocab_path, str(tmp_path / kind), "--short_documents", kind, *settings)
    tokenizer = load_tokenizer(vocab_path, False)
    plain = (tmp_path / "comments.txt").read_text(encoding="utf-8").split("\n\n")
    documents = [tuple(tokenizer.encode_lines(text.split("\n"))[0].tolist()) for text in plain]
    heldout = {text_of(example)[:3] for example in read_examples(tmp_path / "apart", "heldout")}
    for split in ("train", "heldout"):
        own = [document for document in documents if (document[:3] in heldout) == (split == "heldout")]
        stream = [*itertools.chain.from_iterable(own)]
        texts = collections.defaultdict(list)
        examples = list(read_examples(tmp_path / "joined", split))
        for example in examples:
            assert (example["input_ids"] == CLS).sum() == 1 and (example["input_ids"] == SEP).sum() in (1, 2)
            texts[text_of(example)[:3]].append(text_of(example))
        place = 0
        while place < len(stream):  # each row goes on where another ended
            begun = [text for text in texts[tuple(stream[place : place + 3])] if [*text] == stream[place : place + len(text)]]
            text = max(begun, key=len)
            texts[text[:3]].remove(text)
            place += len(text)
        assert place == len(stream) and not any(texts.values())
        assert len(examples) < 0.9 * len(own)
    manifest = load_manifest(str(tmp_path / "joined"))
    assert manifest.counts.heldout_documents == load_manifest(str(tmp_path / "apart")).counts.heldout_documents > 40
    assert manifest.short_documents == "joined" and manifest.examples_a_row == 1


@pytest.mark.parametrize("length", ["128", "512"])
def test_comments_leave_packed_rows_almost_without_padding(tmp_path, vocab_path, length, capfd):
    corpus, padding = comments(tmp_path / "comments.txt", 1500), {}
    settings = ("--heldout_fraction", "0", "--max_seq_length", length)
    for kind in ("apart", "joined", "packed"):
        build(corpus, vocab_path, str(tmp_path / kind), "--short_documents", kind, *settings)
        manifest = load_manifest(str(tmp_path / kind))
        filled = [int(example["input_mask"].sum()) for example in read_examples(tmp_path / kind)]
        assert manifest.contents.filled_places == sum(filled)
        padding[kind] = 1 - sum(filled) / (len(filled) * int(length))
        assert manifest.padding == padding[kind]
        said = capfd.readouterr().out
        assert f"padding {padding[kind]:.1%} of the places" in said
        assert f"{manifest.train_examples:,} training and 0 held-out rows in " in said
        assert (f"{manifest.examples_a_row:.1f} documents a row; padding" in said) == (kind == "packed")
        assert bool([*check_records("data", manifest)]) == (kind == "apart")
    assert padding["packed"] < 0.03 and padding["joined"] < 0.06 and padding["apart"] > (0.5 if length == "128" else 0.85)


@pytest.mark.parametrize(
    ("kind", "processes"), [("joined", "1"), ("packed", "1"), pytest.param("packed", "2", marks=pytest.mark.slow)]
)
def test_same_bytes_after_a_kill_and_for_two_processes(tmp_path, vocab_path, small_blocks, monkeypatch, kind, processes):
    build(CORPUS, vocab_path, str(tmp_path / "1"), "--short_documents", kind)
    with monkeypatch.context() as patch:
        calls, original = iter(range(3)), build_module.build_raw_block

        def killed(*arguments):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return original(*arguments)

        patch.setattr(build_module, "build_raw_block", killed)
        with pytest.raises(KeyboardInterrupt):
            build(CORPUS, vocab_path, str(tmp_path / "2"), "--short_documents", kind)
    build(CORPUS, vocab_path, str(tmp_path / "2"), "--short_documents", kind, "--num_processes", processes)
    same_files(tmp_path / "1", tmp_path / "2")
    assert len(load_manifest(str(tmp_path / "1")).train_shards) > 2


def test_blocks_that_an_earlier_release_finished_are_made_again(tmp_path, vocab_path, small_blocks, monkeypatch):
    """Their markers do not tell how full the rows are; all else is the same, and so is the work folder."""
    build(CORPUS, vocab_path, str(tmp_path / "whole"))
    with monkeypatch.context() as patch:
        patch.setattr(build_module, "build_shard", lambda task, work: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(CORPUS, vocab_path, str(tmp_path / "out"))
    markers = list((tmp_path / "out").glob(".build_data-*/block-*.json"))
    assert len(markers) > 3
    for path in markers:
        values = json.loads(path.read_text())
        values["result"] = {"counts": values["result"]["counts"], "examples": values["result"]["rows"]}
        path.write_text(json.dumps(values))
    build(CORPUS, vocab_path, str(tmp_path / "out"))
    same_files(tmp_path / "whole", tmp_path / "out")


def test_another_way_is_another_folder_s(tmp_path, vocab_path):
    build(CORPUS, vocab_path, str(tmp_path))
    with pytest.raises(ValueError, match="other input or settings .--short_documents apart there, packed here.;"):
        build(CORPUS, vocab_path, str(tmp_path), "--short_documents", "packed")


def test_little_text_in_packed_rows_is_told_what_helps(tmp_path, vocab_path, caplog):
    (tmp_path / "a.txt").write_text("짧은 댓글이다.\n\n다른 댓글도 있다.")
    build(str(tmp_path / "a.txt"), vocab_path, str(tmp_path / "out"), "--short_documents", "packed", "--heldout_fraction", "0")
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "% of the places in rows are padding: " in warning and "build again from more text" in warning
    assert "--short_documents" not in warning
