"""A folder of records: whatever is damaged is named, statistics are those of the text, examples read as they were written."""

import itertools
import json
import re
import shutil
import struct
from html.parser import HTMLParser

import numpy as np
import pytest

from electra_pretrain import inspect_data
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.inspect.verify import Schema, structure_problems
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.tokenizer import group_into_words, load_tokenizer
from tests.conftest import SAMPLE_CORPUS, SEQ, build
from tests.records.test_build import read_examples

TRAIN, HELDOUT = "train-00000-of-00001.tfrecord", "heldout-00000-of-00001.tfrecord"


@pytest.fixture
def copy(records, tmp_path):
    shutil.copytree(records, tmp_path / "copy")
    return tmp_path / "copy"


def inspect(folder, *more):
    inspect_data.inspect_data(inspect_data.parse_args([str(folder), "--num_processes", "1", *more]))


def faults(folder, capfd, *more):
    """The lines on standard error that name a fault."""
    with pytest.raises(UserError, match="faults, named above: "):
        inspect(folder, *more)
    lines = [line.split(": error: ", 1)[1] for line in capfd.readouterr().err.splitlines() if ": error: " in line]
    return [line for line in lines if str(folder) in line or line.startswith("manifest.json")]


def payload_offset(content, record):
    """Where the payload of a record, counted from 1, begins."""
    place = 0
    for _ in range(record - 1):
        place += 16 + struct.unpack_from("<Q", content, place)[0]
    return place + 12


def rewrite(path, change):
    content = bytearray(path.read_bytes())
    path.write_bytes(bytes(change(content) or content))


def flip(content, place):
    content[place] ^= 1


def test_a_whole_folder_has_no_fault_and_its_numbers_are_those_of_the_records(records, capfd):
    inspect(records)
    out = capfd.readouterr().out
    examples = list(read_examples(records))
    lengths = [int(example["input_mask"].sum()) for example in examples]
    tokens = np.concatenate([e["input_ids"][e["input_mask"] > 0] for e in examples])
    text = tokens[(tokens != 2) & (tokens != 3)]
    assert "checksums, hashes and structure are right" in out
    assert f"mean {np.mean(lengths):.1f} of {SEQ} tokens" in out
    assert f"{1 - sum(lengths) / SEQ / len(lengths):.2%} of the places" in out
    assert f"{np.mean([not example['segment_ids'].any() for example in examples]):.1%} of the rows have one" in out
    assert f"{(text == 1).mean():.3%} of the tokens of text" in out
    assert f"{len(set(text.tolist()) - {1}):,} of 3,495" in out
    common = np.bincount(text).argmax()
    token = load_tokenizer(f"{records}/vocab.txt", False).tokens[common]
    assert f"most frequent: {token} {(text == common).mean():.2%}" in out


def test_a_flipped_byte_is_named_by_file_and_record(copy, capfd):
    rewrite(copy / TRAIN, lambda content: flip(content, payload_offset(content, 17) + 5))
    hashed, record = faults(copy, capfd)
    assert hashed.startswith(f"{copy / TRAIN}: its SHA-256 is not the manifest's")
    assert record.startswith(f"{copy / TRAIN}, record 17: its checksum is wrong")


def test_a_flipped_byte_of_a_length_is_named(copy, capfd):
    rewrite(copy / TRAIN, lambda content: flip(content, payload_offset(content, 9) - 12))
    assert f"{copy / TRAIN}, record 9: the checksum of its length is wrong" in faults(copy, capfd)[1]


@pytest.mark.parametrize("place", [5, -6])
def test_a_truncated_file_is_named_by_file_and_record(copy, capfd, place):
    """Within a payload, within a header."""
    rewrite(copy / HELDOUT, lambda content: content[: payload_offset(content, 4) + place])
    whole, record = faults(copy, capfd)
    assert f"{copy / HELDOUT}: truncated: " in whole
    assert record == f"{copy / HELDOUT}, record 4: truncated: the file ends within it"


def test_a_file_cut_between_two_records_is_noticed(copy, capfd):
    rewrite(copy / HELDOUT, lambda content: content[: payload_offset(content, 4) - 12])
    (only,) = faults(copy, capfd)
    assert f"{copy / HELDOUT}: truncated" in only and "3 records" in only


def test_another_file_under_the_same_name_is_noticed(copy, capfd):
    """Every checksum is right and the size is the manifest's; two records have changed places."""

    def swap(content):
        starts = [payload_offset(content, number) - 12 for number in range(1, 6)]
        parts = [content[a:b] for a, b in itertools.pairwise(starts)]
        return content[: starts[0]] + parts[1] + parts[0] + content[starts[2] :]

    rewrite(copy / HELDOUT, swap)
    (only,) = faults(copy, capfd)
    assert (
        only == f"{copy / HELDOUT}: its SHA-256 is not the manifest's, though every record reads: another file under this name?"
    )


