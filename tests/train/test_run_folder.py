"""A run does not begin over files of others."""

import hashlib
import json
from types import SimpleNamespace

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.train.run_folder import check_earlier_run
from tests.conftest import MICRO, changed

VOCAB = b"[PAD]\n"
MANIFEST = SimpleNamespace(vocabulary=SimpleNamespace(file_name="vocab.txt", sha256=hashlib.sha256(VOCAB).hexdigest()))
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
def test_files_of_others_are_not_written_over(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: is not of this run, and would be lost"):
        check_earlier_run(MICRO, [MANIFEST], str(tmp_path))
    (tmp_path / "run.json").write_text("{}")  # a run that ended before its first checkpoint
    check_earlier_run(MICRO, [MANIFEST], str(tmp_path))


def test_its_own_config_and_vocabulary_may_lie_there(tmp_path):
    """As a run leaves them that was killed while it began."""
    check_earlier_run(MICRO, [MANIFEST], str(tmp_path / "none"))
    (tmp_path / "config.json").write_text(json.dumps(MICRO.to_dict()))
    (tmp_path / "vocab.txt").write_bytes(VOCAB)
    (tmp_path / "metrics.jsonl").touch()
    check_earlier_run(MICRO, [MANIFEST], str(tmp_path))
