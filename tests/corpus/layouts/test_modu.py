"""모두의 말뭉치: paragraphs and turns as a straightforward script reads them; recognised with certainty; mistakes named."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain import clean_corpus
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts.modu import MODU, begins
from electra_pretrain.corpus.layouts.registry import layout_of
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading
from tests.corpus.layouts.contents import read_both

FORMS = st.sampled_from(["", " ", "제목입니다", "첫 문장이다. 둘째 문장이다.", "두 줄\n이다", "name1 씨 “반갑다”"])
PARAGRAPHS = st.fixed_dictionaries({"id": st.just("N.1.1"), "form": FORMS | st.none()})
UTTERANCES = st.fixed_dictionaries(
    {"id": st.just("S.1.1"), "form": FORMS},
    optional={"original_form": FORMS | st.none(), "speaker_id": st.sampled_from(["1", "2", None]), "note": st.just("")},
)


def documents_of(kind, items):
    metadata = st.fixed_dictionaries({"author": st.just("홍길동")}, optional={"title": st.sampled_from(["머리기사", ""])})
    return st.lists(
        st.fixed_dictionaries({"id": st.just("N.1"), "metadata": metadata, kind: st.lists(items, max_size=6) | st.none()}),
        max_size=4,
    )


def script(documents, form):
    """What one would write to convert a file: [(number, id, title, lines)]."""
    found = []
    for number, document in enumerate(documents, start=1):
        lines, speaker = [], None
        for item in document.get("paragraph") or document.get("utterance") or []:
            text = item.get(form)
            text = item["form"] if text is None else text
            if not text or not text.strip():
                continue
            if "paragraph" in document:
                lines += text.split("\n")
                continue
            text = text.replace("\n", " ")
            if item.get("speaker_id") is not None and item.get("speaker_id") == speaker:
                lines[-1] += " " + text
            else:
                lines.append(text)
            speaker = item.get("speaker_id")
        if lines:
            found.append((number, document["id"], document["metadata"].get("title", ""), lines))
    return found


@given(
    documents_of("paragraph", PARAGRAPHS) | documents_of("utterance", UTTERANCES),
    st.sampled_from(["form", "original_form"]),
    st.sampled_from([None, 4]),
)
@settings(max_examples=200, deadline=None)
def test_documents_are_those_of_a_straightforward_script(tmp_path_factory, documents, form, indent):
    path = tmp_path_factory.getbasetemp() / "NWRW1900000001.json"
    whole = {"id": "NWRW1900000001", "metadata": {"title": "표제"}, "document": documents}
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=indent))
    found = read_both(path, Reading(layout="modu", form=form))
    assert [(one.numbers[0], one.id, one.title, one.sentences) for one in found] == script(documents, form)
    assert {one.unit for one in found} <= {"document"}


def newspaper(*documents, **more):
    return {"id": "NWRW1", "metadata": {"title": "신문"}, "document": list(documents), **more}


ARTICLE = {"id": "NWRW1.1", "metadata": {"title": "표제"}, "paragraph": [{"id": "NWRW1.1.1", "form": "첫 문단"}]}
TALK = {"id": "S1.1", "metadata": {"speaker": [{"id": "1"}]}, "utterance": [{"id": "u", "form": "응", "speaker_id": "1"}]}
CERTAIN = {
    "newspaper": (newspaper(ARTICLE), True),
    "speech": (newspaper(TALK), True),
    "first without text": (newspaper({"id": "1", "metadata": {}, "paragraph": []}, ARTICLE), True),
    "in another order": ({"document": [dict(reversed(ARTICLE.items()))], "metadata": {}, "id": "NWRW1"}, True),
    "a first document of any length": (
        newspaper({"id": "1", "paragraph": [{"id": str(n), "form": "긴 책 " * 99} for n in range(99)]}),
        True,
    ),
    "only told of": ({"text": json.dumps(newspaper(ARTICLE))}, False),
    "further in": ({"data": newspaper(ARTICLE)}, False),
    "beside": ({"document": [{"id": 1}], "paragraph": [{"form": "x"}]}, False),
    "no object": ([newspaper(ARTICLE)], False),
    "annotated": (newspaper({"id": "1", "sentence": [{"form": "문장"}]}), False),
}


@pytest.mark.parametrize("name", CERTAIN)
@pytest.mark.parametrize("indent", [None, 4])
def test_it_is_recognised_only_with_certainty(name, indent):
    value, wanted = CERTAIN[name]
    head = ("\ufeff" + json.dumps(value, ensure_ascii=False, indent=indent)).encode()[: 1 << 16]
    assert begins(head) == wanted
    assert (layout_of("x.json", head) is MODU) == wanted


def test_whoever_names_a_path_is_given_what_it_leads_to(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(newspaper({**TALK, "utterance": [{"form": "응", "original_form": "으응"}]})))
    assert list(Corpus([str(path)]).documents()) == [["응"]]
    assert list(Corpus([str(path)], Reading("document[].utterance[].original_form")).documents()) == [["으응"]]


BAD = {
    "annotated": (
        newspaper({"id": "1", "sentence": []}),
        r"document 1: has neither paragraph nor utterance, but id, sentence;",
    ),
    "not an object": (newspaper("text"), r"document 1: is str, not an object"),
    "no form": (
        newspaper(ARTICLE, {"paragraph": [{"from": "x"}]}),
        r'document 2, paragraph: no text field "form"; did you mean from\?',
    ),
    "no text": (newspaper({"utterance": [{"form": 3}]}), r"document 1, utterance: form holds int, not text"),
    "no array": (newspaper({"paragraph": {"form": "x"}}), r"document 1: its paragraph is dict, not an array"),
    "no documents": ({"id": "x", "documents": []}, r'no text field "document"; did you mean documents\?'),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_one_line_that_names_file_and_document(tmp_path, name):
    value, message = BAD[name]
    (tmp_path / "a.json").write_text(json.dumps(value))
    with pytest.raises(UserError, match=rf"a\.json(, |: ){message}") as error:
        list(Corpus([str(tmp_path / "a.json")], Reading(layout="modu")).documents())
    assert "\n" not in str(error.value)


def test_an_invalid_file_is_named_and_left_out_if_asked(tmp_path, caplog):
    whole = json.dumps(newspaper(ARTICLE, ARTICLE, TALK), ensure_ascii=False)
    (tmp_path / "SARW1.json").write_text(whole.replace('"speaker_id"', 'speaker_id"'))
    (tmp_path / "SARW2.json").write_text(whole)
    paths = [str(tmp_path / "SARW1.json"), str(tmp_path / "SARW2.json")]
    with pytest.raises(UserError, match=r"SARW1.json: not valid JSON behind document 2 .*--on_bad_file skip"):
        list(Corpus(paths).documents())
    corpus = Corpus(paths, Reading(on_bad_file="skip"))
    assert list(corpus.documents()) == [["첫 문단"]] * 4 + [["응"]]
    assert corpus.damage.left_out == 1
    assert "SARW1.json" in caplog.text and "the 2 documents before it stay" in caplog.text


def test_dropped_lines_name_document_id_and_title(tmp_path):
    (tmp_path / "a.json").write_text(
        json.dumps(newspaper(ARTICLE, {**ARTICLE, "id": "n2", "paragraph": [{"form": "12345 67890"}]}))
    )
    arguments = ["--corpus", f"{tmp_path}/a.json", "--output", f"{tmp_path}/out", "--num_processes", "1"]
    clean_corpus.clean_corpus(clean_corpus.parse_args([*arguments, "--dropped", f"{tmp_path}/dropped.jsonl"]))
    (dropped,) = map(json.loads, (tmp_path / "dropped.jsonl").read_text().splitlines())
    assert (dropped["document"], dropped["id"], dropped["title"]) == (2, "n2", "표제")


def test_what_was_recognised_is_said_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("electra_pretrain.corpus.contents._recognised", set())
    caplog.set_level("INFO")
    paths = [str(tmp_path / name) for name in ("a.json", "b.json")]
    for path in paths:
        with open(path, "w") as file:
            json.dump({"id": "N", "document": [{"id": "N.1", "paragraph": [{"id": "N.1.1", "form": "글"}]}]}, file)
    assert list(Corpus(paths).documents()) == [["글"], ["글"]]
    assert [record.message.partition(":")[0] for record in caplog.records] == [paths[0]]
    assert "read as modu" in caplog.text


def test_a_document_with_both_gives_both(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(newspaper({**ARTICLE, **TALK, "id": "1"}), ensure_ascii=False))
    assert [document.sentences for document in read_both(tmp_path / "a.json")] == [["첫 문단", "응"]]


def test_a_form_is_not_asked_for_beside_a_path_to_the_text():
    with pytest.raises(UserError, match="--form original_form: not beside --text_field"):
        Reading(text_field="document[].utterance[].form", form="original_form").checked()
