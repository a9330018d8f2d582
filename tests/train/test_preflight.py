"""What is wrong is said before the start."""

import dataclasses
import json
import os
import re
import shutil

import numpy as np
import pytest

from electra_pretrain import run_pretraining
from electra_pretrain.checkpoint.fit import expected_variables
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.schema import PhaseConfig
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import Level
from electra_pretrain.tokenization.model_folder import read_vocabulary
from electra_pretrain.tpu.chips import find_slice
from electra_pretrain.tpu.zones import within
from electra_pretrain.train import storage
from electra_pretrain.train.preflight import Request, check_before_start, check_everything, check_start, check_thoroughly
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, changed


def checked(config, records, model_dir, tpu=None, zone=None, replicas=1, target=None):
    request = Request(config, [str(records)], str(model_dir), tpu, zone)
    findings, start = check_start(request, target)
    return [*findings, *check_thoroughly(request, start, replicas, target)]


def texts(findings, level):
    return [finding.text for finding in findings if finding.level is level]


@pytest.fixture
def copy(records, tmp_path):
    shutil.copytree(records, tmp_path / "data")
    return tmp_path / "data"


def test_all_in_order(records, tmp_path):
    findings = checked(MICRO, records, tmp_path / "run", target=find_slice("v3-8"))
    assert not texts(findings, Level.FAILURE) and not texts(findings, Level.WARNING)
    said = "\n".join(texts(findings, Level.OK))
    for part in (
        "can be written to",
        "training rows of 32 tokens, read",
        "the vocabulary, and names and sizes of",
        "1 replica, 8 x 32",
        "6 steps:",
    ):
        assert part in said
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    assert not texts(checked(MICRO, records, tmp_path / "run"), Level.FAILURE) and not os.listdir(tmp_path / "run")


def test_of_weights_to_begin_with_the_vocabulary_is_named_that_was_held_against_the_records(records, tmp_path):
    """A generator's folder may hold none."""
    values = {name: np.zeros(each.shape, np.float32) for name, each in expected_variables(MICRO).items()}
    for vocabulary in (read_vocabulary(records), None):
        request = Request(MICRO, [records], str(tmp_path / "run"), None, None, Pretrained("x", values, {}, vocabulary))
        found = check_thoroughly(request, check_start(request).start, 1, None)
        of_weights = next(text for text in texts(found, Level.OK) if text.startswith("weights of x: "))
        names_it = of_weights.endswith(f"; {records}/vocab.txt is the vocabulary of the records")
        assert names_it if vocabulary else of_weights.endswith("are those of the config")


def test_what_would_ruin_a_run_is_told_beforehand_and_at_its_start(records, tmp_path, caplog):
    config = changed(MICRO, optimizer={"num_warmup_steps": 0}, training={"num_train_steps": 100_000})
    warmup, passes = texts(checked(config, records, tmp_path / "run"), Level.WARNING)
    assert "num_warmup_steps = 0" in warmup and "the text is read" in passes
    check_before_start(Request(config, [records], str(tmp_path / "run"), None, None))
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [warmup, passes]


