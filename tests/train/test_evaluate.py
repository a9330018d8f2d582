"""A checkpoint scored afterwards gets the metrics that the run gave it."""

import hashlib
import json
import shutil

import pytest
import tensorflow as tf

from electra_pretrain import evaluate_pretraining
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, SAMPLE_CORPUS, build
from tests.support.tensorflow_records import read, write


@pytest.fixture(scope="module")
def finished(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("finished")
    train(prepare(MICRO, [records], str(folder)), tf.distribute.OneDeviceStrategy("/cpu:0"))
    return folder


def evaluated(folder, records, *more):
    arguments = ["--model_dir", str(folder), "--data", records, *more]
    return evaluate_pretraining.evaluate_pretraining(evaluate_pretraining.parse_args(arguments))


def test_equals_what_the_run_wrote(finished, records):
    rows = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    for step in (3, 6):
        written = next(row for row in rows if row["kind"] == "heldout" and row["step"] == step)
        metrics = evaluated(finished, records, "--step", str(step))
        assert {name: metrics[name] for name in written if name != "kind"} == {k: v for k, v in written.items() if k != "kind"}
    scores = evaluated(finished, records)
    assert (scores["step"], scores["short_documents"]) == (6, "apart")
    assert evaluated(finished, records, "--num_eval_steps", "1") != evaluated(finished, records)


def test_a_run_or_records_of_another_vocabulary_are_refused(finished, records, tmp_path):
    run, others = tmp_path / "run", tmp_path / "records"
    shutil.copytree(finished, run)
    lines = (run / "vocab.txt").read_text().splitlines(keepends=True)
    (run / "vocab.txt").write_text("".join([*lines[:-2], lines[-1], lines[-2]]))
    for use in (lambda: evaluated(run, records), lambda: prepare(MICRO, [records], str(run))):
        with pytest.raises(UserError, match=r"run/vocab.txt: not the vocabulary that belongs here .*run/run.json says SHA-256"):
            use()
    shutil.copytree(records, others)
    (others / "vocab.txt").write_bytes((run / "vocab.txt").read_bytes())
    with pytest.raises(UserError, match=r"records/vocab.txt: not the vocabulary that belongs here .*manifest.json says"):
        evaluated(finished, str(others))
    manifest = json.loads((others / "manifest.json").read_text())
    manifest["vocabulary"]["sha256"] = hashlib.sha256((others / "vocab.txt").read_bytes()).hexdigest()
    (others / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="records: its vocabulary is not that of .*finished0 "):
        evaluated(finished, str(others))


def test_a_record_that_no_model_takes_is_named(finished, records, tmp_path):
    """Of the right size and with the right checksum."""
    folder = tmp_path / "records"
    shutil.copytree(records, folder)
    path = folder / "heldout-00000-of-00001.tfrecord"
    payloads = read(path)
    payloads[1] = payloads[1].replace(b"\1" * 5, b"\2" + b"\1" * 4, 1)
    write(path, payloads)
    with pytest.raises(Damaged, match=rf"^{path}, record 2: input_mask holds 2; it must be 0 or 1; copy the file again or"):
        evaluated(finished, str(folder))


def test_mistakes(finished, records, tmp_path):
    with pytest.raises(UserError, match="no checkpoint of step 4; there are 3, 6"):
        evaluated(finished, records, "--step", "4")
    with pytest.raises(UserError, match="is not the --model_dir of a run"):
        evaluated(tmp_path, records)
    with pytest.raises(UserError, match="must be at least 1"):
        evaluated(finished, records, "--num_eval_steps", "0")


def test_rows_of_another_kind_are_scored_as_what_they_are(finished, tmp_path, vocab_path, caplog):
    corpus = f"{SAMPLE_CORPUS}/comments.txt"
    build(corpus, vocab_path, str(tmp_path), "--short_documents", "packed", "--heldout_fraction", "0.3")
    with caplog.at_level("INFO"):
        scores = evaluated(finished, str(tmp_path))
    assert (scores["step"], scores["short_documents"]) == (6, "packed")
    said = "scoring on rows that are packed (data.short_documents), as these records are; the config says apart"
    assert said in caplog.messages


def test_packed_rows_are_refused_for_a_model_that_sees_past_documents(finished, tmp_path, records):
    shutil.copytree(finished, tmp_path / "run")
    config = json.loads((finished / "config.json").read_text())
    config["objective"]["two_tower_generator"] = True
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    shutil.copytree(records, tmp_path / "records")
    manifest = json.loads((tmp_path / "records" / "manifest.json").read_text())
    (tmp_path / "records" / "manifest.json").write_text(json.dumps({**manifest, "short_documents": "packed"}))
    with pytest.raises(UserError, match=r"records: data.short_documents = .*packed.*; needs two_tower_generator = false$"):
        evaluated(tmp_path / "run", str(tmp_path / "records"))
