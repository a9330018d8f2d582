"""Padding told by the manifest, against the records; shards as it lists them: of a bucket's, all are asked for at once."""

import dataclasses
import json
import os
import re
import threading
import types

import pytest
import tensorflow as tf

from electra_pretrain.core import gfile
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import Shard, check_shards, check_sums, load_manifest
from electra_pretrain.records.ruin import check_records
from tests.conftest import SAMPLE_CORPUS, SEQ, build
from tests.support.tensorflow_records import read

FOLDER, COUNT = "gs://bucket/data", 20
SHARDS = tuple(Shard(f"train-{number:05d}", 1, 100 + number, "") for number in range(COUNT))


class Bucket:
    """TensorFlow's file system before a bucket that answers no request before the last of the shards is asked for."""

    def __init__(self, sizes):
        self.asked, self.sizes, self._all = [], sizes, threading.Barrier(COUNT)

    def stat(self, path):
        self.asked.append(path)
        self._all.wait(10)
        if path not in self.sizes:
            raise tf.errors.NotFoundError(None, None, f"{path} not found")
        return types.SimpleNamespace(length=self.sizes[path])

    def exists(self, path):
        self.asked.append(path)
        return path in self.sizes


@pytest.fixture
def bucket(monkeypatch):
    bucket = Bucket({f"{FOLDER}/{shard.name}": shard.bytes for shard in SHARDS})
    monkeypatch.setattr(gfile, "_asked", lambda path, ask: ask(bucket))
    return bucket


def test_a_bucket_is_asked_for_all_shards_at_once_and_for_each_once(bucket):
    paths = [f"{FOLDER}/{shard.name}" for shard in SHARDS]
    assert check_shards(FOLDER, SHARDS) == paths
    assert sorted(bucket.asked) == paths


def test_the_first_fault_in_a_bucket_is_named_as_on_a_disk(bucket, tmp_path):
    for shard in SHARDS:
        (tmp_path / shard.name).write_bytes(bytes(shard.bytes))
    assert check_shards(str(tmp_path), SHARDS) == [str(tmp_path / shard.name) for shard in SHARDS]

    def both(message):
        for folder, shown in ((FOLDER, FOLDER), (str(tmp_path), tmp_path)):
            with pytest.raises(UserError) as error:
                check_shards(folder, SHARDS)
            assert str(error.value).startswith(f"{shown}/{message}")

    def put(number, size):
        bucket.sizes[f"{FOLDER}/{SHARDS[number].name}"] = size
        (tmp_path / SHARDS[number].name).write_bytes(bytes(size))

    del bucket.sizes[f"{FOLDER}/{SHARDS[17].name}"]
    (tmp_path / SHARDS[17].name).unlink()
    both("train-00017: missing, though the manifest lists it; copy it again or rebuild the data")
    put(9, 110)
    both("train-00009: changed (110 bytes, the manifest says 109); copy it again")
    put(3, 102)
    both("train-00003: truncated (102 bytes, the manifest says 103); copy it again")


def padding_of(folder):
    """Counted record by record."""
    masks = [
        value
        for shard in sorted(folder.glob("*.tfrecord*"))
        for record in read(shard)
        for value in tf.train.Example.FromString(record).features.feature["input_mask"].int64_list.value
    ]
    return 1 - sum(masks) / len(masks)


def short_and_long(tmp_path):
    """The same sentences twice: each a document of its own, and a file's as one document."""
    lines = [line for line in (SAMPLE_CORPUS / "news.txt").read_text(encoding="utf-8").split("\n") if line.strip()]
    (tmp_path / "short.txt").write_text("\n\n".join(line[:30] for line in lines), encoding="utf-8")
    (tmp_path / "long.txt").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize("more", [[], ["--dupe_factor", "3"], ["--single_segment_prob", "1"], ["--max_seq_length", "128"]])
def test_padding_told_from_the_counts_is_that_of_the_records(tmp_path, vocab_path, capfd, more):
    short_and_long(tmp_path)
    for name in ("short", "long"):
        build(str(tmp_path / f"{name}.txt"), vocab_path, str(tmp_path / name), "--heldout_fraction", "0", *more)
        manifest = load_manifest(str(tmp_path / name))
        counted = padding_of(tmp_path / name)
        assert manifest.padding == counted
        assert bool([*check_records("data", manifest)]) == (manifest.padding > 0.3) == (name == "short")
        assert f"padding {manifest.padding:.1%} of the places\n" in capfd.readouterr().out


