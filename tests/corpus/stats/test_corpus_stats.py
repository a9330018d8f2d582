"""The command: numbers against a straightforward count, the same for any number of processes; what it says of bad text."""

import json
import random
import re
import unicodedata
from collections import Counter

import numpy as np
import pytest

from electra_pretrain import corpus_stats
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.stats import pipeline
from electra_pretrain.corpus.stats.lengths import QUANTILES
from electra_pretrain.corpus.stats.words import printable
from tests.conftest import SAMPLE_CORPUS

ODD_LINES = {
    "not_nfc": unicodedata.normalize("NFD", "한글이다"),
    "control": "제어 \x1b[31m 문자",
    "invisible": "폭 없는\u200b 것",
    "private": "옛글 \ue123",
    "replacement": "깨진 \ufffd\ufffd 글자",
}
MOJIBAKE = [
    "안녕하세요".encode().decode("latin-1"),
    "".join(bytes([one]).decode("cp1252", "replace") for one in "이것은 글이다".encode()),
    "안녕하세요".encode("cp949").decode("latin-1") + "?",
    "한글이다".encode("cp949").decode("latin-1"),
]
CLEAN = ["가격은 10°C·20°C …… “따옴표”", "café à la crème ÀÈÌ", "°°°°", "····"]


def made(seed, documents):
    """Documents of random lines, some of which occur again."""
    draws = random.Random(seed)
    words = ["한국어", "문장", "은", "ㅋㅋㅋㅋㅋㅋㅋ", "the", "漢字", "かな", "123", "!?…", "😀", "Привет", "・"]
    lines = [" ".join(draws.choices(words, k=draws.randint(1, 30))) for _ in range(150)]
    return [[draws.choice(lines) for _ in range(draws.randint(1, 12))] for _ in range(documents)]


def write(path, documents):
    path.write_text("\n\n".join("\n".join(document) for document in documents) + "\n", encoding="utf-8")


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK_CHARACTERS", 2000)


def told(capfd, corpus, *more):
    corpus_stats.corpus_stats(corpus_stats.parse_args(["--corpus", str(corpus), "--num_processes", "1", "--json", *more]))
    return json.loads(capfd.readouterr().out)


def test_numbers_are_those_of_a_straightforward_count(tmp_path, capfd, small_blocks):
    documents = made(0, 120)
    documents[3] += ODD_LINES.values()
    write(tmp_path / "a.txt", documents[:70])
    write(tmp_path / "b.txt", documents[70:])
    found = told(capfd, tmp_path / "*.txt", "--num_lines", "7")
    lines = [line for document in documents for line in document]
    text = "".join(lines)
    assert (found["files"], found["documents"], found["lines"], found["characters"]) == (2, 120, len(lines), len(text))
    assert found["bytes"] == sum(path.stat().st_size for path in tmp_path.iterdir())
    for unit, units in (("line", lines), ("document", list(map("".join, documents)))):
        lengths = found[f"{unit}_lengths"]
        values = np.array(list(map(len, units)))
        assert lengths["longest"] == values.max() and lengths["mean"] == pytest.approx(values.mean())
        exact = {str(share): np.quantile(values, share, method="inverted_cdf") for share in QUANTILES}
        assert all(value * 255 / 256 <= lengths["quantiles"][share] <= value for share, value in exact.items())
        assert sum(height for _, height in lengths["histogram"]) == len(units)
    visible = [one for one in text if not one.isspace() and unicodedata.category(one) not in ("Cc", "Cf")]
    assert found["visible_characters"] == len(visible)
    patterns = {
        "hangul": "[가-힣ㄱ-ㅣ\u1100-\u11ff]", "latin": "[A-Za-z]", "hanja": "[漢字]", "kana": "[かな]", "digit": "[0-9]",
        "emoji": "😀", "sign": r"[!?…・\[]",
    }  # fmt: skip
    counts = {name: sum(bool(re.match(pattern, one)) for one in visible) for name, pattern in patterns.items()}
    assert found["scripts"] == pytest.approx(
        {name: count / len(visible) for name, count in counts.items()} | {"other": 1 - sum(counts.values()) / len(visible)}
    )
    assert sum(found["languages"].values()) == len(lines) and found["languages"]["Korean"] > 0
    for unit, different in (("lines", len(set(lines))), ("documents", len(set(map(tuple, documents))))):
        total = found[unit]
        expected = {"share": 1 - different / total, "error": 0, "distinct": different, "exact": True}
        assert found["repeated"][unit] == pytest.approx(expected)
    for kind, line in ODD_LINES.items():
        assert found["odd"][kind]["lines"] == 1, kind
        if "characters" in found["odd"][kind]:
            assert found["odd"][kind]["characters"] == (2 if kind == "replacement" else 1), line
    assert found["odd"]["mojibake"]["lines"] == 0


def located(documents, path):
    """File, line and text of every line, as they stand in a file written by `write`."""
    number = 0
    for document in documents:
        for line in document:
            number += 1
            yield str(path), number, line
        number += 1


