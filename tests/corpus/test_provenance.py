"""What made a folder of text is handed on."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.provenance import PROVENANCE_NAME, read_steps, write_steps


def test_steps_of_every_folder_once_in_the_files_order(tmp_path):
    for name in ("a", "b", "untold"):
        (tmp_path / name).mkdir()
    write_steps(str(tmp_path / "a"), [{"command": "clean_corpus", "recipe": "한글"}, {"command": "dedup_corpus"}])
    write_steps(str(tmp_path / "b"), [{"command": "clean_corpus", "recipe": "b"}])
    paths = [str(tmp_path / name) for name in ("b/1.txt", "a/1.txt", "b/2.txt", "untold/1.txt")]
    assert [(step["command"], step.get("recipe")) for step in read_steps(paths)] == [
        ("clean_corpus", "b"),
        ("clean_corpus", "한글"),
        ("dedup_corpus", None),
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"steps": 3}', '{"steps": [{"recipe": "a"}]}'])
def test_damaged_file_is_named(tmp_path, text):
    (tmp_path / PROVENANCE_NAME).write_text(text)
    with pytest.raises(UserError, match=PROVENANCE_NAME):
        read_steps([str(tmp_path / "1.txt")])
