"""A stream gives what `json` makes of the whole, in whatever pieces it comes; mistakes are named; memory is bounded."""

import codecs
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain import clean_corpus
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus.layouts import json_path, json_reading
from electra_pretrain.corpus.layouts.json_stream import JSON, elements, is_lines
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from tests.corpus.layouts.contents import content_of, read_both
from tests.corpus.layouts.test_json_path import KEYS

NUMBERS = st.integers() | st.floats(allow_nan=False) | st.sampled_from([-1e300, 10**400, float("inf")])
TEXTS = st.text(max_size=6) | st.sampled_from(["\ufeff글", "\u2028", '"\\', "😀" * 3, "가나다라 " * 9, "}]"])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
WRITINGS = st.sampled_from(
    [{}, {"indent": 20}, {"ensure_ascii": False}, {"ensure_ascii": False, "separators": (" ,\r\n", "\t: ")}]
)


def read(stored, path, **told):
    return [value for _, value in elements(content_of(stored, **told), json_path.parse(path))]


@given(st.lists(VALUES, max_size=4), VALUES, WRITINGS, st.integers(1, 40), st.sampled_from(["", "\ufeff", " \n"]))
@settings(max_examples=300, deadline=None)
def test_a_stream_gives_what_json_makes_of_the_whole(documents, other, writing, chunk, before):
    array = (before + json.dumps(documents, **writing) + " \n").encode()
    within = (before + json.dumps({"first": other, "a": {"글 b": documents, "last": other}}, **writing)).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_reading, "CHUNK_BYTES", chunk)
        assert read(array, "[]") == documents
        assert read(within, 'a."글 b"[]') == documents
        assert read(within + within.removeprefix(codecs.BOM_UTF8), 'a."글 b"[]') == documents * 2  # several values in a row
        objects = "\n".join(json.dumps({"a": document}, **writing) for document in documents)
        assert read(objects.encode(), "a") == [{"a": document} for document in documents]


@given(VALUES.filter(lambda value: isinstance(value, list | dict)), st.data(), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_what_is_cut_short_is_damaged_and_what_stands_before_it_stays(value, data, chunk):
    whole = json.dumps({"document": [1, "둘", value]}).encode()
    cut = data.draw(st.integers(1, len(whole) - 1))
    found = list[object]()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Damaged, match="a.json: not valid JSON"):
        patch.setattr(json_reading, "CHUNK_BYTES", chunk)
        for _, item in elements(content_of(whole[:cut]), json_path.parse("document[]")):
            found.append(item)
    assert found == [1, "둘", value][: len(found)]
    assert len(found) >= (b'"\\ub458", ' in whole[:cut]) * 2