def test_a_vocabulary_that_is_cut_short_is_named_and_the_rest_is_shown(copy, capfd):
    lines = (copy / "vocab.txt").read_text().splitlines()
    (copy / "vocab.txt").write_text("\n".join(lines[:10]) + "\n")
    with pytest.raises(UserError, match="faults, named above: 1;"):
        inspect(copy)
    out = capfd.readouterr().out
    assert re.search(r"most frequent: \[id \d+\] \d+\.\d\d%", out)


def test_missing_files_another_vocabulary_and_a_wrong_manifest_are_named(copy, capfd):
    (copy / HELDOUT).unlink()
    tokens = (copy / "vocab.txt").read_text().split("\n")
    (copy / "vocab.txt").write_text("\n".join([*tokens[:100], tokens[101], tokens[100], *tokens[102:]]))
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["train_examples"] += 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    total, vocabulary, missing = faults(copy, capfd)
    assert total.startswith("manifest.json: train_examples is")
    assert vocabulary.startswith(f"{copy}/vocab.txt: not the vocabulary that belongs here (SHA-256 ")
    assert missing == f"{copy / HELDOUT}: missing, though the manifest lists it; copy it again or rebuild the data"


@pytest.mark.slow
def test_the_same_for_any_number_of_processes(copy, capfd):
    rewrite(copy / TRAIN, lambda content: flip(content, payload_offset(content, 3) + 5))
    alone = faults(copy, capfd)
    assert faults(copy, capfd, "--num_processes", "2") == alone


def test_many_faults_do_not_fill_memory(copy, capfd):
    def flip_all(content):
        place = 0
        while place < len(content):
            length = struct.unpack_from("<Q", content, place)[0]
            flip(content, place + 12)
            place += 16 + length

    rewrite(copy / TRAIN, flip_all)
    named = faults(copy, capfd)
    assert len(named) == 1 + 20


def test_examples_are_chosen_by_the_seed_and_read_as_they_were_written(records, capfd):
    shown = {}
    for seed in ("0", "0", "1"):
        inspect(records, "--seed", seed, "--num_examples", "30")
        out = capfd.readouterr().out
        found = re.findall(r"^(\S+), record (\d+): (\d+) tokens, (\d+) padding\n  A  (.*)\n(?:  B  (.*)\n)?", out, re.M)
        assert len(found) == 30
        assert shown.setdefault(seed, found) == found
    assert shown["0"] != shown["1"]
    tokenizer = load_tokenizer(f"{records}/vocab.txt", False)
    examples = {name: list(read_examples(records, name)) for name in (TRAIN, HELDOUT)}
    for name, record, length, padding, first, second in shown["0"]:
        ids = examples[name][int(record) - 1]["input_ids"].tolist()
        assert int(length) + int(padding) == SEQ and ids[int(length) - 1] == 3
        parts = [tokenizer.encode_lines([text])[0].tolist() for text in (first, second) if text]
        if "##" in first + second:
            continue  # a segment that begins within a word
        assert ids[: int(length)] == [2, *(index for part in parts for index in [*part, 3])]


def test_words():
    assert group_into_words(["##고", "가", "##다", "[UNK]", "."], "wordpiece") == [["##고"], ["가", "다"], ["[UNK]"], ["."]]
    assert group_into_words(["고", "▁가", "다", "▁", "."], "unigram") == [["고"], ["가", "다"], ["", "."]]


def test_a_part_of_the_files_can_be_looked_at(records, capfd):
    inspect(records, "--num_shards", "1", "--num_examples", "0")
    assert "1 of 2 files" in capfd.readouterr().out


