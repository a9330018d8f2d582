"""Configs: shipped ones complete, mistakes named, overrides applied."""

import dataclasses
import json

import pytest

from electra_pretrain.config.load import differences, left_out, load_config
from electra_pretrain.config.schema import ALL_SECTIONS, SECTIONS, Config
from electra_pretrain.core import shipped
from electra_pretrain.core.errors import UserError

SHIPPED = sorted(path.name for path in shipped.folder("configs").glob("*.json"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configs_are_complete_and_explicit(name):
    values = json.loads((shipped.folder("configs") / name).read_text())
    assert list(values) == ["notes", *ALL_SECTIONS, "phases"] and values["notes"]
    stated = {section: kind for section, kind in ALL_SECTIONS.items() if section in SECTIONS or values[section] is not None}
    for section, section_type in stated.items():
        assert list(values[section]) == [field.name for field in dataclasses.fields(section_type)], section
    load_config(name)


def test_bare_names_with_and_without_ending_and_paths(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"data": {"vocab_size": 77}}))
    assert load_config("tiny") == load_config("tiny.json")
    assert load_config(str(path)).data.vocab_size == 77
    with pytest.raises(UserError, match=r"nothing.json: no such config; .*[.]json"):
        load_config("nothing.json")


def test_overrides():
    config = load_config("tiny.json", ["training.num_train_steps=7", "data.do_lower_case=true", "optimizer.learning_rate=1"])
    assert (config.training.num_train_steps, config.data.do_lower_case, config.optimizer.learning_rate) == (
        7,
        True,
        1.0,
    )
    assert isinstance(config.optimizer.learning_rate, float)


def test_a_retired_switch_is_taken_by_its_name_of_today(tmp_path):
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps({"objective": {"untied_generator_embeddings": True}}))
    assert load_config(str(path)).objective.embedding_sharing == "untied"
    assert load_config("tiny.json", ["objective.untied_generator_embeddings=true"]).objective.embedding_sharing == "untied"
    assert load_config(str(path), ["objective.untied_generator_embeddings=false"]).objective.embedding_sharing == "tied"
    assert not [line for line in left_out(str(path), []) if "embedding" in line and line.startswith("objective")]


BAD = {
    "objective.untied_generator_embeddings=1": r"--set objective.untied_generator_embeddings=1: .* = 1: must be true or false",
    "objective.embedding_sharing=shared": 'embedding_sharing = "shared": must be one of tied, untied, gradient_disentangled',
    "model.type_vocab_size=0": "model.type_vocab_size = 0: only DistilBERT's kind may do without token types",
    "model.type_vocab_size=1": "model.type_vocab_size = 1: must be 0 or 2",
    "objective.random_token_prob=0.1": "random_token_prob = 0.1: needs electra_objective = false",
    "objective.random_token_prob=0.2": "random_token_prob = 0.2: mask_token_prob and random_token_prob must add up to",
    "distillation.layers=[3,1,2]": "distillation.layers = .*: must name as many as model.num_hidden_layers",
    "distillation.layers=[3,1]": "distillation.layers = .*: must be ascending",
    "distillation.alpha_ce=-1": "distillation.alpha_ce = -1.0: must not be negative",
    "distillation.alpha_cos=0.5": "distillation.alpha_mlm = 0.33: needs objective.electra_objective = false",
    "distillation.alpha=0.5": "unknown key .alpha.; did you mean",
    "optimizer.schedule=wsd": "optimizer.decay_steps = 0: optimizer.schedule = .wsd. needs it above 0",
    "optimizer.decay_steps=10": "optimizer.decay_steps = 10: is for optimizer.schedule = .wsd. alone",
    "training.init_moments=true": "training.init_moments = true: needs training.init_from",
    "objective.mask_prob_end=1": "objective.mask_prob_end = 1.0: must be at least 0 and below 1",
    "training.num_train_step=7": 'num_train_step=7: unknown key "num_train_step"; did you mean .*num_train_steps',
    "trainng.seed=7": r"--set trainng.seed=7: must read section.field=value, with a section of model, objective",
    "training.seed": "must read section.field=value",
    "training.num_train_steps=many": 'training.num_train_steps = "many": must be a whole number',
    "training.num_train_steps=1.5": "training.num_train_steps = 1.5: must be a whole number",
    "training.num_train_steps=true": "must be a whole number",
    "data.do_lower_case=1": "data.do_lower_case = 1: must be true or false",
    "optimizer.learning_rate=1e400": "optimizer.learning_rate: 1e400 is no finite number",
    "optimizer.learning_rate=NaN": "optimizer.learning_rate: NaN is no finite number",
    "notes=a": "notes and phases are set in the file",
    "training.num_train_steps=0": r"training.num_train_steps = 0: must lie in",
    "model.hidden_dropout_prob=1.0": "model.hidden_dropout_prob = 1.0: must be at least 0 and below 1",
    "model.num_attention_heads=3": "model.num_attention_heads = 3: must divide model.hidden_size",
    "model.num_hidden_groups=3": "model.num_hidden_groups = 3: must divide model.num_hidden_layers",
    "model.num_hidden_groups=1": "model.num_hidden_groups = 1: needs objective.electra_objective = false",
    "objective.mask_prob=0": "objective.mask_prob = 0.0: must be above 0",
    "training.compute_dtype=float64": 'training.compute_dtype = "float64": must be one of float32, bfloat16, float16',
    "data.max_seq_length=4096": "data.max_seq_length = 4096: must be at least 8 and at most model.max_position_embeddings",
    "training.gradient_accumulation_steps=5": "training.train_batch_size = 64: must be divisible by training.gradient",
}


