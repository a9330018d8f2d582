"""Files that ship are found by their names, with or without the suffix, unless a file of that path lies there."""

import pytest

from electra_pretrain.core import shipped
from electra_pretrain.core.errors import UserError


@pytest.mark.parametrize("name", ["base_v3", "base_v3.json"])
def test_by_name(name):
    assert shipped.find(name, "configs", ".json", "config") == str(shipped.folder("configs") / "base_v3.json")


def test_a_path_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base_v3.json").write_text("{}")
    assert shipped.find("base_v3.json", "configs", ".json", "config") == "base_v3.json"
    (tmp_path / "tiny").mkdir()
    assert shipped.find("tiny", "configs", ".json", "config").endswith("configs/tiny.json"), "a folder is no config"


def test_what_ships_is_named(tmp_path):
    with pytest.raises(
        UserError, match=r"^none: no such vocabulary file; give a path, or the name .* ships: reviews_32200.txt$"
    ):
        shipped.find("none", "vocab", ".txt", "vocabulary file")


def test_of_a_folder_a_file_in_it_is_named(tmp_path):
    with pytest.raises(UserError, match=f"^{tmp_path}: is a folder, no vocabulary file; it holds no .txt file$"):
        shipped.find(str(tmp_path), "vocab", ".txt", "vocabulary file")
    for name in ("vocab.txt", "run.json", ".vocab.txt"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"is a folder, no vocabulary file; name one in it, such as {tmp_path}/vocab.txt$"):
        shipped.find(str(tmp_path), "vocab", ".txt", "vocabulary file")
