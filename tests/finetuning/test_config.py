"""The configs of fine-tuning: those that ship, what is refused, how many steps they come to."""

import dataclasses
import json

import pytest

from electra_pretrain.core import shipped
from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import config as configs
from electra_pretrain.finetuning.registry import TASKS

FOLDER = shipped.folder("configs/finetune")


def test_shipped_configs_say_every_field():
    paths = sorted(FOLDER.glob("*.json"))
    assert {path.stem for path in paths} == {f"{name}_{size}" for name in TASKS for size in ("small", "base")}
    fields = {field.name for field in dataclasses.fields(configs.FinetuneConfig)}
    answers = {"doc_stride", "max_query_length", "max_answer_length", "n_best_size"}
    for path in paths:
        values = json.loads(path.read_text())
        has_questions = TASKS[path.stem.rpartition("_")[0]].kind == "question_answering"
        assert values.keys() == (fields if has_questions else fields - answers), path.name
        assert values["notes"].startswith("https://"), path.name
        assert configs.load_finetune_config(path.stem, []) == configs.from_dict(values, "")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("learning_rates=1", 'unknown key "learning_rates"; did you mean learning_rate'),
        ("learning_rate=fast", 'learning_rate = "fast": must be a number'),
        ("layerwise_lr_decay=1.2", "must be above 0 and at most 1"),
        ("gradient_accumulation_steps=3", "train_batch_size = 32: must be divisible by gradient_accumulation_steps"),
        ("learning_rate", "must read field=value"),
    ],
)
def test_bad_values_are_refused(override, said):
    with pytest.raises(UserError, match=said):
        configs.load_finetune_config("nsmc_small", [override])


def test_a_config_that_leaves_a_field_out_is_refused(tmp_path):
    values = json.loads((FOLDER / "nsmc_small.json").read_text())
    del values["adam_epsilon"]
    (tmp_path / "mine.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match="mine.json: lacks adam_epsilon"):
        configs.load_finetune_config(str(tmp_path / "mine.json"), [])


def test_configs_go_by_width():
    assert [configs.size_of(width) for width in (256, 511, 512, 768, 1024)] == ["small", "small", "base", "base", "base"]


def test_steps_are_the_epochs_batches():
    config = dataclasses.replace(configs.load_finetune_config("nsmc_small", []), train_batch_size=8, num_train_epochs=2.5)
    assert config.num_steps(80) == 25
    assert config.num_steps(81) == 28  # 27.5
    assert dataclasses.replace(config, gradient_accumulation_steps=2).num_steps(81) == 28
