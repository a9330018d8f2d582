"""What the words of `--corpus` name: patterns between commas, and names that hold commas."""

import re

import pytest

from electra_pretrain import clean_corpus, quickstart
from electra_pretrain.cli.corpus_arguments import reading_flags
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.finding import find
from electra_pretrain.corpus.patterns import patterns_of, would_find
from tests.cli.test_commands import assert_one_line, run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("a.txt", "b.txt", "a.txt,b.txt", "뉴스,1.txt", "c,d/e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["a.txt", "b.txt"], ["a.txt", "b.txt"]),
        (["a.txt, b.txt"], ["a.txt", "b.txt"]),
        (["b.txt,", "a.txt,,"], ["b.txt", "a.txt"]),
        (["a.txt,b.txt", "b.txt"], ["a.txt,b.txt", "b.txt"]),
        (["\u1102\u1172\u1109\u1173,1.txt"], ["뉴스,1.txt"]),
        (["c,d"], ["c,d/e.txt"]),
        (["c?d/*.txt,a.txt"], ["c,d/e.txt", "a.txt"]),
        (["./a.txt,b.txt"], ["./a.txt,b.txt"]),
    ],
)
def test_a_word_that_is_a_name_is_that_file_and_commas_separate_else(folder, words, found):
    assert find(words).paths == found


def test_what_is_elsewhere_is_not_asked_for_a_list_of_names(monkeypatch):
    monkeypatch.setattr("electra_pretrain.core.files.exists", lambda path: pytest.fail(path))
    assert patterns_of("gs://b/a.txt,gs://b/c.txt") == ["gs://b/a.txt", "gs://b/c.txt"]
    assert patterns_of("gs://b/a.txt") == ["gs://b/a.txt"]


@pytest.mark.parametrize(("word", "named"), [("c,d/*.txt", "c"), ("a.txt,none", "none"), ("none", "none")])
def test_a_pattern_that_matches_nothing_tells_of_commas_where_there_is_one(folder, word, named):
    with pytest.raises(UserError, match=re.escape(f"{named}: no such file; check the path or the glob")) as error:
        find([word])
    assert ("commas separate names" in str(error.value)) == ("," in word)


def test_a_command_takes_several_words_and_names_with_commas(folder, capfd):
    arguments = ["--quiet", "--corpus", "a.txt,b.txt", "c,d", "--corpus", "뉴스,1.txt", "--output", "out"]
    assert run(clean_corpus, arguments, capfd)[0] == 0
    told = (folder / "out/corpus.json").read_text()
    assert [name for name in ("a.txt,b.txt", "c,d/e.txt", "뉴스,1.txt") if f'"{name}"' not in told] == []
    assert_one_line(
        run(clean_corpus, ["--corpus", "c,d/*", "--output", "o"], capfd), "c: no such file", "commas separate names"
    )


def test_quickstart_reads_its_corpus_as_it_is_told():
    given = ["--text_field=-본문", "--layout=jsonl", "--on_bad_file=skip"]
    assert reading_flags(quickstart.parse_args(["--corpus", "a", "b", *given])) == given
    assert reading_flags(quickstart.parse_args([])) == []


@pytest.mark.parametrize(
    ("patterns", "path", "found"),
    [
        ("corpus/*.txt", "corpus/vocab.txt", "corpus/*.txt"),
        ("a.txt, corpus/*", "./corpus/clean", "corpus/*"),
        ("corpus/*", "corpus/clean/part", None),
        ("corpus/*.txt", "corpus/vocab.model", None),
        ("corpus/**/*.txt", "corpus/a/b/c.txt", "corpus/**/*.txt"),
        ("corpus/**/*.txt", "other/a/b/c.txt", None),
        ("corpus/*", "corpus/.hidden", None),
        ("gs://b/c/*", "gs://b/c/out", "gs://b/c/*"),
        ("a.txt", "b.txt", None),
    ],
)
def test_what_a_pattern_would_find_the_next_time(patterns, path, found):
    assert would_find([patterns], path) == found
