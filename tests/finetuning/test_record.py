"""What a fine-tuning's folder says of itself, and whose folder it is."""

import json

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import record

ASKED = {"task": "nsmc", "seed": 0}


def test_a_pretrainings_folder_is_left_as_it_is(tmp_path):
    """Its `run.json` bears the same name."""
    path = tmp_path / record.RUN
    path.write_text(text := json.dumps({"data": {"fingerprint": "0"}, "versions": {}}))
    with pytest.raises(UserError, match=f"^{path}: is no fine-tuning's, and would be lost"):
        record.finished(str(tmp_path), ASKED)
    assert path.read_text() == text


def test_what_ended_before_its_first_checkpoint_may_be_asked_for_otherwise(tmp_path):
    assert record.finished(str(tmp_path / "new"), ASKED) is None
    assert record.finished(str(tmp_path / "new"), {**ASKED, "seed": 1}) is None
    (tmp_path / "new" / record.CHECKPOINTS).mkdir()
    with pytest.raises(UserError, match="holds a run with other settings .seed 1 there, 0 asked for"):
        record.finished(str(tmp_path / "new"), ASKED)