FILES = {
    "array.json": (
        '[{"text": "가\\n나", "id": 3, "title": "제목"},\n {"text": null}, {"text": ""}, {"text": "다"}]',
        "text",
        [1, 4],
    ),
    "brackets.json": ('[{"text": "가\\n나", "id": 3, "title": "제목"}, {"text": "다"}]', "[].text", [1, 2]),
    "object.json": ('{"text": "가\\n나", "id": 3, "title": "제목"}\n{"text": "다"}', "text", [1, 2]),
    "row.json": ('{"text": "가\\n나", "id": 3,\n "title": "제목"}{"text": "다"}', "text", [1, 2]),
    "within.json": (
        '{"skipped": {"a": [1, {"b": [[]]}]}, "data": {"document": [{"p": [{"form": "가"}, {"form": null}, {"form": "나"}], '
        '"id": 3, "title": "제목"}, {"p": []}, {"p": [{"form": "다"}]}]}}',
        "data.document[].p[].form",
        [1, 3],
    ),
    "lines.jsonl": (
        '{"a": {"b": ["가", "나"]}, "id": 3, "title": "제목"}\n\n{"a": {"b": ["다"]}}\n{"a": null}',
        "a.b[]",
        [1, 3],
    ),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_documents_with_number_id_and_title(tmp_path, name, encoding):
    stored, path, numbers = FILES[name]
    (tmp_path / name).write_bytes(stored.encode(encoding))
    found = read_both(tmp_path / name, Reading(path, encoding=encoding))
    assert [document.sentences for document in found] == [["가", "나"], ["다"]]
    assert [document.numbers[0] for document in found] == numbers
    assert [(document.id, document.title) for document in found] == [("3", "제목"), ("", "")]
    assert {document.unit for document in found} == {"line" if name.startswith(("lines", "object")) else "document"}


BAD = {
    "nothing here": (b'[{"txt": "a"}]', "text", r'a\.json, document 1: no text field "text"; did you mean txt\?'),
    "no such array": (b'{"documents": []}', "document[].form", r'a\.json: no text field "document"; did you mean documents\?'),
    "no array": (b'{"document": {"form": "x"}}', "document[].form", r'a\.json: text field "document" holds dict, not an array'),
    "not an object": (b'"text"', "text", r"a\.json, document 1: is str, not an object"),
    "not text": (b'[{"text": "x"}, {"text": {}}]', "text", r'a\.json, document 2: text field "text" holds dict, not text'),
    "HTML": (b"<html>", "a[]", r"a\.json: not valid JSON \(Expecting value, at character 1\)"),
    "no JSON": (
        b'[{"text": "x"},\n<html>]',
        "text",
        r"a\.json: not valid JSON behind document 1 \(Expecting value, at character 17\)",
    ),
    "no comma": (b'[{"text": "x"} {"text": "y"}]', "text", r"a\.json: not valid JSON behind document 1 \(, or \] is expected"),
    "cut short": (b'[{"text": "x"}, {"text": "y', "text", r"a\.json: not valid JSON behind document 1 \(it ends too early"),
    "deep": (b"[" * 200_000, "text", r"a\.json: not valid JSON \(nested too deeply"),
    "deep, passed over": (b'{"a": ' + b"[" * 200_000, "text[]", r"a\.json: not valid JSON \(nested too deeply"),
    "not UTF-8": (
        b'[{"text": "x"}, {"text": "\xb0\xa1"}]',
        "text",
        r"a\.json, document 2: not UTF-8 \(byte 0xb0 at byte 27 of the file\)",
    ),
    "half a pair": (rb'[{"text": "\ud83d"}]', "text", r"a\.json, document 1: holds half a surrogate pair"),
    "malformed path": (b"[]", "a[b]", r"--text_field a\[b\]: malformed at character 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_one_line_that_names_file_and_record(tmp_path, name):
    stored, path, message = BAD[name]
    (tmp_path / "a.json").write_bytes(stored)
    for read_all in (lambda corpus: list(corpus.documents()), lambda corpus: read_both(corpus.paths[0], corpus.reading)):
        with pytest.raises(UserError, match=message) as error:
            read_all(Corpus([str(tmp_path / "a.json")], Reading(path)))
        assert "\n" not in str(error.value)


def test_a_value_that_no_memory_holds_asks_for_the_path(monkeypatch):
    monkeypatch.setattr(json_reading, "CHUNK_BYTES", 64)
    monkeypatch.setattr(json_reading, "MAX_VALUE_CHARACTERS", 1000)
    stored = json.dumps({"document": [{"text": "글"}] * 200}).encode()
    with pytest.raises(UserError, match=r"a.json, document 1: longer than 1,000 characters; .*--text_field"):
        list(JSON.records(content_of(stored)))
    assert len(list(JSON.records(content_of(stored, "document[].text")))) == 200


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_what_is_broken_is_left_out_if_asked_and_named(tmp_path, name, caplog):
    path = tmp_path / name
    path.write_text('{"text": "가"}\n{"text": "나"}\n{"text": "다}\n{"text": "라"}\n')
    (tmp_path / "b.json").write_text('[{"text": "마"}]')
    corpus = Corpus([str(path), str(tmp_path / "b.json")], Reading(on_bad_file="skip"))
    assert list(corpus.documents()) == [["가"], ["나"], ["라"], ["마"]]  # both are JSON lines
    assert corpus.damage.left_out == 1 and f"{name}, line 3: not valid JSON" in caplog.text
    path.write_text('[{"text": "가"},\n{"text": "나"},\n{"text": "다},\n{"text": "라"}]')
    if name == "a.json":
        corpus = Corpus([*corpus.paths], Reading(on_bad_file="skip"))
        assert list(corpus.documents()) == [["가"], ["나"], ["마"]]
        assert re.search(r"a\.json: not valid JSON behind document 2 .*the 2 documents before it stay", caplog.text)


def test_bytes_of_no_encoding_are_left_out_or_marked_and_counted(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'[{"text": "\xea\xb0\x80"}, {"text": "x\xffy"}, {"text": "\\ud83d"}, {"text": "z", "title": "\\ud83d"}]')
    for how, wanted in (("skip", [["가"], ["z"]]), ("replace", [["가"], ["x\ufffdy"], ["\ufffd"], ["z"]])):
        corpus = Corpus([str(path)], Reading(on_bad_bytes=how))
        assert list(corpus.documents()) == wanted and corpus.decoder.damaged == 2
    assert list(Corpus([str(path)], Reading(on_bad_bytes="skip")).located_documents())[-1].title == "\ufffd"


def test_odd_numbers_and_keys_are_no_crash():
    stored = b'[{"n": NaN, "m": -Infinity, "k": ' + b"9" * 5000 + b', "text": "first", "text": "last"}]'
    assert [record.text for record in JSON.records(content_of(stored))] == ["last"]


@pytest.mark.parametrize(
    ("head", "wanted"),
    [
        (b'{"a": 1}\n{"a": 2', True),
        (b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a"', True),
        (b'{"a": 1}\n', False),
        (b'{"a": 1}{"a": 2}\n{', False),
        (b'{"a":\n{"b": 1}}', False),
        (b'[{"a": 1},\n{"a": 2}]', False),
    ],
)
def test_json_lines_are_told_by_their_first_line(head, wanted):
    assert is_lines(head) == wanted


def test_dropped_lines_name_the_document(tmp_path):
    (tmp_path / "a.json").write_text(
        '[{"text": "이 글은 남습니다 정말로", "id": "n1"}, {"text": "12345 67890", "id": "n2", "title": "숫자"}]'
    )
    arguments = ["--corpus", f"{tmp_path}/a.json", "--output", f"{tmp_path}/out", "--num_processes", "1"]
    clean_corpus.clean_corpus(clean_corpus.parse_args([*arguments, "--dropped", f"{tmp_path}/dropped.jsonl"]))
    (dropped,) = map(json.loads, (tmp_path / "dropped.jsonl").read_text().splitlines())
    assert (dropped["document"], dropped["id"], dropped["title"]) == (2, "n2", "숫자")


MEMORY = """
import re, sys
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
def peak():  # in kilobytes, of this process alone: what getrusage gives begins with that of the one that started it
    return int(re.search("VmHWM:\\s*([0-9]+)", open("/proc/self/status").read())[1])
before = peak()
number = sum(1 for _ in Corpus([sys.argv[1]], Reading(sys.argv[2])).documents())
print(number, peak() - before)
"""


def write_large(path, megabytes):
    """An array of 2 KB documents behind a member that is as long, and is passed over; its number of documents."""
    document = json.dumps({"id": "x", "paragraph": [{"form": "가나다라 마바사 아자차카 " * 8}] * 8}, ensure_ascii=False)
    number = megabytes * 500_000 // len(document.encode())
    with open(path, "w") as file:
        for key in ("other", "document"):
            file.write('{"other": [' if key == "other" else '], "document": [')
            file.writelines(f"{',' * (at > 0)}{document}\n" for at in range(number))
        file.write("]}")
    return number


@pytest.mark.parametrize(("megabytes", "allowed"), [(60, 15), pytest.param(2000, 15, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_file(tmp_path, megabytes, allowed):
    number = write_large(tmp_path / "a.json", megabytes)
    arguments = [sys.executable, "-c", MEMORY, str(tmp_path / "a.json"), "document[].paragraph[].form"]
    found, kilobytes = map(int, subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split())
    assert found == number
    assert kilobytes < allowed * 1000
