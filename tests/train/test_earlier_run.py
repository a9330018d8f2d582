"""A run does not begin over files of others."""

import hashlib
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import staged
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.train.earlier_run import check_earlier_run, tell_of_rise
from electra_pretrain.train.run_folder import is_import, own_names
from tests.conftest import MICRO, changed

VOCAB = b"[PAD]\n"
MANIFEST = SimpleNamespace(vocabulary=SimpleNamespace(file_name="vocab.txt", sha256=hashlib.sha256(VOCAB).hexdigest()))
SOURCE = SimpleNamespace(folder="data", manifest=MANIFEST)
OTHER = changed(MICRO, training={"seed": 7})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", json.dumps(OTHER.to_dict()).encode()),
        ("config.json", b'{"name": "a package of others"}'),
        ("config.json", b""),
        ("vocab.txt", b"[PAD]\nother\n"),
        ("metrics.jsonl", b'{"step": 1}\n'),
    ],
)
def test_files_of_others_are_not_written_over(tmp_path, records, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: is not of this run, and would be lost"):
        check_earlier_run(MICRO, [SOURCE], str(tmp_path))
    (tmp_path / "run.json").write_text("notes")
    with pytest.raises(UserError, match="run.json"):
        check_earlier_run(MICRO, [SOURCE], str(tmp_path))
    about = {"data": load_manifest(records).to_dict(), "data_of_phases": [], "versions": {}, "hardware": "a CPU"}
    (tmp_path / "run.json").write_text(json.dumps(about))  # of a run that ended before its first checkpoint
    check_earlier_run(MICRO, [SOURCE], str(tmp_path))


def test_its_own_config_and_vocabulary_may_lie_there(tmp_path):
    """As a run leaves them that was killed while it began."""
    check_earlier_run(MICRO, [SOURCE], str(tmp_path / "none"))
    (tmp_path / "config.json").write_text(json.dumps(MICRO.to_dict()))
    (tmp_path / "vocab.txt").write_bytes(VOCAB)
    (tmp_path / "metrics.jsonl").touch()
    check_earlier_run(MICRO, [SOURCE], str(tmp_path))


def test_a_run_does_not_begin_in_an_export(tmp_path):
    with staged(str(tmp_path), "export_hf", []) as staging:
        (Path(staging) / "README.md").write_text("card")
    with pytest.raises(UserError, match="holds what export_hf made, which no run goes on with; use another --model_dir"):
        check_earlier_run(MICRO, [SOURCE], str(tmp_path))


def test_a_run_whose_config_is_lost_does_not_go_on(tmp_path):
    (tmp_path / "model.ckpt-3.index").touch()
    with pytest.raises(UserError, match=r"config.json: missing, though checkpoints lie beside it"):
        check_earlier_run(MICRO, [SOURCE], str(tmp_path))


def test_a_run_whose_run_json_is_lost_is_no_import(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(MICRO.to_dict()))
    assert is_import(str(tmp_path))
    (tmp_path / "metrics.jsonl").write_text("{}")
    assert not is_import(str(tmp_path))


def test_only_the_runs_own_names_are_swept(tmp_path):
    mine = ["model.ckpt-20.tmp-99999999-gone.index", "config.json.tmp-99999999-gone", "vocab.txt.tmp-99999999-gone"]
    others = ["backup.tmp-2026-11-29", "notes.tmp-2025-backup"]
    for name in (*mine, *others):
        (tmp_path / name).mkdir()
    files.remove_temporaries(str(tmp_path), own_names(MANIFEST.vocabulary))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


WSD = {"schedule": "wsd", "decay_steps": 3, "num_warmup_steps": 0}


@pytest.mark.parametrize(
    ("optimizer", "reached", "rises"),
    [(WSD, 3, False), (WSD, 4, True), (WSD, 6, True), ({"num_warmup_steps": 0}, 5, True), ({"num_warmup_steps": 0}, 0, False)],
)
def test_a_rate_that_rises_where_a_run_is_prolonged_is_told(optimizer, reached, rises, caplog):
    old, new = (changed(MICRO, optimizer=optimizer, training={"num_train_steps": steps}) for steps in (6, 12))
    with caplog.at_level(logging.WARNING):
        tell_of_rise(old, new, reached, "run")
    told = [record.getMessage() for record in caplog.records]
    assert [f"the learning rate rises at step {reached} from" in text for text in told] == [True] * rises
    caplog.clear()
    tell_of_rise(old, changed(old, optimizer={"learning_rate": 1.0}), reached, "run")
    assert not caplog.records, "another peak is asked for, and no secret"
