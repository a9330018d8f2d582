"""Tables and Parquet keep the ids and titles that their columns give."""

import re

import pytest

from electra_pretrain.core import compression
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from tests.corpus.layouts.contents import read_both


def labels(path, column="text"):
    return [(one.id, one.title, one.sentences) for one in read_both(path, Reading(column))]


@pytest.mark.parametrize(("name", "sign"), [("a.csv", ","), ("a.tsv", "\t")])
def test_columns_of_a_table(tmp_path, name, sign):
    path = tmp_path / name
    rows = [("id", "text", "title"), ("1", "가", "제목"), ("2", "나"), ("3", "다", "\udcff")]
    path.write_bytes("\n".join(sign.join(row) for row in rows).encode("utf-8", "surrogateescape"))
    found = read_both(path, Reading(on_bad_bytes="skip"))  # which is about the text
    assert [(one.id, one.title, one.sentences) for one in found] == [
        ("1", "제목", ["가"]),
        ("2", "", ["나"]),
        ("3", "\ufffd", ["다"]),
    ]
    path.write_text(sign.join(("text", "no")) + "\n" + sign.join(("가", "1")))
    assert labels(path) == [("", "", ["가"])]


def write_parquet(path, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), path, write_page_checksum=True)


def test_columns_of_parquet(tmp_path):
    import pyarrow as pa

    path = tmp_path / "a.parquet"
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"x\xff", b"y"], pa.binary()).buffers())
    write_parquet(path, id=[7, None], title=bad, text=["가", "나"])
    assert labels(path) == [("7", "x\ufffd", ["가"]), ("", "y", ["나"])]
    write_parquet(path, id=[[1], [2]], text=["가", "나"], title=[1.5, 2.5])  # which can name nothing
    assert labels(path) == [("", "", ["가"]), ("", "", ["나"])]
    assert labels(path, "text") == labels(path)
    write_parquet(path, title=["제목", None])
    assert labels(path, "title") == [("", "제목", ["제목"])]


def test_a_thread_must_have_a_name(tmp_path):
    write_parquet(tmp_path / "a.parquet", text=["가"], article=[1.5])
    with pytest.raises(UserError, match=r'a\.parquet: column "article" holds neither text nor whole numbers; name another'):
        list(Corpus([str(tmp_path / "a.parquet")], Reading(layout="comments", thread_field="article")).documents())
    with pytest.raises(UserError, match=r'a\.parquet: no column "articles"; did you mean article\? Use --thread_field'):
        list(Corpus([str(tmp_path / "a.parquet")], Reading(layout="comments", thread_field="articles")).documents())


@pytest.mark.parametrize("suffix", compression.SUFFIXES)
def test_compressed_parquet(tmp_path, suffix):
    write_parquet(tmp_path / "a.parquet", text=["가", "나"])
    path = tmp_path / f"a.parquet{suffix}"
    path.write_bytes(compression.compressed(path.name, (tmp_path / "a.parquet").read_bytes()))
    assert [one.sentences for one in read_both(path)] == [["가"], ["나"]]


def test_broken_parquet_is_named_wherever_it_is_broken_and_left_out_if_asked(tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(path, text=[f"글 {n}" for n in range(50)])
    whole, told = path.read_bytes(), 0
    (tmp_path / "b.txt").write_text("나\n")
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes(9) + whole[place + 9 :])
        try:
            assert len(list(Corpus([str(path)]).documents())) == 50, "none is lost unsaid"
        except Damaged as error:
            assert re.fullmatch(r".*a\.parquet: damaged, or not Parquet \(.*\); fetch it again", str(error))
            corpus = Corpus([str(path), str(tmp_path / "b.txt")], Reading(on_bad_file="skip"))
            assert list(corpus.documents())[-1] == ["나"] and corpus.damage.left_out == 1
            told += 1
        except UserError as error:
            assert "column" in str(error) or "not UTF-8" in str(error)
    assert told > 50


def test_a_flipped_bit_of_a_page_with_a_checksum_is_named(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path, table = tmp_path / "a.parquet", pa.table({"text": ["가나다라 마바사"]})
    for checksum in (False, True):
        pq.write_table(
            table, path, compression="none", use_dictionary=False, write_statistics=False, write_page_checksum=checksum
        )
        content = bytearray(path.read_bytes())
        content[content.index("마바사".encode()) + 2] ^= 1  # another syllable
        path.write_bytes(content)
        if checksum:
            with pytest.raises(Damaged, match=r"a\.parquet: damaged, or not Parquet \(.*[Cc][Rr][Cc]"):
                list(Corpus([str(path)]).documents())
        else:
            assert list(Corpus([str(path)]).documents()) != [["가나다라 마바사"]], "nothing tells"
