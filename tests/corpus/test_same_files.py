"""A file counts once, whatever names lead to it, and one that was named twice is told of."""

import os
import unicodedata

import pytest

from electra_pretrain.corpus.finding import find, find_corpus
from electra_pretrain.corpus.same_files import is_among


@pytest.fixture
def raw(tmp_path, monkeypatch):
    """A file in a folder, two links to it, a folder's link, and a file that is another one though equal."""
    (tmp_path / "raw/sub").mkdir(parents=True)
    for name in ("raw/m.txt", "raw/sub/equal.txt"):
        (tmp_path / name).write_text("m")
    os.link(tmp_path / "raw/m.txt", tmp_path / "raw/hard.txt")
    (tmp_path / "raw/sub/a.txt").symlink_to("../m.txt")
    (tmp_path / "link").symlink_to("raw")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "found", "others"),
    [
        (["raw"], ["raw/hard.txt", "raw/sub/equal.txt"], 2),
        (["raw/**"], ["raw/hard.txt", "raw/sub/equal.txt"], 2),
        (["raw/**/*.txt"], ["raw/hard.txt", "raw/sub/equal.txt"], 2),
        (["link/*.txt,raw"], ["link/hard.txt", "raw/sub/equal.txt"], 4),
        (["raw/sub/a.txt", "raw/m.txt", "raw/hard.txt"], ["raw/sub/a.txt"], 2),
        (["raw/m.txt,./raw/m.txt", "raw/../raw/m.txt"], ["raw/m.txt"], 0),
    ],
)
def test_a_file_counts_once(raw, caplog, words, found, others):
    """The first pattern's name, and of those the nearest; so that no order in which a disk lists its files matters."""
    assert find(words).paths == found
    told = [message for message in caplog.messages if "second name" in message]
    assert len(told) == bool(others) and all(f"read once ({others}): " in message for message in told)


def test_one_file_under_two_spellings_and_two_files(tmp_path, caplog):
    one, other = (tmp_path / unicodedata.normalize(form, "뉴스.txt") for form in ("NFC", "NFD"))
    one.write_text("a")
    os.link(one, other)
    assert len(find_corpus(f"{tmp_path}/뉴스.txt")) == 1
    other.unlink()
    other.write_text("b")
    assert sorted(find_corpus(f"{tmp_path}/뉴스.txt,{tmp_path}/*")) == sorted([str(one), str(other)])
    assert not caplog.messages


def test_a_file_is_told_among_a_corpus_by_any_name(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    os.link(tmp_path / "a.txt", tmp_path / "b.txt")
    (tmp_path / "c.txt").write_text("a")
    assert is_among(str(tmp_path / "b.txt"), [str(tmp_path / "c.txt"), str(tmp_path / "a.txt")])
    assert not is_among(str(tmp_path / "b.txt"), [str(tmp_path / "c.txt")])
    assert not is_among(str(tmp_path / "none.txt"), [str(tmp_path / "c.txt")])
