"""Hyperparameter files of the released code become the configs that ship here; what each key became is told."""

import json

import pytest

from electra_pretrain import run_pretraining
from electra_pretrain.cli import config_arguments
from electra_pretrain.cli.parser import Misuse
from electra_pretrain.config.hparams import load_hparams
from electra_pretrain.config.load import differences, load_config
from electra_pretrain.core.errors import UserError
from tests.conftest import DATA

ON_TPU = {"tpu_name": "electra-base", "tpu_zone": "europe-west4-a", "use_tpu": True, "num_tpu_cores": 8}
# The numbers of KoELECTRA's published files, under its keys.
KOELECTRA = {
    "base_v1": {
        **ON_TPU,
        "vocab_size": 32200,
        "num_train_steps": 700000,
        "save_checkpoints_steps": 25000,
        "train_batch_size": 256,
        "learning_rate": 2e-4,
        "max_seq_length": 512,
        "do_lower_case": False,
    },
    "small_v3": {
        **ON_TPU,
        "model_size": "small",
        "vocab_size": 35000,
        "num_train_steps": 800000,
        "save_checkpoints_steps": 25000,
        "train_batch_size": 512,
        "learning_rate": 5e-4,
        "max_seq_length": 512,
        "do_lower_case": False,
        "generator_hidden_size": 1.0,
        "vocab_file": "gs://bucket/vocab.txt",
    },
}


def write(tmp_path, hparams):
    path = tmp_path / "hparams.json"
    path.write_text(json.dumps(hparams))
    return str(path)


@pytest.mark.parametrize("name", KOELECTRA)
def test_koelectra_files_become_the_configs_that_ship(tmp_path, name):
    config, lines = load_hparams(write(tmp_path, KOELECTRA[name]), [])
    assert differences(load_config(name), config) == {"training.save_checkpoints_steps": (10000, 25000)}
    told = {line.split(" ")[0] for line in lines}
    assert set(KOELECTRA[name]) <= told
    assert 'tpu_name = "electra-base": ignored; give --tpu NAME' in lines


def test_what_the_file_leaves_out_is_told(tmp_path):
    config, lines = load_hparams(write(tmp_path, {"vocab_size": 32200}), [])
    assert config.model.hidden_size == 768 and config.training.train_batch_size == 256
    assert any(line.startswith("model_size = base (not in the file") for line in lines)
    assert "max_seq_length is not in the file: 512, as base" in lines
    large, _ = load_hparams(write(tmp_path, {"model_size": "large"}), [])
    assert (large.objective.mask_prob, large.training.train_batch_size, large.model.num_hidden_layers) == (0.25, 2048, 24)


@pytest.mark.parametrize(
    ("hparams", "told"),
    [
        # KoELECTRA's first base file: 512 tokens come with the size, when the released code has counted for 128.
        (
            {"vocab_size": 32200, "train_batch_size": 256, "learning_rate": 2e-4},
            ["79 of 512 tokens", "code has 19 with", "length 128"],
        ),
        ({"model_size": "large"}, ["130 of 512 tokens", "by mask_prob 0.25", "code has 19 with", "by mask_prob 0.15"]),
        ({"model_size": "large", "max_seq_length": 512}, ["130 of 512", "code has 79 with"]),
        ({"model_size": "large", "max_seq_length": 512, "mask_prob": 0.25}, None),
        ({"max_seq_length": 512}, None),
        ({"model_size": "small"}, None),
    ],
)
def test_other_masked_slots_than_the_released_codes_are_told_with_the_reason(tmp_path, hparams, told):
    _, lines = load_hparams(write(tmp_path, hparams), [])
    about = [line for line in lines if line.startswith("masked slots: ")]
    assert len(about) == (told is not None)
    assert all(part in about[0] for part in told or [])


def test_a_file_of_the_released_code_with_overrides(tmp_path):
    """The settings that the five reference steps of the released code were computed with."""
    released = json.loads((DATA / "released_electra_A.json").read_text())
    sizes = released["model_hparam_overrides"]
    keys = ("train_batch_size", "num_train_steps", "learning_rate", "num_warmup_steps", "vocab_size", "max_seq_length")
    hparams = {key: released[key] for key in (*keys, "generator_hidden_size", "embedding_size", "model_hparam_overrides")}
    config, _ = load_hparams(write(tmp_path, {**hparams, "model_size": "small"}), ["training.seed=7"])
    assert {key: getattr(config.model, key) for key in sizes} == sizes
    assert config.model.embedding_size == released["embedding_size"] and config.training.seed == 7
    assert config.data.max_seq_length == released["max_seq_length"]


def test_a_third_as_the_tables_round_it(tmp_path):
    config, lines = load_hparams(write(tmp_path, {"generator_hidden_size": 0.33}), [])
    assert config.objective.generator_hidden_size == 1 / 3
    assert "generator_hidden_size = 0.33 -> objective.generator_hidden_size = 1/3" in lines


@pytest.mark.parametrize(
    ("hparams", "message"),
    [
        (
            {"train_batchsize": 3},
            r'"train_batchsize" is no hyperparameter.*; mend or remove it \(did you mean train_batch_size.*\?\)$',
        ),
        ({"model_size": "tiny"}, 'model_size = "tiny": must be small, base, large'),
        ({"model_hparam_overrides": {"hidden_act": "relu"}}, 'hidden_act = "relu": can only be "gelu"'),
        (
            {"model_hparam_overrides": {"layers": 3}},
            'model_hparam_overrides: unknown key "layers"; did you mean num_hidden_layers',
        ),
        ({"train_batch_size": "many"}, 'training: *.train_batch_size = "many": must be a whole number'),
        ({"model_size": []}, r"model_size = \[\]: must be text"),
        ({"model_hparam_overrides": None}, "model_hparam_overrides = null: must be a JSON object"),
        ({"use_tpu": "yes"}, 'use_tpu = "yes": must be true or false'),
        ([], "must hold one JSON object"),
    ],
)
def test_mistakes_are_named(tmp_path, hparams, message):
    with pytest.raises(UserError, match=f"hparams.json.*{message}".replace("training: *.", "training.")):
        load_hparams(write(tmp_path, hparams), [])


def test_the_command_takes_either(tmp_path, capsys):
    path = write(tmp_path, KOELECTRA["base_v1"])
    required = ["--data", "data", "--model_dir", "run"]
    args = run_pretraining.parse_args(["--hparams", path, "--set", "training.seed=3", *required])
    assert config_arguments.chosen_config(args).training.seed == 3
    assert f"{path}: train_batch_size = 256 -> training.train_batch_size" in capsys.readouterr().err
    with pytest.raises(Misuse, match="^--config: not allowed with argument --hparams"):
        run_pretraining.parse_args(["--hparams", path, "--config", "tiny", *required])
    with pytest.raises(Misuse, match="^one of the arguments --config --hparams is required"):
        run_pretraining.parse_args(required)
