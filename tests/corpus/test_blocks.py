"""Blocks hold what the corpus holds, whatever the chunks it is read in; files are hashed on the way; keys tell texts apart."""

import gzip
import hashlib
import json
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import blocks
from electra_pretrain.corpus import reader as corpus
from electra_pretrain.corpus.blocks import RECORDS_BLOCK_CHARACTERS, BlockReader, TextBlock
from electra_pretrain.corpus.partition import measure, plan
from electra_pretrain.corpus.reader import Corpus


def documents_of(found):
    for block in found:
        yield from block.documents()


SPACES = [" ", "\t", "\v", "\f", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u3000"]
MARKS = ["\ufeff", "\u200b", "\u0085", "\x00", "e\u0301", "😀"]  # at whose bytes a search for white space may stumble
ENDS = ["\n", "\n", "\n\n", "\r\n", "\r", "\r", "\r\r\n", "\n \n"]
TEXT = st.lists(st.sampled_from(["가", "나다.", *ENDS, "긴 문장 " * 5, *SPACES, *MARKS]), max_size=40).map("".join)


def write_files(folder, texts, suffix=""):
    """Write text files, the first compressed by the suffix, and behind them JSON lines of the same texts."""
    paths = [str(folder / f"{number}.txt{suffix if number == 0 else ''}") for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        with {"": open, ".gz": gzip.open, ".xz": lzma.open}[suffix if path == paths[0] else ""](path, "wb") as file:
            file.write(text.encode())
    (folder / "objects.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return [*paths, str(folder / "objects.jsonl")]


@given(st.lists(TEXT, min_size=1, max_size=3), st.integers(1, 50), st.integers(1, 40), st.integers(1, 60))
@settings(max_examples=200, deadline=None)
def test_both_readers_give_the_same_blocks(tmp_path_factory, texts, chunk, longest, size):
    """Every document, and where each block ends, whatever the chunks; the bytes too, which a build hashes and tokenises."""
    paths = write_files(tmp_path_factory.getbasetemp(), texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_CHUNK_BYTES", chunk)
        for module in (blocks, corpus):
            patch.setattr(module, "MAX_DOCUMENT_CHARACTERS", longest)
        found = list(BlockReader(Corpus(paths)).blocks(size))
        wanted = list(Corpus(paths).blocks(size))
        assert [block.documents() for block in found] == wanted
        cut = [block.cut()._replace(key="") for block in found]
        assert cut == [TextBlock.of_documents(number, "", documents) for number, documents in enumerate(wanted)]


@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 40), st.integers(1, 60))
@settings(max_examples=100, deadline=None)
def test_files_read_apart_give_the_same_blocks(tmp_path_factory, texts, longest, size):
    whole = Corpus(write_files(tmp_path_factory.getbasetemp(), texts))
    with pytest.MonkeyPatch.context() as patch:
        for module in (blocks, corpus):
            patch.setattr(module, "MAX_DOCUMENT_CHARACTERS", longest)
        plans = plan(whole, measure(whole, lambda function, tasks: (function(*task) for task in tasks)), size)
        found = [block for of_file in plans for block in of_file.blocks()]
        assert found == list(enumerate(whole.located_blocks(size)))


@given(TEXT, TEXT, st.integers(1, 50), st.integers(1, 40), st.sampled_from(["", ".gz", ".xz"]))
@settings(max_examples=200, deadline=None)
def test_blocks_hold_the_corpus(tmp_path_factory, one, other, chunk, longest, suffix):
    folder = tmp_path_factory.getbasetemp()
    paths = write_files(folder, (one, other), suffix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_CHUNK_BYTES", chunk)
        for module in (blocks, corpus):
            patch.setattr(module, "MAX_DOCUMENT_CHARACTERS", longest)
        reader = BlockReader(Corpus(paths))
        found = list(reader.blocks(10))
        assert list(documents_of(found)) == list(Corpus(paths).documents())
    assert [block.number for block in found] == list(range(len(found)))
    assert reader.bytes_read == Corpus(paths).stored_bytes
    for source in reader.sources:
        with open(source["path"], "rb") as file:
            content = file.read()
        assert (source["bytes"], source["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def keys(*contents, folder):
    paths = []
    for number, content in enumerate(contents):
        paths.append(str(folder / f"{number}.txt"))
        (folder / f"{number}.txt").write_text(content)
    return [block.key for block in BlockReader(Corpus(paths)).blocks(100_000)]


def test_a_key_holds_all_that_was_read_so_far(tmp_path):
    text = "가나다라 마바사\n\n" * 400_000
    whole = keys(text, folder=tmp_path)
    assert len(set(whole)) > 5  # one a chunk that was read
    assert keys(text, folder=tmp_path) == whole
    edited = keys(text[:-20] + "아" + text[-19:], folder=tmp_path)
    assert edited[:10] == whole[:10] and edited[-1] != whole[-1]
    assert not set(keys("아" + text[1:], folder=tmp_path)) & set(whole)


def test_json_lines_and_their_hash(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("하나\n둘", "셋")))
    reader = BlockReader(Corpus([str(path)]))
    assert list(documents_of(reader.blocks(RECORDS_BLOCK_CHARACTERS))) == [["하나", "둘"], ["셋"]]
    assert reader.sources[0]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_line_that_is_not_utf_8_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("하나\n둘\n".encode() + "셋".encode("cp949"))
    with pytest.raises(UserError, match="a.txt, line 3: not UTF-8"):
        list(documents_of(BlockReader(Corpus([str(path)])).blocks(RECORDS_BLOCK_CHARACTERS)))
