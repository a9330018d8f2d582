"""What no shape of weights shows is kept beside them, and a config that was changed in it is refused."""

import json

import pytest

from electra_pretrain.checkpoint.imported import Imported, load_import, save_import
from electra_pretrain.checkpoint.unseen import Unseen, check_unseen, of_run
from electra_pretrain.core.errors import UserError
from tests.conftest import MICRO, changed

HEADS = changed(MICRO, model={"num_attention_heads": 4})
ELECTRIC = changed(MICRO, objective={"electric_objective": True})


def test_a_runs_config_is_held_to_what_it_was(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"data": {}, "unseen": of_run(MICRO)._asdict()}))
    check_unseen(str(tmp_path), changed(MICRO, training={"seed": 9}))
    for config, message in ((HEADS, "num_attention_heads = 4, was 2"), (ELECTRIC, "electric_objective = true, was false")):
        with pytest.raises(UserError, match=rf"config.json: is not the config .*run.json says: .*{message}; put that"):
            check_unseen(str(tmp_path), config)


def test_an_imports_objective_may_still_be_chosen(tmp_path):
    imported = Imported("x", 0, True, None, Unseen(MICRO.model.num_attention_heads))
    save_import(str(tmp_path), imported)
    assert load_import(str(tmp_path)) == imported
    check_unseen(str(tmp_path), ELECTRIC)
    with pytest.raises(UserError, match="import.json says: model.num_attention_heads = 4, was 2"):
        check_unseen(str(tmp_path), HEADS)


@pytest.mark.parametrize("content", [None, {"data": {}}])
def test_folders_of_others_and_of_earlier_versions_say_nothing(tmp_path, content):
    if content is not None:
        (tmp_path / "run.json").write_text(json.dumps(content))
    check_unseen(str(tmp_path), HEADS)
