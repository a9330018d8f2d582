"""Fine-tuning piece by piece: configs, layers' rates, batches, checkpoints, chance."""

import dataclasses
import json

import pytest

from electra_pretrain.core import shipped
from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import checkpoints, record
from electra_pretrain.finetuning import config as configs
from electra_pretrain.finetuning.batches import LengthGroupedSampler, by_length
from electra_pretrain.finetuning.examples import Question
from electra_pretrain.finetuning.layer_rates import parameter_groups
from electra_pretrain.finetuning.metrics import chance
from electra_pretrain.finetuning.registry import TASKS
from electra_pretrain.finetuning.task import Task

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
def test_bad_settings_are_refused(override, said):
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


def test_layers_rates_fall_towards_the_input():
    """By hand, of two layers, a rate of 1 and a decay of 0.5: the head is 4 deep, layer 1 two below it, layer 0 three."""
    names = [
        "electra.embeddings.word_embeddings.weight",
        "electra.embeddings.LayerNorm.weight",
        "electra.embeddings_project.weight",
        "electra.embeddings_project.bias",
        "electra.encoder.layer.0.attention.self.query.weight",
        "electra.encoder.layer.0.output.LayerNorm.bias",
        "electra.encoder.layer.1.output.dense.weight",
        "classifier.dense.weight",
        "classifier.dense.bias",
    ]
    groups = parameter_groups([(name, name) for name in names], 2, 1.0, 0.5, 0.01)
    found = {name: (group["lr"], group["weight_decay"]) for group in groups for name in group["params"]}
    assert found == {
        names[0]: (0.0625, 0.01),
        names[1]: (0.0625, 0.0),
        names[2]: (0.0625, 0.01),
        names[3]: (0.0625, 0.0),
        names[4]: (0.125, 0.01),
        names[5]: (0.125, 0.0),
        names[6]: (0.25, 0.01),
        names[7]: (1.0, 0.01),
        names[8]: (1.0, 0.0),
    }


def test_a_model_without_such_layers_takes_one_rate_only():
    parameters = [("transformer.layer.0.ffn.lin1.weight", 0)]
    assert len(parameter_groups(parameters, 1, 1e-4, 1.0, 0.0)) == 1
    with pytest.raises(UserError, match="not named encoder.layer.N"):
        parameter_groups(parameters, 1, 1e-4, 0.8, 0.0)


def test_a_run_that_has_done_nothing_yet_gives_way(tmp_path):
    output = str(tmp_path / "output")
    assert record.finished(output, {"seed": 0}) is None
    assert record.finished(output, {"seed": 1}) is None
    (tmp_path / "output" / "checkpoints").mkdir()
    assert record.finished(output, {"seed": 1}) is None
    with pytest.raises(UserError, match="seed 1 there, 0 asked for"):
        record.finished(output, {"seed": 0})


def test_every_parameter_of_a_model_is_trained_once_and_two_layers_deep_below_the_head():
    import transformers

    config = transformers.ElectraConfig(
        num_hidden_layers=3, hidden_size=8, embedding_size=4, num_attention_heads=1, vocab_size=9
    )
    model = transformers.ElectraForTokenClassification(config)
    groups = parameter_groups(model.named_parameters(), 3, 1e-4, 0.9, 0.01)
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    assert sorted({group["lr"] for group in groups}) == pytest.approx([1e-4 * 0.9**below for below in (5, 4, 3, 2, 0)])


def test_an_epoch_has_every_example_once_in_batches_of_like_length():
    lengths = [3 + index * 7 % 50 for index in range(203)]
    sampler = LengthGroupedSampler(lengths, 8, seed=1, grouped=True)
    first = list(sampler)
    assert sorted(first) == list(range(203))
    spread = [max(part) - min(part) for start in range(0, 203, 8) if (part := [lengths[i] for i in first[start : start + 8]])]
    assert max(spread) <= 4
    assert list(sampler) == first
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(LengthGroupedSampler(lengths, 8, seed=2, grouped=True)) != first


def test_batches_for_scoring_go_from_long_to_short():
    assert by_length([3, 9, 5, 9, 1], 2) == [[1, 3], [2, 0], [4]]