def test_of_what_nothing_can_come_preflight_and_start_refuse_alike(records, tmp_path, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    request = Request(changed(MICRO, optimizer={"learning_rate": 1.0}), [records], str(tmp_path / "run"), None, None)
    rate, shards = texts(check_everything(request, None, 1), Level.FAILURE)
    assert "learning_rate = 1: " in rate and "training shards: 1 for 2 workers" in shards
    with pytest.raises(UserError, match=f"^{re.escape(f'{rate}; {shards}')}$"):
        check_before_start(request)


def test_nothing_is_found_twice(records, tmp_path):
    """Not even where two phases read the same records, and one batch fits neither."""
    config = dataclasses.replace(MICRO, phases=(PhaseConfig(until_step=3),))
    for replicas in (2, 3):
        findings = check_everything(Request(config, [records], str(tmp_path / "run"), None, None), None, replicas)
        assert len({finding.text for finding in findings}) == len(findings)


def failure(*arguments, **named):
    (text,) = texts(checked(*arguments, **named), Level.FAILURE)
    return text


def test_batch_against_replicas(records, tmp_path):
    assert "must be divisible by 3 replicas" in failure(MICRO, records, tmp_path, replicas=3)


def test_vocabulary_of_other_words(copy, tmp_path):
    with open(copy / "vocab.txt", "a") as file:
        file.write("more\n")
    said = failure(MICRO, copy, tmp_path / "run")
    assert "vocab.txt: not the vocabulary that belongs here" in said and "manifest.json says SHA-256" in said
    with pytest.raises(UserError, match="not the vocabulary that belongs here"):
        prepare(MICRO, [str(copy)], str(tmp_path / "run"))
    (copy / "vocab.txt").unlink()
    assert "vocab.txt: missing; " in failure(MICRO, copy, tmp_path / "run")


def test_a_missing_shard(copy, tmp_path):
    os.remove(copy / "train-00000-of-00001.tfrecord")
    assert "train-00000-of-00001.tfrecord: missing" in failure(MICRO, copy, tmp_path / "run")


def test_a_remote_tpu_cannot_read_this_disk(records, tmp_path):
    failures = texts(checked(MICRO, records, tmp_path, tpu="my-tpu", zone="us-central1-a"), Level.FAILURE)
    assert len(failures) == 2 and all("cannot read this machine's disk; use gs://BUCKET" in text for text in failures)
    findings = checked(MICRO, records, tmp_path, tpu="local")
    assert not texts(findings, Level.FAILURE)
    assert "which goes with the machine" in texts(findings, Level.WARNING)[0]


def test_a_folder_whose_name_tensorflow_does_not_take(records, tmp_path):
    folder = f"{tmp_path}/run-\udcff"
    assert "takes no name that is not UTF-8; rename the folder" in failure(MICRO, records, folder)


def test_a_slice_of_several_hosts_needs_as_many_shards(records, tmp_path):
    config = changed(MICRO, training={"train_batch_size": 32, "eval_batch_size": 32})
    target = find_slice("v3-32")
    assert "training shards: 1 for 4 workers" in failure(config, records, tmp_path, replicas=32, target=target)
    request = Request(config, [records], str(tmp_path), "grpc://a,grpc://b", None)
    *of_this_disk, text = texts(check_start(request).findings, Level.FAILURE)
    assert "training shards: 1 for 2 workers" in text and all("this machine's disk" in other for other in of_this_disk)
    assert not texts(checked(config, records, tmp_path, replicas=8, target=find_slice("v3-8")), Level.FAILURE)


def test_no_room_for_checkpoints(records, tmp_path, monkeypatch):
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 10**6, 1000))
    (warning,) = texts(checked(MICRO, records, tmp_path), Level.WARNING)
    assert "6 checkpoints take" in warning and "0.0 GB are free; make room, or keep fewer" in warning


def test_checkpoint_size_is_about_right(records, tmp_path):
    from electra_pretrain.model.electra import Electra

    parameters = sum(variable.shape.num_elements() for variable in Electra(MICRO).named_variables().values())
    assert storage.checkpoint_bytes(MICRO) == pytest.approx(12 * parameters, rel=0.1)


@pytest.mark.parametrize(
    ("zone", "location", "same"),
    [
        ("us-central1-a", "us-central1", True),
        ("us-central1-a", "us", True),
        ("europe-west4-a", "eu", True),
        ("europe-west4-a", "europe-west4", True),
        ("europe-west4-a", "us", False),
        ("us-central1-a", "us-east1", False),
        ("us-central1-a", "us-central2", False),
    ],
)
def test_zones_and_bucket_locations(zone, location, same):
    assert within(zone, location) == same


@pytest.mark.parametrize(
    ("location", "level", "said"),
    [
        ("us-central1", Level.OK, "is in us-central1, where the TPU is"),
        ("europe-west4", Level.WARNING, "traffic between regions is charged; use a bucket in us-central1"),
        (None, Level.WARNING, "its location (unknown) was compared with no zone"),
    ],
)
def test_bucket_against_the_tpus_zone(monkeypatch, location, level, said):
    monkeypatch.setattr(storage, "bucket_location", lambda name: {"bucket": location}[name])
    (finding,) = storage.check_buckets(["gs://bucket/data"], "gs://bucket/run", "local", "us-central1-a")
    assert finding.level is level and said in finding.text


def test_each_worker_needs_shards_and_rows_of_its_own(monkeypatch, tmp_path, records):
    cluster = {"cluster": {"worker": ["a:1", "b:1", "c:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    request = Request(MICRO, [str(records)], str(tmp_path / "run"), None, None)
    found = [finding.text for finding in check_everything(request, None, 1) if finding.is_failure]
    assert any("training shards: 1 for 3 workers, each of which needs its own" in text for text in found)
    assert any("train_batch_size = 8: must be divisible by 3 replicas" in text for text in found)


def command(*more):
    run_pretraining.run_pretraining(run_pretraining.parse_args(list(more)))


def test_the_command_prints_findings_and_trains_nothing(tmp_path, records, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MICRO.to_dict()))
    arguments = ["--config", str(path), "--data", records, "--model_dir", str(tmp_path / "run"), "--preflight"]
    command(*arguments)
    out = capsys.readouterr().out
    assert out.count("ok ") == len(out.splitlines()) and not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="1 of 6 checks failed"):
        command(*arguments, "--cpu_replicas", "3")
    assert "FAILED   training.train_batch_size = 8: must be divisible by 3 replicas" in capsys.readouterr().out
    with pytest.raises(UserError, match="--topology: is for --preflight"):
        command(*arguments[:-1], "--topology", "v3-8")
    for device in (("--topology", "v3-8"), ("--tpu", "local")):
        with pytest.raises(UserError, match="float16: is for older GPUs"):
            command(*arguments, *device, "--set", "training.compute_dtype=float16")