class Page(HTMLParser):
    """What tags a page has, what it would fetch, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.fetched, self.text = [], [], ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.fetched += [value for name, value in attributes if name in ("src", "href") and not value.startswith("#")]

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_says_what_the_terminal_says(copy, tmp_path, capfd):
    rewrite(copy / TRAIN, lambda content: flip(content, payload_offset(content, 3) + 5))
    named = faults(copy, capfd, "--html", str(tmp_path / "page.html"), "--num_examples", "40")
    page, written = Page(), (tmp_path / "page.html").read_text()
    page.feed(written)
    assert '<p class="A"><b>A</b>' in written and '<p class="B"><b>B</b>' in written
    assert page.fetched == [] and "script" not in page.tags and page.tags.count("svg") == 2
    assert all(fault in page.text for fault in named)
    assert page.text.count(", record ") == 40 + 1 and f"{load_manifest(str(copy)).train_examples:,} training" in page.text


def test_arguments_that_will_not_do(tmp_path, records):
    with pytest.raises(UserError, match="inspect_data --adopt"):
        inspect(tmp_path)
    with pytest.raises(UserError, match="only with --adopt"):
        inspect(records, "--vocab", "vocab.txt")
    with pytest.raises(UserError, match="needs --vocab"):
        inspect(records, "--adopt")
    for name, value, least in (("num_examples", -1, 0), ("num_tokens", -1, 0), ("num_processes", 0, 1), ("num_shards", 0, 1)):
        with pytest.raises(UserError, match=f"--{name} {value}: must be at least {least}"):
            inspect(records, f"--{name}", str(value))


@pytest.fixture(scope="module")
def packed(tmp_path_factory, vocab_path):
    folder = tmp_path_factory.mktemp("packed")
    corpus = tmp_path_factory.mktemp("text") / "comments.txt"
    corpus.write_text((SAMPLE_CORPUS / "comments.txt").read_text(encoding="utf-8").replace("\n", "\n\n"), encoding="utf-8")
    more = ("--short_documents", "packed", "--heldout_fraction", "0.1", "--max_seq_length", "64")
    build(str(corpus), vocab_path, str(folder), *more)
    return folder


def test_packed_rows_are_told_of_by_document_and_read_as_they_were_written(packed, tmp_path, capfd):
    inspect(packed, "--num_examples", "30", "--html", str(tmp_path / "page.html"))
    out = capfd.readouterr().out
    rows = {name: [*read_examples(packed, name)] for name in (TRAIN, HELDOUT)}
    ids = [example["input_ids"][example["input_mask"] > 0] for name in rows for example in rows[name]]
    documents = [document for row in ids for document in np.split(row, np.flatnonzero(row == 2)[1:])]
    assert f"short documents  packed: {len(documents) / len(ids):.1f} documents a row, each attending to itself alone\n" in out
    train, heldout = (len(rows[name]) for name in (TRAIN, HELDOUT))
    assert f"\nrows             {train} training, {heldout} held-out\n" in f"\n{out}" and "structure are right" in out
    assert f"mean {np.mean([len(document) for document in documents]):.1f} of 64 tokens" in out
    single = np.mean([(document == 3).sum() == 1 for document in documents])
    assert f"{single:.1%} of the documents have one, the others two" in out
    tokenizer = load_tokenizer(f"{packed}/vocab.txt", False)
    shown = re.findall(r"^(\S+), record (\d+): (\d+) tokens, \d+ padding, (\d+) documents?\n((?:  \d*[AB]  .*\n)+)", out, re.M)
    assert len(shown) == 30 and max(int(each[3]) for each in shown) > 2
    for name, record, length, count, text in shown:
        row = rows[name][int(record) - 1]["input_ids"][: int(length)]
        parts = re.findall(r"^  (\d*)([AB])  (.*)$", text, re.M)
        assert len({number for number, _, _ in parts}) == int(count) == (row == 2).sum()
        if "##" not in text:  # else a segment begins within a word
            spelt = [
                ([2] if part == "A" else []) + tokenizer.encode_lines([words])[0].tolist() + [3] for _, part, words in parts
            ]
            assert row.tolist() == list(itertools.chain.from_iterable(spelt))
    assert '<p class="A"><b>2A</b>' in (tmp_path / "page.html").read_text()


def broken(ids=None, segments=None, length=13):
    """The row [CLS] 5 6 [SEP] 7 [SEP] [CLS] 8 [SEP] [CLS] 9 [SEP] [SEP], padded, with its places changed as told."""
    row = np.array([2, 5, 6, 3, 7, 3, 2, 8, 3, 2, 9, 3, 3, 0, 0, 0])
    in_second = np.array([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    mask = (np.arange(16) < length).astype(np.int64)
    for values, changes in ((row, ids), (in_second, segments)):
        for place, value in (changes or {}).items():
            values[place] = value
    return {"input_ids": row[None], "input_mask": mask[None], "segment_ids": in_second[None]}


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (broken(), None),
        (broken({0: 5}), r"begins with id 5; \[CLS\] is 2"),
        (broken({8: 7}), r"\[CLS\] at place 10 stands behind no \[SEP\]"),
        (broken({6: 7}, {6: 1, 7: 1, 8: 1}), r"place 7 stands behind a document's second \[SEP\] and is no \[CLS\]"),
        (broken({10: 2}), r"\[CLS\] at place 11 stands behind no \[SEP\]"),
        (broken({12: 8}), r"ends with id 8; \[SEP\] is 3"),
        (broken({12: 2}, {12: 0}), r"ends with id 2; \[SEP\] is 3"),
        (broken(segments={7: 1}), "segment_ids are not 0 up to"),
        (broken(segments={4: 0}), "segment_ids are not 0 up to"),
        (broken({14: 2}), "padding holds other ids"),
        (broken(length=14), r"ends with id 0; \[SEP\] is 3"),
    ],
)
def test_a_packed_row_is_documents_one_after_the_other(features, message):
    problems = structure_problems(features, Schema(16, 10, SpecialIds(0, 1, 2, 3, 4), is_packed=True))
    assert list(problems) == ([0] if message else []) and re.match(message or "", "".join(problems.values()))
    if message is None:
        plain = structure_problems(features, Schema(16, 10, SpecialIds(0, 1, 2, 3, 4), is_packed=False))
        assert plain == {0: "5 [SEP]; there must be one or two"}