def test_the_warning_gives_the_numbers_and_the_way_out(tmp_path, vocab_path, caplog):
    short_and_long(tmp_path)
    build(str(tmp_path / "long.txt"), vocab_path, str(tmp_path / "long"), "--heldout_fraction", "0")
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    build(str(tmp_path / "short.txt"), vocab_path, str(tmp_path / "short"), "--heldout_fraction", "0")
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    told = re.match(
        r"(.*): (\d+)% of the places in rows are padding: documents have (\d+) tokens on average, and a row has 32 places; "
        r"build again with --short_documents packed, .* joined into one document.*--thread_field.*--max_seq_length$",
        warning,
    )
    counts = load_manifest(str(tmp_path / "short")).counts
    assert told[1] == str(tmp_path / "short") and abs(int(told[2]) / 100 - padding_of(tmp_path / "short")) <= 0.005 + 0.5 / SEQ
    assert int(told[3]) == round(counts.tokens / counts.documents)


def test_a_folder_of_an_earlier_build_or_of_another_builder_is_told_of_too(tmp_path, vocab_path):
    """A manifest that does not tell how full the rows are, nor of documents and passes, gives about what its records hold."""
    short_and_long(tmp_path)
    build(str(tmp_path / "short.txt"), vocab_path, str(tmp_path / "data"), "--heldout_fraction", "0")
    path = tmp_path / "data" / "manifest.json"
    values = json.loads(path.read_text())
    del values["contents"], values["short_documents"]
    values["dupe_factor"] = values["counts"]["documents"] = None
    path.write_text(json.dumps(values))
    manifest = load_manifest(str(tmp_path / "data"))
    assert abs(manifest.padding - padding_of(tmp_path / "data")) <= 0.5 / SEQ and manifest.short_documents == "apart"
    (warning,) = check_records("data", manifest)
    assert "padding: rows have" in warning.text


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_a_shard_that_is_no_file_is_not_read(tmp_path, make):
    make(tmp_path / "train-0")
    shard = Shard("train-0", 1, os.path.getsize(tmp_path / "train-0"), "")
    with pytest.raises(UserError, match=rf"^{tmp_path}/train-0: is no regular file, and holds nothing to read; move it away$"):
        check_shards(str(tmp_path), [shard])


def test_a_shard_without_a_record_is_refused(tmp_path):
    (tmp_path / "train-0").touch()
    with pytest.raises(UserError, match=rf"^{tmp_path}/train-0: holds no record, as the manifest says"):
        check_shards(str(tmp_path), [Shard("train-0", 0, 0, "")])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: {"train_examples": manifest.train_examples + 1}, "train_examples = .*: is not what"),
        (lambda manifest: {"heldout_shards": ()}, "heldout_examples = .*: is not what"),
        (
            lambda manifest: {"heldout_shards": manifest.train_shards, "heldout_examples": manifest.train_examples},
            "lists train-00000-of-00001.tfrecord twice",
        ),
        (lambda manifest: special_ids(manifest, mask=manifest.vocabulary.size), "must be five, each below"),
        (lambda manifest: special_ids(manifest, mask=manifest.vocabulary.special_ids.pad), "must be five, each below"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(records, change, message):
    manifest = load_manifest(records)
    check_sums(manifest, records)
    with pytest.raises(UserError, match=rf"^{records}/manifest.json: .*{message}"):
        check_sums(dataclasses.replace(manifest, **change(manifest)), records)


def special_ids(manifest, **changed):
    ids = manifest.vocabulary.special_ids._replace(**changed)
    return {"vocabulary": dataclasses.replace(manifest.vocabulary, special_ids=ids)}


def test_a_file_in_a_folders_place_is_told_its_folder(tmp_path):
    for name, kind in (("manifest.json", "manifest"), ("notes.txt", "file")):
        (tmp_path / name).touch()
        with pytest.raises(UserError, match=f"{name}: is a {kind}; give its folder, {tmp_path}$"):
            load_manifest(str(tmp_path / name))
