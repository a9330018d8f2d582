"""A JSON file of another kind in a config's place is told as what it is."""

import json

import pytest

from electra_pretrain.config.hparams import load_hparams
from electra_pretrain.config.load import load_config
from electra_pretrain.core import shipped
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.recipe import load_recipe
from electra_pretrain.finetuning.config import load_finetune_config

OURS = {"model": {"num_hidden_layers": 2}}
HPARAMS = {"model_size": "small", "vocab_size": 1200}
FINETUNE = {"num_train_epochs": 3, "learning_rate": 1e-4}
HUGGING_FACE = {"model_type": "electra", "vocab_size": 35000, "hidden_size": 256}
WRONG = [
    (lambda path, _: load_recipe(path), OURS, "is a config for pretraining, not a cleaning recipe; give the right file"),
    (load_config, HPARAMS, "is a hyperparameter file of the released ELECTRA code, .*; give it as --hparams"),
    (load_config, FINETUNE, "is a config for fine-tuning, not a config for pretraining; finetune takes it"),
    (load_config, HUGGING_FACE, "is the config.json of a Hugging Face model, not a config for pretraining"),
    (load_config, {"name": "default", "rules": []}, "is a cleaning recipe, not"),
    (load_config, {"data": {"vocabulary": {}}, "data_of_phases": []}, "is a run's run.json, not"),
    (load_config, {"version": 1, "train_shards": []}, "is the manifest of records, not"),
    (load_config, {"added_tokens": [], "model": {"type": "WordPiece"}}, "is a tokenizer.json, not"),
    (load_hparams, OURS, "is a config for pretraining, not a hyperparameter file .*; give it as --config"),
    (load_hparams, HUGGING_FACE, "is the config.json of a Hugging Face model, not"),
    (load_finetune_config, OURS, "is a config for pretraining, not a config for fine-tuning; run_pretraining takes it"),
    (load_finetune_config, HPARAMS, "is a hyperparameter file of the released ELECTRA code, not"),
]


@pytest.mark.parametrize(("load", "values", "message"), WRONG)
def test_another_kind_of_file_is_named(tmp_path, load, values, message):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=f"^{path}: {message}"):
        load(str(path), [])


@pytest.mark.parametrize("values", [{}, {"modle": {}}, {"learning_rate": 1e-4}])
def test_what_is_of_no_kind_is_read_as_the_one_that_is_wanted(tmp_path, values):
    path = tmp_path / "file.json"
    path.write_text(json.dumps(values))
    for load in (load_config, load_hparams, load_finetune_config):
        try:
            load(str(path), [])
        except UserError as error:
            assert ": is " not in str(error)


def test_what_ships_is_of_its_kind():
    for folder, load in (("configs", load_config), ("configs/finetune", load_finetune_config)):
        for path in shipped.folder(folder).glob("*.json"):
            load(str(path), [])
