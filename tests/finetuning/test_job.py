"""What is learnt, what is scored, and what a folder is held to."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.config import load_finetune_config
from electra_pretrain.finetuning.job import Job, Request
from electra_pretrain.finetuning.registry import find_task
from tests.support.task_files import BEIJING, dump, squad, tsv


def job(name, folder, split, **settings):
    config = load_finetune_config(f"{name}_small", [])
    return Job(Request("model", name, str(folder), "out", **settings), find_task(name), {}, {}, config, split)


def question(id, text, start):
    return {"id": id, "question": "何？", "answers": [{"text": text, "answer_start": start}]}


def test_questions_without_an_answer_in_their_context_are_scored_and_not_learnt(tmp_path, capfd):
    content = dump(squad(BEIJING, question("1", "北京", 0), question("2", "元代", -1)))
    for split in ("train", "dev"):
        (tmp_path / f"cmrc2018_{split}.json").write_text(content, encoding="utf-8")
    asked = job("cmrc2018", tmp_path, "dev")
    train, dev = asked.examples()
    assert ([each.id for each in train], dev) == (["1"], [])
    assert "1 of 2 questions are not learnt: none of their answers stands in its context" in capfd.readouterr().err
    assert [each.id for each in asked.scored_examples(train)] == ["1", "2"]


def test_nothing_to_learn_is_told(tmp_path):
    (tmp_path / "cmrc2018_train.json").write_text(dump(squad(BEIJING, question("2", "元代", -1))), encoding="utf-8")
    with pytest.raises(UserError, match="no answer of the train split stands in its context"):
        job("cmrc2018", tmp_path, "dev").examples()


def test_every_split_is_read_in_the_encoding_and_the_folder_is_held_to_it(tmp_path):
    for split in ("train", "dev", "test"):
        content = tsv(["document", "label"], [f"좋은 {split}", "1"], ["나쁜", "0"])
        (tmp_path / f"{split}.tsv").write_bytes(content.encode("cp949"))
    asked = job("nsmc", tmp_path, "test", select="best", encoding="cp949")
    train, dev = asked.examples()
    read = [train, dev, asked.scored_examples(train)]
    assert [examples[0].text for examples in read] == ["좋은 train", "좋은 dev", "좋은 test"]
    assert asked.asked()["encoding"] == "cp949"