def test_the_worst_and_the_most_frequent_lines(tmp_path, capfd, small_blocks):
    documents = made(1, 100)
    documents[50][0] = "x" * 300 + " 안녕 " + "!" * 400
    documents[60][0] = "깨졌다 \ufffd\ufffd\ufffd"
    documents[20][0] = "조금 \ufffd"
    write(tmp_path / "a.txt", documents)
    found = told(capfd, tmp_path / "a.txt", "--num_lines", "4")
    lines = list(located(documents, tmp_path / "a.txt"))

    def hangul(line):
        visible = "".join(line.split())
        return sum("가" <= one <= "힣" or "ㄱ" <= one <= "ㅣ" for one in visible) / len(visible)

    def run(line):
        return max((match[0] for match in re.finditer(r"(\S)\1*", line)), key=len)

    ranked = {
        "longest": (sorted(lines, key=lambda at: -len(at[2])), lambda line: len(line)),
        "least_hangul": (
            sorted(
                (at for at in lines if len("".join(at[2].split())) >= 20),
                key=lambda at: (hangul(at[2]), -len("".join(at[2].split()))),
            ),
            lambda line: 100 * hangul(line),
        ),
        "longest_run": (sorted(lines, key=lambda at: -len(run(at[2]))), lambda line: len(run(line))),
        "undecodable": (
            sorted((at for at in lines if "\ufffd" in at[2]), key=lambda at: -at[2].count("\ufffd")),
            lambda line: line.count("\ufffd"),
        ),
    }
    for kind, (expected, number) in ranked.items():
        shown = found["worst"][kind]
        assert [(at["path"], at["line"]) for at in shown] == [at[:2] for at in expected[:4]], kind
        assert [at["number"] for at in shown] == pytest.approx([number(at[2]) for at in expected[:4]]), kind
        if kind == "longest_run":
            assert all(at["text"].startswith(run(line)[:200]) for at, (*_, line) in zip(shown, expected, strict=False))
        else:
            assert [at["text"] for at in shown] == [at[2][:200] for at in expected[:4]]
    counts = Counter(line for *_, line in lines)
    times = sorted(counts.values(), reverse=True)[:4]
    assert [line["times"] for line in found["frequent_lines"]] == times
    assert all(line["exact"] and counts[line["text"]] == line["times"] for line in found["frequent_lines"])


def test_any_number_of_processes_tells_the_same(tmp_path, capfd, small_blocks):
    write(tmp_path / "a.txt", made(2, 200))
    (tmp_path / "b.txt").write_bytes("둘째 파일\n".encode("cp949"))
    one = told(capfd, tmp_path / "*.txt")
    assert told(capfd, tmp_path / "*.txt", "--num_processes", "2") == one
    assert told(capfd, tmp_path / "*.txt") == one


@pytest.mark.parametrize("line", MOJIBAKE)
def test_hangul_decoded_wrongly_is_suspected(tmp_path, capfd, line):
    write(tmp_path / "a.txt", [[*CLEAN, line, "한국어"]])
    assert told(capfd, tmp_path / "a.txt")["odd"]["mojibake"]["lines"] == 1


def test_bad_bytes_are_told_of_with_the_way_out(tmp_path, capfd):
    (tmp_path / "a.txt").write_bytes(("정상이다\n" * 400).encode() + "깨진 줄".encode("cp949") + b"\n")
    (tmp_path / "b.txt").write_bytes("완성형 파일이다\n".encode("cp949"))
    (tmp_path / "c.txt").write_bytes("유니코드\n".encode("utf-16"))
    (tmp_path / "d.txt").write_bytes("섞인\n".encode() + "파일이다\n".encode("cp949"))
    corpus_stats.corpus_stats(corpus_stats.parse_args(["--corpus", f"{tmp_path}/*.txt", "--num_processes", "1"]))
    out = capfd.readouterr().out
    for pattern in (
        r"UTF-8 +\S+a\.txt +1 of 401\n",
        r"CP949 +\S+b\.txt +0 of 1\n",
        r"UTF-16 +\S+c\.txt +0 of 0\n",
        r"mixed or damaged +\S+d\.txt +1 of 2\n",
        r"Read CP949 with clean_corpus --encoding cp949.*; UTF-16 was not read.*; what is mixed",
        r"Undecodable lines\n.*\n.*a\.txt:401",
    ):
        assert re.search(pattern, out), (pattern, out)


def test_the_page_stands_alone_and_shows_lines_as_text(tmp_path, capfd):
    write(tmp_path / "a.txt", [["<script>alert(1)</script> & 가나다라 마바사아자차카"] * 3, ["짧다"]])
    page = tmp_path / "new" / "page.html"
    told(capfd, tmp_path / "a.txt", "--html", str(page))
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text and "&lt;script&gt;alert(1)" in text and text.count("<svg") == 2
    assert not re.search(r'(?:src|href)="(?!#)', text)
    told(capfd, tmp_path / "a.txt", "--html", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_a_terminal_is_told_nothing_that_it_would_obey():
    assert printable("가\x1b[2J나\u200b😀") == "가\\x1b[2J나\\u200b😀"
    assert printable("가" * 500) == "가" * 100 + "…"


def test_a_corpus_without_text(tmp_path):
    def run():
        corpus_stats.corpus_stats(corpus_stats.parse_args(["--corpus", f"{tmp_path}/*.txt", "--num_processes", "1"]))

    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(UserError, match="a.txt: the corpus is empty"):
        run()
    (tmp_path / "b.txt").write_bytes("유니코드\n".encode("utf-16"))
    with pytest.raises(UserError, match="b.txt: UTF-16, and there is no other text; convert it: iconv"):
        run()


@pytest.mark.parametrize(("flag", "value"), [("num_lines", "-1"), ("num_processes", "0")])
def test_numbers_out_of_range(flag, value):
    with pytest.raises(UserError, match=f"--{flag} {value}: must be at least"):
        corpus_stats.corpus_stats(corpus_stats.parse_args(["--corpus", f"{SAMPLE_CORPUS}/news.txt", f"--{flag}={value}"]))


def test_a_folder_is_no_page_and_is_told_of_before_anything_is_read(tmp_path):
    args = corpus_stats.parse_args(["--corpus", str(tmp_path / "none.txt"), "--html", str(tmp_path)])
    with pytest.raises(UserError, match=r"--html .*: is a folder; name a file in it, such as .*FILE"):
        corpus_stats.corpus_stats(args)