def test_steps_are_the_epochs_batches():
    config = dataclasses.replace(configs.load_finetune_config("nsmc_small", []), train_batch_size=8, num_train_epochs=2.5)
    assert config.num_steps(80) == 25
    assert config.num_steps(81) == 28  # 27.5
    assert dataclasses.replace(config, gradient_accumulation_steps=2).num_steps(81) == 28


def write_checkpoint(folder, step, best=None):
    path = folder / f"checkpoint-{step}"
    path.mkdir()
    (path / "model.safetensors").write_bytes(bytes([step]))
    (path / "trainer_state.json").write_text(json.dumps({"best_model_checkpoint": best and f"elsewhere/checkpoint-{best}"}))
    checkpoints.seal(str(path))
    return path


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    ten, twenty, thirty = (write_checkpoint(tmp_path, step) for step in (10, 20, 30))
    assert checkpoints.newest_whole(str(tmp_path)) == (str(thirty), [])
    (thirty / "model.safetensors").write_bytes(b"\0")
    assert checkpoints.newest_whole(str(tmp_path)) == (str(twenty), [str(thirty)])
    (twenty / "checksums.json").write_text('{"model.saf')
    assert checkpoints.newest_whole(str(tmp_path)) == (str(ten), [str(thirty), str(twenty)])
    (ten / "checksums.json").unlink()
    assert checkpoints.newest_whole(str(tmp_path))[0] is None
    assert checkpoints.newest_whole(str(tmp_path / "none")) == (None, [])


def test_old_checkpoints_go_but_for_the_best(tmp_path):
    for step in (5, 10, 100, 20):
        write_checkpoint(tmp_path, step)
    checkpoints.prune(str(tmp_path), "elsewhere/checkpoint-5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-100", "checkpoint-20", "checkpoint-5"]
    checkpoints.prune(str(tmp_path), None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-100", "checkpoint-20"]


def test_a_checkpoint_is_of_no_use_without_the_best_one_that_it_names(tmp_path):
    ten, twenty = write_checkpoint(tmp_path, 10, best=10), write_checkpoint(tmp_path, 20, best=10)
    assert checkpoints.newest_whole(str(tmp_path)) == (str(twenty), [])
    (ten / "model.safetensors").unlink()
    assert checkpoints.newest_whole(str(tmp_path)) == (None, [str(twenty), str(ten)])


def task(kind, *metrics, labels=()):
    return Task("any", "any", kind, {}, "test", lambda path: [], labels, metrics)


def test_chance_of_classes_is_the_majority_and_two_standard_errors():
    kind, right = task("classification", "accuracy", labels=("a", "b")), [0] * 60 + [1] * 40
    assert chance.chance_level(kind, right) == pytest.approx(60 + 2 * 100 * (0.6 * 0.4 / 100) ** 0.5)  # 69.8
    assert chance.is_at_chance(kind, right, {"accuracy": 69.0})
    assert not chance.is_at_chance(kind, right, {"accuracy": 70.0})


def test_chance_of_scores_tags_and_answers():
    scores = task("regression", "spearman")
    assert chance.chance_level(scores, [0.0] * 101) == pytest.approx(20)
    assert chance.is_at_chance(scores, [0.0] * 101, {"spearman": -15.0})
    tags = task("tagging", "entity_f1", labels=("O", "B-X"))
    assert chance.is_at_chance(tags, [["O", "B-X"]], {"entity_f1": 0.0})
    assert not chance.is_at_chance(tags, [["O", "B-X"]], {"entity_f1": 0.1})
    answers = task("question_answering", "exact_match", "rouge_w")
    asked = [Question("1", "?", "가 나 다 라 마 바", ())]
    assert chance.chance_level(answers, asked) == 100  # of a question without an answer, saying nothing is right
    assert chance.is_at_chance(answers, asked, {"exact_match": 90.0, "rouge_w": 100.0})


def test_loss_of_guessing():
    assert chance.loss_of_guessing([0, 1, 2, 3]) == pytest.approx(1.3862944)
    assert chance.loss_of_guessing([0, 0, 0, 1]) == pytest.approx(0.5623351)
