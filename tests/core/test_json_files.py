"""What Python's own reading of JSON lets through, or fails on in its own ways, is refused in one line."""

import json

import pytest

from electra_pretrain.core import json_files
from electra_pretrain.core.errors import UserError

REFUSED = {
    "empty": (b" \n", r"^W: not valid JSON \(it is empty\)$"),
    "grammar": (b'{"a": 1,\n "b"}', r"^W, line 2, column 5: not valid JSON \(Expecting ':' delimiter\)$"),
    "two values": (b"1 2", r"^W, line 1, column 3: not valid JSON \(Extra data\)$"),
    "not UTF-8": (b'{"a":\n"\xb0\xa1"}', r"^W, line 2: not UTF-8 \(byte 0xb0\)$"),
    "not UTF-8, from an argument": ('"\udcff"', r"^W, line 1: not UTF-8"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), r"^W: is UTF-16; save it as UTF-8$"),
    "open and deep": ("[" * 100_000, r"^W: lists and objects lie more than 100 deep"),
    "closed and deep": ('{"a":' * 100_000 + "1" + "}" * 100_000, r"^W: lists and objects lie more than 100 deep"),
    "one too deep": ("[" * 101 + "]" * 101, r"^W: lists and objects lie more than 100 deep"),
    "5,000 digits": ("1" * 5000, r"^W: 1{60}… is no finite number$"),
    "400 digits": ("-" + "1" * 400, r"^W: -1{59}… is no finite number$"),
    "overflow": ("[1e400]", r"^W: 1e400 is no finite number$"),
    "NaN": ('{"a": NaN}', r"^W: NaN is no finite number$"),
    "infinite": ('{"a": -Infinity}', r"^W: -Infinity is no finite number$"),
    "half a pair": (r'"\uD83D"', r"^W: holds \\uD83D, half a surrogate pair"),
    "half a pair, then a pair": (r'"\ud83d\ud83d\ude00"', r"^W: holds \\ud83d, half"),
    "half a pair behind a backslash": (r'"\\\udc00"', r"^W: holds \\udc00, half"),
    "half a pair in a key": (r'[{"\udc00": 1}]', r"^W: holds \\udc00, half"),
    "a key twice": ('[{"a": {"b\\n": 1, "c": 2, "b\\n": 1}}]', r'^W: the key "b\\n" comes twice in one object; delete one$'),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(text, message):
    with pytest.raises(UserError, match=message) as error:
        json_files.parse(text, "W")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"\xef\xbb\xbf[1, 1.5, 1e3]", [1, 1.5, 1000.0]),
        (r'"\ud83d\ude00 \\ud800 \uac00"', "😀 \\ud800 가"),
        ("1" + "0" * 308, 10**308),
        ("[" * 100 + "]" * 100, None),
        ('[{"a": 1}, {"a": 1}]', [{"a": 1}, {"a": 1}]),
    ],
)
def test_what_is_read(text, value):
    assert json_files.parse(text, "W") == (json.loads(text) if value is None else value)


def test_only_broken_grammar_may_be_text():
    for text in ("small", "{", ""):
        with pytest.raises(json_files.NotJson):
            json_files.parse(text, "W")
    with pytest.raises(UserError) as error:
        json_files.parse("NaN", "W")
    assert not isinstance(error.value, json_files.NotJson)


def test_files(tmp_path):
    path = tmp_path / "a.json"
    for make, message in (
        (lambda: None, "a.json: no such file"),
        (path.mkdir, "a.json: is a folder where a JSON file is needed"),
        (lambda: (path.rmdir(), path.write_text("[1]")), r"a.json: must hold one JSON object, not \[1\]"),
    ):
        make()
        with pytest.raises(UserError, match=message):
            json_files.read_object(str(path))
    path.write_text('{"a": 1}')
    assert json_files.read_object(str(path)) == {"a": 1}


def test_a_quoted_value_stays_short():
    assert json_files.shown({"가": "\n"}) == '{"가": "\\n"}'
    assert len(json_files.shown(["x" * 1000])) == 61
