"""Every task's files are read as their publisher ships them; what is wrong is told with its file and line."""

import gzip
import lzma
import re
import subprocess
import sys

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import registry
from electra_pretrain.finetuning.examples import Answer, Question, TaggedText, TextExample
from electra_pretrain.finetuning.readers.rows import Unlabelled
from tests.support.task_files import BEIJING, EXAMPLES, FILES, NO_ANSWER, SEOUL, TAIPEI, dump, squad, tsv

SPLITS = [(name, split) for name, splits in FILES.items() for split in splits]


def put(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def publish(folder, name, split):
    for file, content in FILES[name][split].items():
        put(folder, file, content)
    return str(folder)


def test_every_task_is_registered_and_has_files_here():
    assert sorted(registry.TASKS) == sorted(FILES) == sorted(EXAMPLES)
    for name, task in registry.TASKS.items():
        assert task.name == name and task.scored in task.files and "train" in task.files
        assert bool(task.labels) == (task.kind in ("classification", "tagging"))


@pytest.mark.parametrize("name, split", SPLITS)
def test_a_task_reads_its_publishers_files(tmp_path, name, split):
    task = registry.find_task(name)
    assert registry.read_split(task, publish(tmp_path, name, split), split) == EXAMPLES[name][split]


@pytest.mark.parametrize("name, split", SPLITS)
def test_what_is_read_fits_the_task(tmp_path, name, split):
    """Labels have names, units do not overlap and hold no space, answers stand in their context."""
    task = registry.find_task(name)
    for example in registry.read_split(task, publish(tmp_path, name, split), split):
        if isinstance(example, TextExample):
            assert task.kind in ("classification", "regression")
            assert task.kind == "regression" or (isinstance(example.label, int) and example.label < len(task.labels))
        elif isinstance(example, TaggedText):
            assert task.kind == "tagging" and len(example.units) == len(example.tags) and set(example.tags) <= set(task.labels)
            flat = [offset for unit in example.units for offset in unit]
            assert flat == sorted(flat) and all(start < end for start, end in example.units)
            units = [example.text[start:end] for start, end in example.units]
            assert "".join(units) == example.text.replace(" ", "")
        else:
            assert isinstance(example, Question) and task.kind == "question_answering"
            for answer in example.answers:
                assert answer.start is None or example.context[answer.start : answer.start + len(answer.text)] == answer.text


@pytest.mark.parametrize("suffix, compress", [(".gz", gzip.compress), (".xz", lzma.compress)])
@pytest.mark.parametrize(
    "name, split", [("nsmc", "train"), ("question_pair", "train"), ("klue_ner", "dev"), ("korquad", "dev")]
)
def test_files_may_be_compressed_and_begin_with_a_byte_order_mark(tmp_path, name, split, suffix, compress):
    for file, content in FILES[name][split].items():
        put(tmp_path, file + suffix, compress(("\ufeff" + content).encode()))
    task = registry.find_task(name)
    assert registry.find_split(task, str(tmp_path), split).endswith(suffix)
    assert registry.read_split(task, str(tmp_path), split) == EXAMPLES[name][split]


def test_the_publishers_name_comes_first(tmp_path):
    put(tmp_path, "train.tsv", tsv(["document", "label"], ["둘째", "1"]))
    task = registry.find_task("nsmc")
    assert registry.read_split(task, str(tmp_path), "train")[0].text == "둘째"
    put(tmp_path, "ratings_train.txt", tsv(["id", "document", "label"], ["1", "첫째", "1"]))
    assert registry.read_split(task, str(tmp_path), "train")[0].text == "첫째"


def test_kornli_trains_on_both_of_its_files_and_tells_where_one_is_missing(tmp_path, capsys):
    folder = publish(tmp_path, "kornli", "train")
    task = registry.find_task("kornli")
    assert [path.rpartition("/")[2] for path in registry.split_paths(task, folder, "train")] == list(FILES["kornli"]["train"])
    registry.read_split(task, folder, "train")
    assert "alone" not in capsys.readouterr().err
    (tmp_path / "snli_1.0_train.ko.tsv").unlink()
    assert registry.read_split(task, folder, "train") == EXAMPLES["kornli"]["train"][:1]
    assert "alone, as snli_1.0_train.ko.tsv is not beside it" in capsys.readouterr().err


# Of a task: the file, its content, and what its message must say.
WRONG = {
    "nsmc": (
        "ratings_train.txt",
        tsv(["id", "document", "label"], ["1", "좋다", "1"], ["2", "글쎄", "2"]),
        'line 3: label "2"',
    ),
    "naver_ner": ("train_data", "1\t비가\t-\n2\t온다\n", "line 2: a number, a word and its tag"),
    "paws_x": (
        "translated_train.tsv",
        tsv(["id", "sentence1", "sentence2", "label"], ["1", "가", "나", "0"], ["2", "가", "나"]),
        "line 3: 3 columns where 4 are expected",
    ),
    "kornli": (
        "xnli.dev.ko.tsv",
        tsv(["sentence1", "sentence2", "gold_label"], ["가", " ", "neutral"]),
        "line 2: a text is empty",
    ),
    "korsts": ("sts-dev.tsv", tsv(["score", "sentence1", "sentence2"], ["5.1", "가", "나"]), 'line 2: score "5.1"'),
    "question_pair": (
        "kor_pair_train.csv",
        'question1,question2,is_duplicate\n가,나,0\n"가,나,0\n',
        "row from line 3: not valid CSV",
    ),
    "korquad": (
        "KorQuAD_v1.0_dev.json",
        dump(squad(SEOUL, {"id": "7-1", "question": "왜?", "answers": [{"text": "한양", "answer_start": 24}]})),
        'question 7-1: the answer "한양" does not stand at character 24 of its context, where "양"" does',
    ),
    "hate_speech": ("train.tsv", tsv(["comment_text", "hate"], ["가", "none"]), 'line 1: no column "comments or comment"'),
    "klue_ynat": (
        "ynat-v1.1_dev.json",
        dump([{"guid": "a", "title": "가", "label": "정치"}, {"guid": "a", "title": "나", "label": "정치"}]),
        "record 2 (a): an earlier record has this guid",
    ),
    "klue_nli": (
        "klue-nli-v1.1_dev.json",
        dump([{"guid": "a", "premise": "가", "gold_label": "neutral"}]),
        'record 1 (a): no field "hypothesis"',
    ),
    "klue_sts": (
        "klue-sts-v1.1_dev.json",
        dump([{"guid": "a", "sentence1": "가", "sentence2": "나", "labels": {"real-label": "3"}}]),
        'record 1 (a): field "labels.real-label" is not a number',
    ),
    "klue_ner": ("klue-ner-v1.1_dev.tsv", "## 가\t가\n가\tB-XX\n", 'line 2: tag "B-XX" is none of O, B-PS'),
    "klue_mrc": (
        "klue-mrc-v1.1_dev.json",
        dump(
            squad(
                SEOUL,
                {"guid": "m-2", "question": "왜?", **NO_ANSWER},
                {"guid": "m-3", "question": "왜?", "is_impossible": False, "answers": []},
            )
        ),
        "question m-3: has no answer",
    ),
    "cmrc2018": ("cmrc2018_dev.json", dump([{"context_id": "DEV_0", "context_text": "北京"}]), 'no list "data"'),
    "drcd": ("DRCD_dev.json", '{\n"data": [}', "line 2, column 10: not valid JSON"),
    "xnli": (
        "xnli.dev.tsv",
        tsv(["language", "gold_label", "sentence1", "sentence2"], ["zh", "-", "a", "b"]),
        'line 2: label "-"',
    ),
    "chnsenticorp": ("dev.tsv", "label\ttext_a\n1\t房间\n0\t".encode() + b"\xb7\xbf\n", "line 3: not UTF-8"),
    "lcqmc": ("dev.txt", tsv(["今天几号"]), 'line 1: no column "text_a or sentence1"'),
    "bq": ("dev.tsv", tsv(["text_a", "text_b", "label"], ["额度", "", "0"]), "line 2: a text is empty"),
}


def test_every_task_has_a_wrong_file():
    assert sorted(WRONG) == sorted(registry.TASKS)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    file, content, message = WRONG[name]
    path = put(tmp_path, file, content)
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        registry.TASKS[name].read(str(path))
    assert str(path) in str(caught.value)


def test_a_known_flaw_is_counted_and_many_are_another_file(tmp_path, capsys):
    header, review, empty = ["question1", "question2", "is_duplicate"], ["가", "나", "1"], ["가", " ", "0"]
    task = registry.find_task("question_pair")
    path = str(put(tmp_path, "train.txt", tsv(header, *[review] * 5, *[empty] * 10)))
    assert len(task.read(path)) == 5
    assert capsys.readouterr().err.endswith(f": {path}: left out: 10 of 15; the first: {path}, line 7: a text is empty\n")
    put(tmp_path, "train.txt", tsv(header, *[review] * 5, *[empty] * 11))
    with pytest.raises(UserError, match=r"line 7: a text is empty; that is so 11 times among 16"):
        task.read(path)
    put(tmp_path, "train.txt", tsv(header, *[empty] * 11, *[review] * 1089))
    assert len(task.read(path)) == 1089


def test_quotation_marks_swallow_no_lines(tmp_path):
    """A reader that pairs them makes one row of three."""
    lines = [["1", '"나는 반댈세', "0"], ["2", "그래도 보자", "1"], ["3", '끝"', "0"]]
    path = put(tmp_path, "ratings_test.txt", tsv(["id", "document", "label"], *lines))
    assert [example.text for example in registry.TASKS["nsmc"].read(str(path))] == [text for _, text, _ in lines]


def test_answers_are_moved_to_the_nearest_place_and_told_of(tmp_path, capsys):
    folder = publish(tmp_path, "cmrc2018", "train")
    registry.read_split(registry.TASKS["cmrc2018"], folder, "train")
    told = capsys.readouterr().err
    assert (
        "answers moved to where they stand in their context: 2 of 3; the first:" in told and "question TRAIN_1_QUERY_0" in told
    )
    assert "stand nowhere in their context, which count when scored and are not learnt: 1 of 3" in told
    assert "question TRAIN_1_QUERY_2" in told


def test_of_several_answers_those_that_stand_nowhere_stay(tmp_path):
    """As in CMRC 2018's dev file, whose annotators did not always copy: `answer_start` is -1."""
    answers = [
        {"text": "元朝", "answer_start": 16},
        {"text": "元代", "answer_start": -1},
        {"text": "在元朝", "answer_start": -1},
    ]
    path = put(tmp_path, "cmrc2018_dev.json", dump(squad(BEIJING, {"id": "1", "question": "何时？", "answers": answers})))
    (question,) = registry.TASKS["cmrc2018"].read(str(path))
    assert question.answers == (Answer("元朝", 16), Answer("元代", None), Answer("在元朝", None))
    with pytest.raises(UserError, match="does not stand at character -1"):
        registry.TASKS["korquad"].read(str(path))


# Of a task: the file, and what it is without its labels.
UNLABELLED = {
    "nsmc": ("test.tsv", tsv(["id", "document"], ["1", "좋다"])),
    "naver_ner": ("test.tsv", "비가 온다 .\n눈이 온다 .\n"),
    "korsts": ("sts-test.tsv", tsv(["genre", "sentence1", "sentence2"], ["news", "가", "나"])),
    "hate_speech": ("dev.tsv", tsv(["comments"], ["연기 참 좋다"])),
    "klue_nli": ("klue-nli-v1.1_dev.json", dump([{"guid": "a", "premise": "가", "hypothesis": "나"}])),
    "klue_sts": ("klue-sts-v1.1_dev.json", dump([{"guid": "a", "sentence1": "가", "sentence2": "나"}])),
    "klue_ner": ("klue-ner-v1.1_dev.tsv", "## 가\n비\n가\n\n눈\n"),
    "klue_mrc": ("klue-mrc-v1.1_dev.json", dump(squad(SEOUL, {"guid": "m-1", "question": "왜?"}))),
    "drcd": ("DRCD_test.json", dump(squad(TAIPEI, {"id": "1", "question": "何年？", "answers": []}))),
    "xnli": ("xnli.test.tsv", tsv(["language", "sentence1", "sentence2"], ["zh", "a", "b"])),
    "chnsenticorp": ("test.tsv", tsv(["qid", "text_a"], ["0", "房间"])),
    "lcqmc": ("test.txt", tsv(["今天几号", "今天星期几"])),
    "bq": ("test.tsv", tsv(["额度多少", "为什么没额度"])),
}


@pytest.mark.parametrize("name", UNLABELLED)
def test_a_file_without_labels_is_told_as_such(tmp_path, name):
    file, content = UNLABELLED[name]
    path = str(put(tmp_path, file, content))
    with pytest.raises(Unlabelled, match=re.escape(f"{path}: holds no labels (")):
        registry.TASKS[name].read(path)


def test_navers_own_words_without_tags_are_told_as_such(tmp_path):
    path = str(put(tmp_path, "test.tsv", "1\t비가\n2\t온다\n"))
    with pytest.raises(Unlabelled, match="its words have no tags"):
        registry.TASKS["naver_ner"].read(path)


def test_a_split_without_labels_names_the_one_that_can_be_scored(tmp_path):
    put(tmp_path, "test.tsv", tsv(["额度多少", "为什么没额度"]))
    put(tmp_path, "train.tsv", tsv(["额度多少", "为什么没额度"]))
    task = registry.TASKS["bq"]
    for split in ("train", "test"):
        with pytest.raises(UserError, match="neither scored nor learnt from; fetch a file that has them"):
            registry.read_split(task, str(tmp_path), split)
    put(tmp_path, "dev.tsv", tsv(["额度多少", "为什么没额度", "0"]))
    with pytest.raises(UserError, match="--split dev scores what lies beside it"):
        registry.read_split(task, str(tmp_path), "test")


@pytest.mark.parametrize("name, split", SPLITS)
def test_files_may_be_in_cp949(tmp_path, name, split):
    """Every task: those of Chinese that it cannot hold are written in GB 18030."""
    encoding = "gb18030" if name in ("cmrc2018", "drcd", "xnli", "chnsenticorp", "lcqmc", "bq") else "cp949"
    for file, content in FILES[name][split].items():
        put(tmp_path, file, content.encode(encoding))
    task = registry.find_task(name)
    assert registry.read_split(task, str(tmp_path), split, encoding) == EXAMPLES[name][split]
    with pytest.raises(UserError, match="not UTF-8 .*say what it is in, such as --encoding cp949"):
        registry.read_split(task, str(tmp_path), split)


def test_bytes_that_are_not_of_the_encoding_name_it(tmp_path):
    path = str(put(tmp_path, "dev.tsv", tsv(["document", "label"], ["뷁", "1"], ["€", "0"])))
    with pytest.raises(UserError, match=r"dev\.tsv, line \d: not CP949 \(byte 0x.* at column .*\); try --encoding utf-8"):
        registry.TASKS["nsmc"].read(path, "cp949")
    for encoding in ("klingon", "utf-16", "undefined", "rot13"):
        with pytest.raises(UserError, match=f"--encoding {encoding}: "):
            registry.TASKS["nsmc"].read(path, encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_what_is_in_utf_16_is_told_how_to_convert_it(tmp_path, encoding):
    path = str(put(tmp_path, "dev.tsv", tsv(["document", "label"], ["재미있다", "1"]).encode("utf-16")))
    with pytest.raises(UserError, match="looks like UTF-16: convert it: iconv -f utf-16 -t utf-8"):
        registry.TASKS["nsmc"].read(path, encoding)


def test_an_offset_counts_characters_and_not_bytes_or_utf_16(tmp_path):
    context = "𠮷野家は𠮷という字で、안녕 😀 끝"
    answer = {"text": "안녕 😀", "answer_start": 11}
    path = put(tmp_path, "f.json", dump(squad(context, {"id": "1", "question": "뭐?", "answers": [answer]})))
    (question,) = registry.TASKS["korquad"].read(str(path))
    assert context[question.answers[0].start :].startswith("안녕 😀 끝")


@pytest.mark.parametrize(
    "qas, message",
    [
        ([{"id": "1", "question": "왜?", "is_impossible": True}] * 2, "question 1: an earlier question has this id"),
        ([{"id": "1", "question": " ", "is_impossible": True}], "question 1: the question is empty"),
        ([{"question": "왜?", "is_impossible": True}], 'question 1: no field "id"'),
        ([{"id": "q", "question": "왜?", "answers": [{"text": "", "answer_start": 0}]}], "question q: an answer is empty"),
        ([{"id": "q", "question": "왜?", "answers": [{"text": "서울"}]}], 'question q: no field "answer_start"'),
        ([{"id": "q", "question": "왜?", "answers": [{"text": ".", "answer_start": -1}]}], "does not stand at character -1"),
    ],
)
def test_a_question_must_be_whole(tmp_path, qas, message):
    path = put(tmp_path, "f.json", dump(squad(SEOUL, *qas)))
    with pytest.raises(UserError, match=re.escape(message)):
        registry.TASKS["klue_mrc"].read(str(path))


def test_words_and_tags_must_match(tmp_path):
    path = put(tmp_path, "test.tsv", "비가 온다\tO O\n눈이 온다\tO\n")
    with pytest.raises(UserError, match="line 2: 2 words and 1 tags"):
        registry.TASKS["naver_ner"].read(str(path))


def test_a_missing_split_tells_what_was_looked_for_and_what_is_there(tmp_path):
    task = registry.find_task("kornli")
    put(tmp_path, "korquad.json", "{}")
    assert registry.find_split(task, str(tmp_path), "test") is None
    with pytest.raises(
        UserError, match=r"no test split of kornli; none of xnli\.test\.ko\.tsv.* the folder holds korquad\.json"
    ):
        registry.read_split(task, str(tmp_path), "test")
    with pytest.raises(UserError, match="no such folder"):
        registry.find_split(task, str(tmp_path / "nowhere"), "test")
    with pytest.raises(UserError, match="kornli has no split trial; it has train, dev, test"):
        registry.find_split(task, str(tmp_path), "trial")
    put(tmp_path, "xnli.test.ko.tsv", tsv(["sentence1", "sentence2", "gold_label"]))
    with pytest.raises(UserError, match="holds no examples"):
        registry.read_split(task, str(tmp_path), "test")


def test_an_unknown_task_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"--task korqad: no such task; did you mean korquad"):
        registry.find_task("korqad")


def test_the_registry_imports_nothing_heavy():
    code = (
        "import sys, electra_pretrain.finetuning.registry as r; print(len(r.TASKS), sorted({*'%s'.split()} & {*sys.modules}))"
    )
    heavy = "torch transformers tensorflow numpy tokenizers datasets sentencepiece"
    result = subprocess.run([sys.executable, "-c", code % heavy], capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == f"{len(registry.TASKS)} []", result.stderr


TABLES = {
    "empty": ("", "train.tsv: is empty; fetch it again"),
    "blank lines alone": ("\n \n", "train.tsv: is empty; fetch it again"),
    "commas": ("id,document,label\n1,가,0\n", 'line 1: no column "document"; its columns are parted by commas: put tabs'),
    "no header": ("1\t가\t0\n", 'line 1: no column "document"; did you mean .*Or is the header row missing'),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_another_form_are_told_as_what_they_are(tmp_path, name):
    content, message = TABLES[name]
    put(tmp_path, "train.tsv", content.encode())
    with pytest.raises(UserError, match=message):
        registry.TASKS["nsmc"].read(str(tmp_path / "train.tsv"))


def test_a_split_that_is_missing_names_those_that_may_be_scored(tmp_path):
    put(tmp_path, "train.tsv", "x")
    task = registry.TASKS["bq"]
    with pytest.raises(UserError, match="no test split of bq; .* fetch it, or name another folder$"):
        registry.split_paths(task, str(tmp_path), "test")
    put(tmp_path, "dev.tsv", "x")
    with pytest.raises(UserError, match="fetch it, or name another folder; --split dev scores what lies there$"):
        registry.split_paths(task, str(tmp_path), "test")