@pytest.mark.parametrize("override", BAD)
def test_mistakes_are_named(override):
    with pytest.raises(UserError, match=BAD[override]):
        load_config("tiny.json", [override])


def test_a_retired_switch_and_its_successor_may_not_contradict_each_other(tmp_path):
    path = tmp_path / "both.json"
    new, retired = "objective.embedding_sharing=tied", "objective.untied_generator_embeddings=true"
    for one, other in ((new, retired), (retired, new)):
        with pytest.raises(UserError, match=f"--set {other}: --set {one} says otherwise; leave one of them out"):
            load_config("tiny.json", [one, other])
    assert load_config("tiny.json", [new, "objective.embedding_sharing=untied"]).objective.embedding_sharing == "untied"
    path.write_text(json.dumps({"objective": {"untied_generator_embeddings": True, "embedding_sharing": "tied"}}))
    with pytest.raises(UserError, match=r'both.json: objective.untied_generator_embeddings = true: .*sharing = "tied" says'):
        load_config(str(path))


def test_a_generator_that_cannot_be_split_into_heads_is_refused():
    with pytest.raises(UserError, match=r"objective.generator_hidden_size = 0.33: .*1/3 of 768 is 0.33333"):
        load_config("base_v3.json", ["objective.generator_hidden_size=0.33"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must hold one JSON object"),
        ('{"modl": {}}', 'unknown key "modl"; did you mean model'),
        ('{"model": 3}', "model = 3: must be a JSON object"),
    ],
)
def test_bad_files(tmp_path, content, message):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(UserError, match=f"bad.json.*{message}"):
        load_config(str(path))


def test_an_override_cannot_go_into_what_is_no_section(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"model": 5}')
    for read in (load_config, left_out):
        with pytest.raises(UserError, match="bad.json: model = 5: must be a JSON object"):
            read(str(path), ["model.hidden_size=64"])


def test_notes_are_text(tmp_path):
    path = tmp_path / "bad.json"
    path.write_text('{"notes": ["x"]}')
    with pytest.raises(UserError, match=r'bad.json: notes = \["x"\]: must be text'):
        load_config(str(path))


def test_round_trip_and_differences():
    config = load_config("base_v3.json")
    assert Config.from_dict(config.to_dict()) == config
    other = load_config("base_v3.json", ["training.seed=5", "model.hidden_dropout_prob=0.2"])
    assert differences(config, other) == {"training.seed": (0, 5), "model.hidden_dropout_prob": (0.1, 0.2)}


def test_fields_that_a_file_leaves_out_are_told(tmp_path):
    path = tmp_path / "partial.json"
    path.write_text('{"model": {"hidden_size": 64}}')
    told = left_out(str(path), ["training.seed=3"])
    assert "model.embedding_size = 128" in told and "data.vocab_size = 32200" in told
    assert not [line for line in told if line.startswith(("model.hidden_size ", "training.seed "))]
    assert left_out("tiny.json", []) == []
