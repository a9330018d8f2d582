"""What an unfinished fine-tuning leaves: checkpoints, whole or damaged, and the record of what it was asked for."""

import json

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import checkpoints, record


def write_checkpoint(folder, step, best=None):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(bytes([step]))
    (path / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": best and f"elsewhere/checkpoint-{best}"}))
    checkpoints.seal(str(path))
    return path


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    ten, twenty, thirty = (write_checkpoint(tmp_path, step) for step in (10, 20, 30))
    assert checkpoints.newest_whole(str(tmp_path)) == (str(thirty), [])
    (thirty / "model.safetensors").write_bytes(b"\0")
    assert checkpoints.newest_whole(str(tmp_path)) == (str(twenty), [str(thirty)])
    (twenty / "checksums.json").write_text('{"model.saf')
    assert checkpoints.newest_whole(str(tmp_path)) == (str(ten), [str(thirty), str(twenty)])
    (ten / "checksums.json").unlink()
    assert checkpoints.newest_whole(str(tmp_path))[0] is None
    assert checkpoints.newest_whole(str(tmp_path / "none")) == (None, [])


def test_old_checkpoints_go_but_for_the_best(tmp_path):
    for step in (5, 10, 100, 20):
        write_checkpoint(tmp_path, step)
    checkpoints.prune(str(tmp_path), "elsewhere/checkpoint-5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-100", "checkpoint-20", "checkpoint-5"]
    checkpoints.prune(str(tmp_path), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-100", "checkpoint-20"]


def test_a_checkpoint_is_of_no_use_without_the_best_one_that_it_names(tmp_path):
    ten, twenty = write_checkpoint(tmp_path, 10, best=10), write_checkpoint(tmp_path, 20, best=10)
    assert checkpoints.newest_whole(str(tmp_path)) == (str(twenty), [])
    (ten / "model.safetensors").unlink()
    assert checkpoints.newest_whole(str(tmp_path)) == (None, [str(twenty), str(ten)])


def test_a_run_that_has_done_nothing_yet_gives_way(tmp_path):
    output = str(tmp_path / "output")
    assert record.finished(output, {"seed": 0}) is None
    assert record.finished(output, {"seed": 1}) is None
    (tmp_path / "output" / "checkpoints").mkdir()
    assert record.finished(output, {"seed": 1}) is None
    with pytest.raises(UserError, match="seed 1 there, 0 asked for"):
        record.finished(output, {"seed": 0})
