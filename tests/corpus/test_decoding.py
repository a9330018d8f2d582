"""What is said of bytes that are not of the encoding: the advice fits what the bytes are, and the command at hand."""

import bz2
import gzip

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading

LINES = "가나다라 마바사 문장이 여기에 있습니다.\n" * 9


@pytest.mark.parametrize(
    ("content", "encoding", "advice"),
    [
        (
            LINES.encode("cp949"),
            "utf-8",
            "perhaps it is CP949: clean_corpus --encoding cp949 reads that, or convert it: iconv -f cp949",
        ),
        (LINES.encode(), "cp949", "it is UTF-8: leave out --encoding"),
        (LINES.encode("utf-16"), "utf-8", "looks like UTF-16: convert it: iconv -f utf-16 "),
        (LINES.encode("utf-16-be"), "utf-8", "looks like UTF-16: convert it: iconv -f utf-16be "),
        (gzip.compress(LINES.encode(), mtime=0), "utf-8", "looks like gzip: unpack it"),
        (bz2.compress(LINES.encode()), "utf-8", "looks like bzip2: unpack it"),
        (LINES.encode() + b"\xff", "utf-8", "corpus_stats tells of each file what it is in; clean_corpus with --on_bad_bytes"),
    ],
)
@pytest.mark.parametrize("layout", ["text", "json"])
def test_the_advice_fits_the_bytes(tmp_path, content, encoding, advice, layout):
    """Where the user insists on a layout; CP949 is named of nothing else."""
    path = tmp_path / "a.txt"
    path.write_bytes(content if layout == "text" else b'["' + content if content.endswith(b"\xff") else content)
    with pytest.raises(UserError) as error:
        list(Corpus([str(path)], Reading(layout=layout, encoding=encoding)).documents())
    if layout == "text" or "not valid JSON" not in str(error.value):
        assert f"; {advice}" in str(error.value)
        assert "cp949" not in str(error.value) or "CP949" in advice


def test_half_a_pair_is_no_matter_of_encodings(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "\\ud800"}\n')
    with pytest.raises(
        UserError, match=r"line 1: holds half a surrogate pair, .*; mend it; clean_corpus with --on_bad_bytes"
    ) as error:
        list(Corpus([str(tmp_path / "a.jsonl")]).documents())
    assert "cp949" not in str(error.value)
